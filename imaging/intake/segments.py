"""The bytes of a file that comes in pieces: what is durable, what has just arrived, and both as one file again."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from imaging.intake.errors import DamagedOnTheWay, Silent, Superseded
from imaging.intake.models import Parcel
from telehealth.core.blobs import CHUNK, Blobs
from telehealth.core.ids import new_id

KEPT_IN_MEMORY = 1024**2
MOST_UNKEPT_BYTES = 8 * 1024**2
"""After so many bytes, or LONGEST_UNKEPT_S, what arrived is made durable although the request goes on."""
LONGEST_UNKEPT_S = 2.0
LONGEST_SILENCE_S = 60.0
WAITING_PIECES = 16
"""A web server gives pieces of up to 64 KiB."""
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


class Inflow:
    """A request's bytes, taken off the line at once and up to WAITING_PIECES ahead of whoever writes them.

    A web server forgets what it holds of a body when the line breaks; what stands here is kept. As chunks: b"" says
    that nothing came for LONGEST_UNKEPT_S; after a minute of that it raises Silent; a broken line raises at the end.
    """

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._pieces: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(WAITING_PIECES)
        self._stopped = False
        self._reading = asyncio.create_task(self._read(chunks))

    async def _read(self, chunks: AsyncIterator[bytes]) -> None:
        try:
            async for chunk in chunks:
                await self._pieces.put(chunk)
        except Exception as error:  # handed on to whoever takes the pieces
            await self._pieces.put(error)
        else:
            await self._pieces.put(None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        silent_s = 0.0
        while not (self._stopped and self._pieces.empty()):
            try:
                piece = await asyncio.wait_for(self._pieces.get(), LONGEST_UNKEPT_S)
            except TimeoutError:
                silent_s += LONGEST_UNKEPT_S
                if silent_s >= LONGEST_SILENCE_S:
                    raise Silent() from None
                yield b""
                continue
            if piece is None:
                return
            if isinstance(piece, Exception):
                raise piece
            silent_s = 0.0
            yield piece
        raise Superseded()

    def stop(self) -> None:
        """Whoever takes the pieces ends with Superseded after those that are here."""
        self._stopped = True
        self._reading.cancel()
        if self._pieces.empty():
            self._pieces.put_nowait(Superseded())

    def __enter__(self) -> "Inflow":
        return self

    def __exit__(self, *_: object) -> None:
        self._reading.cancel()


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
