"""Byte ranges of a value in memory (RFC 9110, 14): one range, or the whole."""

import re

from fastapi import Request, Response

RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def ranged(request: Request, content: bytes, media_type: str) -> Response:
    """206 for a range that can be met, 416 for one that cannot, 200 for none, several or an unknown unit."""
    asked = RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if asked is None or asked[0] == "bytes=-":
        return Response(content, media_type=media_type, headers=headers)
    first, last = _bounds(asked[1], asked[2], len(content))
    if first > last or first >= len(content):
        return Response(status_code=416, headers={"Content-Range": f"bytes */{len(content)}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return Response(content[first : last + 1], 206, media_type=media_type, headers=headers)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """`0-9` the first ten, `10-` from there on, `-10` the last ten."""
    if not first:
        return max(size - int(last), 0), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1
