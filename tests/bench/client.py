"""A small HTTP/1.1 client for load: keep-alive, a tenth of what a friendly client costs, so that the server is measured."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from time import perf_counter
from urllib.parse import urlsplit

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Client:
    """Connections to one server, as many as are in use at a time."""

    base: str
    headers: dict[str, str]
    idle: list[Connection] = field(default_factory=list)

    async def ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, bytes]:
        """(status, body). The path stands below `base`."""
        while self.idle:
            try:
                return await self._ask(self.idle.pop(), method, path, headers, body)
            except (asyncio.IncompleteReadError, ConnectionError):
                continue  # closed by the server while nobody asked
        address = urlsplit(self.base)
        connection = await asyncio.open_connection(address.hostname, address.port, limit=2**22)
        return await self._ask(connection, method, path, headers, body)

    async def _ask(
        self, connection: Connection, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes]:
        address = urlsplit(self.base)
        reader, writer = connection
        told = {"Host": address.netloc, "Content-Length": str(len(body)), **self.headers, **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        writer.writelines([f"{method} {address.path}{path} HTTP/1.1\r\n{head}\r\n".encode(), body])
        status, answered = await _head(reader)
        content = await _body(reader, answered)
        self.idle.append(connection)
        return status, content

    async def get(self, path: str, accept: str = "application/dicom+json") -> bytes:
        status, content = await self.ask("GET", path, {"Accept": accept})
        assert status == 200, (status, path, content[:500])
        return content

    def close(self) -> None:
        for _, writer in self.idle:
            writer.close()
        self.idle.clear()


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    return int(first.split()[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    pieces = []
    while size := int((await reader.readline()).split(b";")[0], 16):
        pieces.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(pieces)


async def seconds(asks: Iterable[Callable[[], Awaitable[object]]], at_once: int = 1) -> list[float]:
    """How long each took, `at_once` of them running at a time."""
    waiting, took = iter(asks), []

    async def worker() -> None:
        for ask in waiting:
            began = perf_counter()
            await ask()
            took.append(perf_counter() - began)

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return took
