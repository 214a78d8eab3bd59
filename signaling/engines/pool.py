"""Several Janus servers as one: placement by load, health, drain, and word of those that died."""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import structlog

from signaling.engines.engine import EngineLost, EngineRefused
from signaling.engines.janus import Janus, Up

log = structlog.get_logger()

AGAIN_S = 1.0
"""Between two tries to reach a server that is away."""


class Pool:
    """lost: the rooms of a server that died, to be placed anew."""

    def __init__(self, urls: Sequence[str], secret: str, up: Up, lost: Callable[[list[UUID]], None]) -> None:
        self.lost = lost
        self.draining: set[str] = set()
        self.hosts = {url: Janus(url, secret, up, lambda url=url: self._died(url)) for url in urls}  # type: ignore[misc]

    @property
    def ready(self) -> list[Janus]:
        """Servers that answer and take new rooms, the least loaded first."""
        healthy = [host for url, host in self.hosts.items() if host.wire.open and url not in self.draining]
        return sorted(healthy, key=load_of)

    def drain(self, url: str) -> None:
        """No new rooms; those that are there stay until they end."""
        self.draining.add(url)

    async def place(self, room: UUID) -> Janus | None:
        """Open the room on the least loaded server that takes it; None if there is none."""
        for host in self.ready:
            try:
                await host.open(room)
            except (EngineLost, EngineRefused) as error:
                log.warning("engine_not_opened", engine=host.wire.url, reason=str(error))
            else:
                return host
        return None

    async def run(self) -> None:
        """Reach for servers that are away, for ever."""
        while True:
            for url, host in self.hosts.items():
                if not host.wire.open:
                    await self._reach(url, host)
            await asyncio.sleep(AGAIN_S)

    async def _reach(self, url: str, host: Janus) -> None:
        try:
            await host.wire.connect()
        except (EngineLost, EngineRefused):
            return
        log.info("engine_reached", engine=url)

    def _died(self, url: str) -> None:
        host = self.hosts[url]
        rooms, host.rooms = list(host.rooms), {}
        log.warning("engine_lost", engine=url, rooms=len(rooms))
        if rooms:
            self.lost(rooms)

    async def close(self) -> None:
        for host in self.hosts.values():
            host.rooms = {}
            await host.wire.close()


def load_of(host: Janus) -> int:
    """Connections: what a server pays for."""
    load = host.statistics()
    return load.publishers + load.subscriptions
