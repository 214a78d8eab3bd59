"""multipart/related (RFC 2387; PS3.18, 8.6.1.2), streamed in both directions with bounds."""

import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

from telehealth.core.errors import Invalid

HEADER_BYTES = 8 * 1024
PARTS = 20_000


class BadMultipart(Invalid):
    code = "bad-multipart"
    title = "The message cannot be taken apart"


def parameters(content_type: str) -> tuple[str, dict[str, str]]:
    """`multipart/related; type="application/dicom"; boundary=x` -> (media type, parameters), names in lower case."""
    media_type, _, rest = content_type.partition(";")
    found = re.findall(r'([A-Za-z0-9_\-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;,\s]+))', rest)
    return media_type.strip().lower(), {name.lower(): quoted or plain for name, quoted, plain in found}


@dataclass
class Part:
    """One part. `chunks` must be read, or left, before the next part is asked for."""

    headers: dict[str, str]
    chunks: AsyncIterator[bytes]


class Reader:
    """Parts of a body that arrives in chunks; holds one chunk and one delimiter's length in memory."""

    def __init__(self, body: AsyncIterator[bytes], boundary: str) -> None:
        if not 0 < len(boundary) <= 200:
            raise BadMultipart("boundary")
        self.body = body
        self.delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
        self.buffer = b"\r\n"  # so that the first delimiter looks like the others
        self.ended = False
        self.in_part = False

    async def _more(self) -> bool:
        async for chunk in self.body:
            if chunk:
                self.buffer += chunk
                return True
        self.ended = True
        return False

    async def __aiter__(self) -> AsyncIterator[Part]:
        async for _ in self._until_delimiter():
            pass  # what stands before the first part means nothing
        for _ in range(PARTS):
            if not await self._opens_part():
                return
            part = Part(await self._headers(), self._until_delimiter())
            self.in_part = True
            yield part
            if self.in_part:
                async for _ in part.chunks:
                    pass
        raise BadMultipart("too many parts")

    async def _need(self, size: int) -> None:
        while len(self.buffer) < size:
            if not await self._more():
                raise BadMultipart("the message ends too early")

    async def _opens_part(self) -> bool:
        """After a delimiter: another part, or `--` for the end."""
        await self._need(2)
        if self.buffer.startswith(b"--"):
            return False
        while b"\r\n" not in self.buffer[:256]:
            if len(self.buffer) >= 256 or not await self._more():
                raise BadMultipart("boundary")
        self.buffer = self.buffer[self.buffer.index(b"\r\n") :]
        return True

    async def _headers(self) -> dict[str, str]:
        while b"\r\n\r\n" not in self.buffer:
            if len(self.buffer) > HEADER_BYTES or not await self._more():
                raise BadMultipart("a part's header")
        block, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        if len(block) > HEADER_BYTES:
            raise BadMultipart("a part's header")
        self.buffer = b"\r\n" + self.buffer if self.buffer.startswith(self.delimiter[2:]) else self.buffer
        lines = (line.partition(":") for line in block.decode("latin-1").split("\r\n") if line)
        return {name.strip().lower(): value.strip() for name, _, value in lines}

    async def _until_delimiter(self) -> AsyncIterator[bytes]:
        keep = len(self.delimiter)
        while True:
            at = self.buffer.find(self.delimiter)
            if at >= 0:
                piece, self.buffer = self.buffer[:at], self.buffer[at + keep :]
                self.in_part = False
                if piece:
                    yield piece
                return
            if len(self.buffer) > keep:
                piece, self.buffer = self.buffer[:-keep], self.buffer[-keep:]
                yield piece
            if not await self._more():
                raise BadMultipart("the message ends too early")


def new_boundary() -> str:
    return secrets.token_hex(16)


def part_head(boundary: str, content_type: str, location: str = "", size: int | None = None) -> bytes:
    lines = [f"--{boundary}", f"Content-Type: {content_type}"]
    if size is not None:
        lines.append(f"Content-Length: {size}")
    if location:
        lines.append(f"Content-Location: {location}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def tail(boundary: str) -> bytes:
    return f"--{boundary}--\r\n".encode()
