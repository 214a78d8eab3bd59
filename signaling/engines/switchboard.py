"""Between the rooms and the engines: which engine carries which room, and what pages and engine say to each other.

A room of two goes from page to page. When a third comes in and a Janus is there, the room moves to it, and stays. When
that Janus dies, the room moves to another in the same second; without another it goes back to the mesh.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from uuid import UUID

import structlog

from signaling import messages as m
from signaling.engines.engine import Engine, EngineLost, EngineRefused, Offer
from signaling.engines.mesh import MOST, Mesh
from signaling.engines.pool import Pool
from signaling.rooms import INSIDE_AT_ONCE

log = structlog.get_logger()

MESH_IS_BETTER = 2
"""Two people are nearest to each other without anybody in between."""


class Rooms(Protocol):
    """The hub, as far as it is needed here."""

    def tell(self, line: UUID, message: m.FromRoom) -> None: ...

    def published(self, room_id: UUID, line: UUID, streams: list[m.Source]) -> None: ...

    def use(self, room_id: UUID, media: m.MediaPath) -> None: ...


class Switchboard:
    def __init__(self, rooms: Rooms, urls: Sequence[str], secret: str) -> None:
        self.rooms = rooms
        self.mesh = Mesh()
        self.pool = Pool(urls, secret, rooms.published, self._moved)
        self.engines: dict[UUID, Engine] = {}
        self._locks: dict[UUID, asyncio.Lock] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._reaching: asyncio.Task[None] | None = None

    # From the hub: none of these waits

    def inside(self, room: UUID, lines: int) -> None:
        """So many people are inside now."""
        if lines > MESH_IS_BETTER and room not in self.engines and self.pool.ready:
            self._do(room, lambda: self._move(room))

    def most(self, room: UUID) -> int:
        return INSIDE_AT_ONCE if room in self.engines or self.pool.ready else MOST

    def hear(self, room: UUID, line: UUID, message: m.ToEngine) -> None:
        self._do(room, lambda: self._hear(room, line, message))

    def unplug(self, room: UUID, line: UUID) -> None:
        self._do(room, lambda: self._engine(room).leave(room, line))

    def close(self, room: UUID) -> None:
        self._do(room, lambda: self._close(room))

    # Lifetime

    def start(self) -> None:
        self._reaching = asyncio.create_task(self.pool.run())

    async def stop(self) -> None:
        if self._reaching:
            self._reaching.cancel()
        for task in list(self._work):
            task.cancel()
        await asyncio.gather(*self._work, *([self._reaching] if self._reaching else []), return_exceptions=True)
        await self.pool.close()

    # Work of one room happens in the order in which it was asked for

    def _do(self, room: UUID, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.get_running_loop().create_task(self._in_order(room, work))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _in_order(self, room: UUID, work: Callable[[], Awaitable[None]]) -> None:
        async with self._locks.setdefault(room, asyncio.Lock()):
            try:
                await work()
            except EngineLost as error:
                log.warning("engine_silent", reason=str(error))  # its wire says so too, and moves the rooms

    def _engine(self, room: UUID) -> Engine:
        return self.engines.get(room, self.mesh)

    async def _move(self, room: UUID) -> None:
        if room in self.engines:
            return
        host = await self.pool.place(room)
        if host:
            self.engines[room] = host
            self.rooms.use(room, "engine")

    def _moved(self, rooms: list[UUID]) -> None:
        for room in rooms:
            self.engines.pop(room, None)
            self._do(room, lambda room=room: self._move_elsewhere(room))  # type: ignore[misc]

    async def _move_elsewhere(self, room: UUID) -> None:
        await self._move(room)
        if room not in self.engines:
            self.rooms.use(room, "peer")

    async def _close(self, room: UUID) -> None:
        try:
            await self._engine(room).close(room)
        except EngineRefused as error:
            log.info("engine_refused", reason=str(error))
        self.engines.pop(room, None)
        self._locks.pop(room, None)

    async def _hear(self, room: UUID, line: UUID, message: m.ToEngine) -> None:
        engine = self._engine(room)
        if engine.path == "peer":
            # the page believes in an engine that this process knows nothing of: the room came here from one that died
            return await self._move_elsewhere(room) if isinstance(message, m.Publish) else None
        try:
            await self._pass_on(engine, room, line, message)
        except EngineRefused as error:
            log.info("engine_refused", request=message.kind, reason=str(error))
            self.rooms.tell(line, m.Refused(reason="engine_busy"))

    async def _pass_on(self, engine: Engine, room: UUID, line: UUID, message: m.ToEngine) -> None:
        match message:
            case m.Publish(sdp=sdp, streams=streams):
                answer = await engine.publish(room, line, sdp, streams)
                self.rooms.tell(line, m.Published(sdp=answer or ""))
            case m.Subscribe(streams=wanted):
                self._offer(line, await engine.subscribe(room, line, wanted))
            case m.Accept(sdp=sdp):
                self._offer(line, await engine.accept(room, line, sdp))
            case m.Layers(layers=layers):
                await engine.choose(room, line, layers)
            case m.Trickle():
                await engine.trickle(room, line, message)

    def _offer(self, line: UUID, offer: Offer | None) -> None:
        if offer:
            self.rooms.tell(line, m.Offered(sdp=offer.sdp, streams=offer.streams))
