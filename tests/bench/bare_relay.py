"""`python -m tests.bench.bare_relay PORT`: the least that a relay can do. Whoever shares a path hears the others."""

import asyncio
import sys
from contextlib import suppress

import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

rooms: dict[str, set[ServerConnection]] = {}


async def relay(socket: ServerConnection) -> None:
    assert socket.request is not None
    room = rooms.setdefault(socket.request.path, set())
    room.add(socket)
    with suppress(ConnectionClosed):
        async for text in socket:
            for other in room - {socket}:
                await other.send(text)
    room.discard(socket)


async def main(port: int) -> None:
    async with serve(relay, "127.0.0.1", port, compression=None, ping_interval=None):
        await asyncio.Future()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
