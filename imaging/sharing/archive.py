"""A zip that is written while it is sent: never whole in memory, never on disk. Pixels do not shrink, so all is stored."""

import zipfile
from collections.abc import AsyncIterator
from datetime import datetime

Member = tuple[str, AsyncIterator[bytes]]
SMALL = 64 * 1024


class _Pipe:
    """What `zipfile` writes to; a stream without seeking, so sizes follow the content."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.size = 0

    def write(self, content: bytes) -> int:
        self.pieces.append(bytes(content))
        self.size += len(content)
        return len(content)

    def flush(self) -> None: ...

    def take(self) -> bytes:
        taken, self.pieces, self.size = b"".join(self.pieces), [], 0
        return taken


async def zipped(members: AsyncIterator[Member], made_at: datetime) -> AsyncIterator[bytes]:
    """Pieces of the archive. Large members are fine (zip64)."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:  # type: ignore[call-overload]
        async for name, content in members:
            entry = zipfile.ZipInfo(name, made_at.timetuple()[:6])
            with archive.open(entry, "w", force_zip64=True) as member:
                async for piece in content:
                    member.write(piece)
                    if pipe.size > SMALL:
                        yield pipe.take()
    yield pipe.take()
