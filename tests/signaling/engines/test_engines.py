"""One suite for every engine; what only Janus does stands below."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from signaling import messages as m
from signaling.engines import local
from signaling.engines.engine import Engine, Load
from signaling.engines.janus import Janus
from signaling.engines.mesh import Mesh
from signaling.engines.pool import Pool
from signaling.engines.switchboard import Switchboard
from telehealth.core.ids import new_id
from tests.conftest import missing
from tests.signaling.engines.peers import Receiver, Sender
from tests.signaling.engines.servers import SECRET, reached, running_janus

CAMERA_AND_SOUND: list[m.Source] = ["microphone", "camera"]


class Ups:
    """What an engine says can be subscribed to."""

    def __init__(self) -> None:
        self.streams: dict[UUID, list[m.Source]] = {}
        self.changed = asyncio.Event()

    def note(self, _room: UUID, line: UUID, streams: list[m.Source]) -> None:
        self.streams[line] = streams
        self.changed.set()

    async def until(self, *lines: UUID) -> None:
        async with asyncio.timeout(15):
            while not set(lines) <= set(self.streams):
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture(scope="module")
def janus_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not local.EXECUTABLE.exists():
        missing("Janus")
    with running_janus(tmp_path_factory.mktemp("janus")) as (address, _):
        yield address


@pytest.fixture
def ups() -> Ups:
    return Ups()


@pytest.fixture
async def janus(janus_address: str, ups: Ups) -> AsyncIterator[Janus]:
    pool = Pool([janus_address], SECRET, ups.note, lambda _: None)
    await reached(pool)
    yield pool.hosts[janus_address]
    await pool.close()


@pytest.fixture(params=["mesh", "janus"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return Mesh() if request.param == "mesh" else request.getfixturevalue("janus")


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    made = Sender()
    yield made
    await made.close()


def wanted(line: UUID) -> list[m.Wanted]:
    return [m.Wanted(line=line, source=source) for source in CAMERA_AND_SOUND]


# Every engine


async def test_a_room_comes_and_goes_and_both_twice_is_once(engine):
    room = new_id()
    for _ in range(2):
        await engine.open(room)
    assert engine.statistics() == Load(rooms=1, publishers=0, subscriptions=0)
    for _ in range(2):
        await engine.close(room)
    assert engine.statistics() == Load(rooms=0, publishers=0, subscriptions=0)


async def test_who_publishes_is_counted_until_they_leave(engine, sender):
    room, line = new_id(), new_id()
    await engine.open(room)
    await engine.publish(room, line, *await sender.offer())
    assert engine.statistics().publishers == 1
    await engine.leave(room, line)
    assert engine.statistics().publishers == 0
    await engine.close(room)


async def test_closing_a_room_lets_everybody_go(engine, sender):
    room = new_id()
    await engine.open(room)
    await engine.publish(room, new_id(), *await sender.offer())
    await engine.subscribe(room, new_id(), wanted(new_id()))
    await engine.close(room)
    assert engine.statistics() == Load(0, 0, 0)


async def test_leaving_or_choosing_without_having_come_changes_nothing(engine):
    room, line = new_id(), new_id()
    await engine.open(room)
    await engine.leave(room, line)
    await engine.choose(room, line, [m.Layer(mid="0", layer=1)])
    assert engine.statistics() == Load(1, 0, 0)
    await engine.close(room)


# Janus


async def test_sound_and_picture_go_through_janus(janus, ups, sender):
    room, anna, binh = new_id(), new_id(), new_id()
    await janus.open(room)
    await sender.answered(await janus.publish(room, anna, *await sender.offer()))
    await ups.until(anna)
    receiver = Receiver()
    offer = await janus.subscribe(room, binh, wanted(anna))
    assert [(one.line, one.source) for one in offer.streams] == [(anna, "microphone"), (anna, "camera")]
    assert await janus.accept(room, binh, await receiver.offered(offer.sdp)) is None
    await receiver.receives("audio")
    await receiver.receives("video")
    await janus.choose(room, binh, [m.Layer(mid=offer.streams[1].mid, layer=None)])
    await receiver.close()
    await janus.close(room)


async def test_what_was_wanted_while_an_offer_waited_is_offered_next(janus, ups, sender):
    room, anna, chi, binh = new_id(), new_id(), new_id(), new_id()
    second = Sender()
    await janus.open(room)
    for line, page in ((anna, sender), (chi, second)):
        await page.answered(await janus.publish(room, line, *await page.offer()))
    await ups.until(anna, chi)
    receiver = Receiver()
    first = await janus.subscribe(room, binh, wanted(anna))
    assert await janus.subscribe(room, binh, wanted(anna) + wanted(chi)) is None
    following = await janus.accept(room, binh, await receiver.offered(first.sdp))
    assert {one.line for one in following.streams} == {anna, chi}
    await receiver.close()
    await second.close()
    await janus.close(room)


# The pool


class Hub:
    def __init__(self) -> None:
        self.used: asyncio.Queue[m.MediaPath] = asyncio.Queue()

    def tell(self, line: UUID, message: m.FromRoom) -> None: ...

    def published(self, room_id: UUID, line: UUID, streams: list[m.Source]) -> None: ...

    def use(self, _room: UUID, media: m.MediaPath) -> None:
        self.used.put_nowait(media)


@pytest.mark.slow
async def test_a_room_moves_when_its_janus_is_killed_and_back_to_the_mesh_without_one(tmp_path: Path):
    if not local.EXECUTABLE.exists():
        missing("Janus")
    hub = Hub()
    with running_janus(tmp_path / "a") as (one, first), running_janus(tmp_path / "b") as (two, second):
        board = Switchboard(hub, [one, two], SECRET)
        await reached(board.pool)
        processes = {one: first, two: second}
        room = new_id()
        board.inside(room, 2)
        board.inside(room, 3)
        assert await asyncio.wait_for(hub.used.get(), 5) == "engine"
        for path in ("engine", "peer"):
            processes[board.engines[room].wire.url].kill()
            assert await asyncio.wait_for(hub.used.get(), 5) == path
        await board.stop()


async def test_a_server_that_drains_gets_no_new_room(janus_address):
    pool = Pool([janus_address], SECRET, lambda *_: None, lambda _: None)
    await reached(pool)
    room = new_id()
    assert await pool.place(room) is pool.hosts[janus_address]
    pool.drain(janus_address)
    assert await pool.place(new_id()) is None
    await pool.hosts[janus_address].close(room)
    await pool.close()
