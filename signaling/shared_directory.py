"""The directory of several processes and hosts, in Redis or Valkey.

Keys: `calls:process:<id>` a lease · `calls:room:<id>` its owner · `calls:state:<id>` what a successor needs ·
`calls:over:<id>` and `calls:spent:<id>` what must not be used again. Parcels go over the channel `calls:to:<process>`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from signaling.directory import REMEMBERED, Parcels, State, Unreachable

log = structlog.get_logger()

LEASE_MS = 2000
RENEW_S = 0.5
ROOM_S = 24 * 3600
AGAIN_S = 0.2
LENGTH_BYTES = 4
LEASE, ROOM, STATE, GONE, SPENT, CHANNEL = (f"calls:{kind}:" for kind in ("process", "room", "state", "over", "spent", "to"))

CLAIM = """
if redis.call('EXISTS', KEYS[2]) == 1 then return '' end
local owner = redis.call('GET', KEYS[1])
if owner and redis.call('EXISTS', ARGV[2] .. owner) == 1 then return owner end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
return ARGV[1]
"""
"""In one step, so that two processes that ask at once hear the same owner."""


def parcels_in(bundle: bytes) -> Iterator[bytes]:
    """Each with its length before it."""
    at = 0
    while at < len(bundle):
        start = at + LENGTH_BYTES
        at = start + int.from_bytes(bundle[at:start], "big")
        yield bundle[start:at]


class SharedDirectory:
    opened: Parcels
    broken: Callable[[], None]

    def __init__(self, url: str) -> None:
        self.me = uuid4().hex
        self.redis = Redis.from_url(url, protocol=2, socket_timeout=2, socket_connect_timeout=2)
        self._claim = self.redis.register_script(CLAIM)
        self._states: dict[UUID, State] = {}
        self._closed: set[UUID] = set()
        self._parcels: dict[str, list[bytes]] = {}
        self._work, self._mail = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.leased = False

    # What is asked

    async def claim(self, room: UUID) -> str:
        found = await self._ask(self._claim(keys=[f"{ROOM}{room}", f"{GONE}{room}"], args=[self.me, LEASE, ROOM_S]))
        return cast(bytes, found).decode()

    async def owner_of(self, room: UUID) -> str | None:
        owner = cast(bytes | None, await self._ask(self.redis.get(f"{ROOM}{room}")))
        return owner.decode() if owner and await self.alive([owner.decode()]) else None

    async def spend(self, ticket: UUID, _now: datetime) -> bool:
        return bool(await self._ask(self.redis.set(f"{SPENT}{ticket}", 1, nx=True, ex=REMEMBERED)))

    async def load(self, room: UUID) -> bytes | None:
        return cast(bytes | None, await self._ask(self.redis.get(f"{STATE}{room}")))

    async def alive(self, processes: Collection[str]) -> set[str]:
        asked = list(processes)
        found = cast(list[bytes | None], await self._ask(self.redis.mget([LEASE + process for process in asked])))
        return {process for process, lease in zip(asked, found, strict=True) if lease}

    async def _ask(self, question: Awaitable[Any]) -> Any:
        try:
            return await question
        except (RedisError, OSError) as error:
            raise Unreachable(type(error).__name__) from None

    # What is told, without waiting

    def keep(self, room: UUID, state: State) -> None:
        self._states[room] = state
        self._work.set()

    def close(self, room: UUID, _now: datetime) -> None:
        self._closed.add(room)
        self._work.set()

    def post(self, process: str, parcel: bytes) -> None:
        self._parcels.setdefault(CHANNEL + process, []).append(len(parcel).to_bytes(LENGTH_BYTES, "big") + parcel)
        self._mail.set()

    async def _tell(self) -> None:
        """States and ends of rooms."""
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                await self.flush()
            except (RedisError, OSError) as error:
                log.warning("calls_directory_not_told", reason=type(error).__name__)
                self.broken()
                await asyncio.sleep(AGAIN_S)

    async def flush(self) -> None:
        """Everything noted about rooms so far, in one round trip. Raises RedisError."""
        closed, self._closed = self._closed, set()
        states, self._states = self._states, {}
        pipe = self.redis.pipeline(transaction=False)
        for room, state in states.items():
            found = None if room in closed else state()
            if found is None:
                pipe.delete(f"{ROOM}{room}", f"{STATE}{room}")
            else:
                pipe.set(f"{STATE}{room}", found, ex=ROOM_S)
        for room in closed:
            pipe.set(f"{GONE}{room}", 1, ex=REMEMBERED)
            pipe.delete(f"{ROOM}{room}", f"{STATE}{room}")
        await pipe.execute()

    async def _send(self) -> None:
        """Parcels, on a connection of their own that waits for no answers; those that came meanwhile leave together."""
        while True:
            connection = self.redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
            try:
                await connection.connect()
                await connection.send_command("CLIENT", "REPLY", "OFF")
                while True:
                    await self._mail.wait()
                    self._mail.clear()
                    parcels, self._parcels = self._parcels, {}
                    for channel, some in parcels.items():
                        await connection.send_command("PUBLISH", channel, b"".join(some), check_health=False)
            except (RedisError, OSError) as error:
                log.warning("calls_parcels_lost", reason=type(error).__name__)
                self.broken()
                await asyncio.sleep(AGAIN_S)
            finally:
                await connection.disconnect()

    # The lease and the parcels for this process

    async def start(self, opened: Parcels, broken: Callable[[], None]) -> None:
        """Also where Redis is not there yet: pages are asked to come back until it is."""
        self.opened, self.broken = opened, broken
        with suppress(Unreachable):
            await self._ask(self._renew())
        self._tasks = [asyncio.create_task(work()) for work in (self._listen, self._tell, self._send, self._keep_lease)]

    async def _renew(self) -> None:
        """Raises RedisError. A lease that had run out may have cost rooms: nothing is sure any more."""
        held = await self.redis.set(LEASE + self.me, 1, px=LEASE_MS, get=True)
        if self.leased and not held:
            log.warning("calls_lease_lost")
            self.broken()
        self.leased = True

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            with suppress(RedisError, OSError):
                await self._renew()

    async def _listen(self) -> None:
        while True:
            try:
                async with self.redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(CHANNEL + self.me)
                    async for message in channel.listen():
                        for parcel in parcels_in(message["data"]):
                            self.opened(parcel)
            except (RedisError, OSError) as error:
                log.warning("calls_directory_lost", reason=type(error).__name__)
            self.broken()
            await asyncio.sleep(AGAIN_S)

    async def leave(self, states: dict[UUID, bytes]) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:  # a reader between two replies may swallow the word; pages must not wait for it
            await asyncio.wait(self._tasks, timeout=1)
        with suppress(RedisError, OSError):
            await self.flush()
            pipe = self.redis.pipeline()
            for room, state in states.items():
                pipe.set(f"{STATE}{room}", state, ex=ROOM_S)
            pipe.delete(LEASE + self.me)
            await pipe.execute()

    async def stop(self) -> None:
        with suppress(RedisError, OSError):
            await self.flush()
        await self.redis.aclose()
