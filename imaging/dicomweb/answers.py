"""Answers whose bytes are at hand: sent piece by piece without being joined; and the ones worth keeping."""

import gzip
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from fastapi import Request, Response
from starlette.background import BackgroundTask
from starlette.types import Receive, Scope, Send

KEPT_BYTES = 24 * 1024**2


class Pieces(Response):
    """Several byte strings as one body."""

    def __init__(
        self, pieces: Sequence[bytes], media_type: str, headers: Sequence[tuple[bytes, bytes]] = (), status_code: int = 200
    ) -> None:
        self.pieces = pieces
        self.status_code = status_code
        self.media_type = media_type
        self.background: BackgroundTask | None = None
        size = sum(map(len, pieces))
        self.raw_headers = [(b"content-type", media_type.encode()), (b"content-length", b"%d" % size), *headers]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for piece in self.pieces[:-1]:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": self.pieces[-1] if self.pieces else b""})


@dataclass
class Document:
    """Something that many ask for, plain and compressed. etag: changes with the versions that it was made from."""

    plain: bytes
    etag: str

    @cached_property
    def packed(self) -> bytes:
        return gzip.compress(self.plain, 5, mtime=0)

    @property
    def size(self) -> int:
        return len(self.plain) + len(self.__dict__.get("packed", b""))


@dataclass
class Kept:
    """The newest documents, as many as fit. A key holds the versions, so nothing in here grows old."""

    documents: OrderedDict[tuple[object, ...], Document] = field(default_factory=OrderedDict)
    limit: int = KEPT_BYTES

    def get(self, key: tuple[object, ...]) -> Document | None:
        found = self.documents.get(key)
        if found:
            self.documents.move_to_end(key)
        return found

    def put(self, key: tuple[object, ...], document: Document) -> Document:
        self.documents[key] = document
        while sum(one.size for one in self.documents.values()) > self.limit and len(self.documents) > 1:
            self.documents.popitem(last=False)
        return document


def has_seen(request: Request, etag: str) -> bool:
    """Whether If-None-Match names it (RFC 9110, 13.1.2: compared weakly)."""
    asked = request.headers.get("if-none-match", "")
    return asked == "*" or etag in (one.strip().removeprefix("W/") for one in asked.split(",") if one)


def not_modified(etag: str) -> Response:
    return Response(status_code=304, headers={"ETag": etag, "Cache-Control": "private, no-cache", "Vary": VARY})


VARY = "Accept, Accept-Encoding, Authorization, Cookie"


def _takes_gzip(request: Request) -> bool:
    ranges = (one.strip().replace(" ", "") for one in request.headers.get("accept-encoding", "").lower().split(","))
    return any(one in ("gzip", "*") or (one.startswith(("gzip;q=", "*;q=")) and float_of(one) > 0) for one in ranges)


def float_of(coding: str) -> float:
    try:
        return float(coding.partition("q=")[2])
    except ValueError:
        return 0


def document_answer(request: Request, document: Document, media_type: str) -> Response:
    """The document, compressed where that is taken, or 304 for a reader who has it."""
    if has_seen(request, document.etag):
        return not_modified(document.etag)
    headers = [(b"etag", document.etag.encode()), (b"cache-control", b"private, no-cache"), (b"vary", VARY.encode())]
    if _takes_gzip(request):
        return Pieces([document.packed], media_type, [*headers, (b"content-encoding", b"gzip")])
    return Pieces([document.plain], media_type, headers)
