"""The bytes of a file that comes in pieces: what is durable, what has just arrived, and both as one file again."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from imaging.intake.errors import DamagedOnTheWay, Silent
from imaging.intake.models import Parcel
from telehealth.core.blobs import CHUNK, Blobs
from telehealth.core.ids import new_id

KEPT_IN_MEMORY = 1024**2
MOST_UNKEPT_BYTES = 8 * 1024**2
"""After so many bytes, or LONGEST_UNKEPT_S, what arrived is made durable although the request goes on."""
LONGEST_UNKEPT_S = 2.0
LONGEST_SILENCE_S = 60.0
GZIP_WINDOW = 31
"""zlib's name for "with a gzip header" and the largest window."""


class Tail:
    """Bytes of one request that are not durable yet: up to 1 MiB in memory, the rest in a staged file."""

    def __init__(self, blobs: Blobs) -> None:
        self.blobs = blobs
        self.size = 0
        self._staged: Path | None = None
        self._memory: list[bytes] = []
        self._in_memory = 0

    async def write(self, chunk: bytes) -> None:
        self._memory.append(chunk)
        self.size += len(chunk)
        self._in_memory += len(chunk)
        if self._in_memory >= KEPT_IN_MEMORY:
            await self._spill()

    async def _spill(self) -> None:
        self._staged = self._staged or self.blobs.staging()
        waiting, self._memory, self._in_memory = self._memory, [], 0
        await asyncio.to_thread(_append, self._staged, waiting)

    async def keep(self, parcel: Parcel) -> list[str | int]:
        """Make it durable as a segment of its own: (key, bytes). The tail is empty afterwards."""
        await self._spill()
        assert self._staged is not None
        # a key that no other request can have: two that race for one offset never share an object
        key, size = f"parcel/{parcel.id}/{parcel.received}-{new_id().hex}", self.size
        await self.blobs.put(key, self._staged)
        self._staged, self.size = None, 0
        return [key, size]

    async def content(self) -> AsyncIterator[bytes]:
        if self._staged is not None:
            with self._staged.open("rb") as file:
                while chunk := await asyncio.to_thread(file.read, CHUNK):
                    yield chunk
        for chunk in self._memory:
            yield chunk

    def drop(self) -> None:
        if self._staged is not None:
            self._staged.unlink(missing_ok=True)
        self._staged, self._memory, self._in_memory, self.size = None, [], 0, 0


def _append(path: Path, chunks: Iterable[bytes]) -> None:
    with path.open("ab") as file:
        file.writelines(chunks)


async def ticking(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks as they come, and b"" after each LONGEST_UNKEPT_S without one. Raises Silent after a minute."""
    silent_s = 0.0
    source = aiter(chunks)
    waiting = asyncio.ensure_future(anext(source))
    try:
        while True:
            done, _ = await asyncio.wait({waiting}, timeout=LONGEST_UNKEPT_S)
            if not done:
                silent_s += LONGEST_UNKEPT_S
                if silent_s >= LONGEST_SILENCE_S:
                    raise Silent()
                yield b""
                continue
            try:
                chunk = waiting.result()
            except StopAsyncIteration:
                return
            silent_s = 0.0
            yield chunk
            waiting = asyncio.ensure_future(anext(source))
    finally:
        waiting.cancel()


async def whole(blobs: Blobs, parcel: Parcel, segments: Sequence[Sequence[str | int]], tail: Tail) -> AsyncIterator[bytes]:
    """The file as it lies at the sender's, unpacked. Raises DamagedOnTheWay at its end if it is not what was announced."""
    digest, size = sha256(), 0
    wire = _wire(blobs, segments, tail)
    async for chunk in _unpacked(wire) if parcel.encoding == "gzip" else wire:
        size += len(chunk)
        if size > parcel.size:
            raise DamagedOnTheWay()
        digest.update(chunk)
        yield chunk
    if size != parcel.size or parcel.sha256 not in ("", digest.hexdigest()):
        raise DamagedOnTheWay()


async def _wire(blobs: Blobs, segments: Sequence[Sequence[str | int]], tail: Tail) -> AsyncIterator[bytes]:
    for key, _size in segments:
        yield await blobs.read(str(key))
    async for chunk in tail.content():
        yield chunk


async def _unpacked(wire: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """gzip, in steps of 1 MiB of content: a bomb ends at the size that was announced."""
    inflate = zlib.decompressobj(GZIP_WINDOW)
    async for chunk in wire:
        rest = chunk
        while rest and not inflate.eof:
            try:
                yield await asyncio.to_thread(inflate.decompress, rest, CHUNK)
            except zlib.error:
                raise DamagedOnTheWay() from None
            rest = inflate.unconsumed_tail
    if not inflate.eof:
        yield inflate.flush()  # what a full step left inside
    if not inflate.eof:
        raise DamagedOnTheWay()
