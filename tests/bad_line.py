"""A line as a clinic in the hills has it: slow, and cut again and again. A TCP relay on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

PIECE = 4096


@dataclass
class Line:
    """rate: bytes a second upwards, all connections together. cut_after: bytes upwards between two cuts, 0 for none.

    away_s: after a cut nobody gets through for so long; away: nobody at all.
    """

    target: tuple[str, int]
    rate: float = 0
    cut_after: int = 0
    most_cuts: int = 1_000_000
    away_s: float = 0
    away: bool = False
    up: int = 0
    cuts: int = 0
    port: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _since: int = 0
    _free_at: float = 0
    _back_at: float = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Everybody's connection dies at once, without a word."""
        self.cuts += 1
        self._since = 0
        self._back_at = asyncio.get_running_loop().time() + self.away_s
        for writer in list(self._writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.away or asyncio.get_running_loop().time() < self._back_at:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:  # nobody is at home
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(self._upwards(reader, far_writer), self._downwards(far_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass  # cut, or the block is over
        finally:
            self._writers -= {writer, far_writer}
            writer.transport.abort()
            far_writer.transport.abort()

    async def _upwards(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE):
            await self._wait(len(piece))
            self.up += len(piece)
            self._since += len(piece)
            writer.write(piece)
            await writer.drain()
            if self.cut_after and self._since >= self.cut_after and self.cuts < self.most_cuts:
                self.cut()
                return
        writer.write_eof()

    async def _downwards(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
        writer.write_eof()

    async def _wait(self, size: int) -> None:
        if not self.rate:
            return
        now = asyncio.get_running_loop().time()
        self._free_at = max(now, self._free_at) + size / self.rate
        await asyncio.sleep(self._free_at - now)


@asynccontextmanager
async def bad_line(target: str, **how: float) -> AsyncIterator[Line]:
    """A line to `target` (http://host:port) for as long as the block."""
    host, _, port = target.removeprefix("http://").partition(":")
    line = Line((host, int(port)), **how)  # type: ignore[arg-type]
    # a small window: what a sender believes gone is nearly gone
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0, limit=PIECE)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        for writer in list(line._writers):
            writer.transport.abort()
