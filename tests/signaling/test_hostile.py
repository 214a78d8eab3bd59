"""Clients that send nonsense or too much: they get their close code, and nobody else notices."""

import asyncio
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest

from signaling import messages as m
from signaling import service, tickets
from signaling.close_codes import Close
from signaling.gate import Malformed, read_frame
from telehealth.core import clock, ids
from telehealth.core.db import session_scope
from telehealth.identity.sessions import open_session
from tests.signaling.calls import Page, page, served

ROOMS = 50
SAID = 20
SOMEBODY = UUID(int=1)
MESSAGES: list[m.FromPage] = [
    m.Candidate(to=SOMEBODY, candidate="a=candidate", mid="0"),
    m.Describe(to=SOMEBODY, type="offer", sdp="v=0"),
    m.Publish(sdp="v=0", streams=[m.Stream(mid="0", source="camera")]),
    m.Layers(layers=[m.Layer(mid="0", layer=1)]),
    m.Note(to=None, text="một"),
    m.Admit(account=SOMEBODY),
    m.Say(text="xin chào"),
]
GOOD = [m.PageFrame(number=1, seen=0, message=message).model_dump_json().encode() for message in MESSAGES]


def frames(seed: int) -> Iterator[bytes]:
    """Noise, and good frames of every kind with some bytes changed, cut off, doubled."""
    chance = Random(seed)
    for number in range(10_000):
        good = GOOD[number % len(GOOD)]
        at = chance.randrange(len(good))
        yield chance.choice(
            [
                chance.randbytes(at),
                good[:at] + chance.randbytes(chance.randrange(1, 6)) + good[at + 3 :],
                good[:at],
                good[:at] + good[chance.randrange(len(good)) :],
                good.replace(b'"', chance.choice([b"'", b"{", b"\\u0000", b"[" * 200]), chance.randrange(1, 5)),
                good.replace(b"1", str(chance.choice([-1, 2**63, 1e400, "NaN"])).encode()),
            ]
        )


def test_ten_thousand_malformed_frames_are_refused_or_understood():
    understood = 0
    for data in frames(seed=11):
        with suppress(Malformed):
            frame = read_frame(data)
            assert m.PageFrame.model_validate_json(frame.model_dump_json()) == frame
            understood += 1
    assert understood < 2_000


@pytest.fixture
async def tickets_for(app, engine, province):
    """Makes tickets for hosts of rooms that no visit knows, under one sign-in."""
    async with session_scope(engine) as session:
        login, _ = await open_session(session, province.specialist)

    def make(room: UUID) -> str:
        now = clock.now()
        ticket = tickets.Ticket(ids.new_id(), room, ids.new_id(), "x", "host", login.id, now + timedelta(minutes=5))
        return tickets.sign(service.signing_key(), ticket, now)

    return make


async def hears_all(reader: Page) -> list[str]:
    return [(await reader.hear("candidated"))["candidate"] for _ in range(SAID)]


async def speaks(speaker: Page, to: str) -> None:
    for number in range(SAID):
        await speaker.say(kind="candidate", to=to, candidate=f"{number}", mid="0", index=0, fragment=None)


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_flood_in_one_room_is_not_heard_in_fifty_others(app, tickets_for):
    async with served(app) as host, asyncio.TaskGroup() as group, page(host, tickets_for(ids.new_id())) as flooder:
        await flooder.hear("welcome")

        async def pair() -> list[str]:
            room = ids.new_id()
            async with page(host, tickets_for(room)) as speaker, page(host, tickets_for(room)) as reader:
                to = (await reader.hear("welcome"))["line"]
                await speaker.hear("welcome")
                await reader.hear("room")
                await speaks(speaker, to)
                return await hears_all(reader)

        async def flood() -> int:
            for _ in range(1000):
                await flooder.socket.send(GOOD[0].decode())
            return await flooder.close_code()

        pairs = [group.create_task(pair()) for _ in range(ROOMS)]
        flooding = group.create_task(flood())
        for done in pairs:
            assert await done == [f"{number}" for number in range(SAID)]
        try:
            assert await flooding == Close.FLOOD
        except OSError:
            assert flooder.socket.close_code == Close.FLOOD


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_broken_framing_closes_that_connection_only(app, tickets_for):
    async with served(app) as host, page(host, tickets_for(ids.new_id())) as bystander:
        await bystander.hear("welcome")
        for number in range(50):
            reader, writer = await asyncio.open_connection(*host.split(":"))
            handshake = f"GET /ws/calls HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUpgrade: websocket\r\n"
            handshake += "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            writer.write(handshake.encode())
            assert b"101" in await reader.readline()
            writer.write(struct.pack("!BB", 0x80 | number % 16, 0x80 | number % 126) + os.urandom(number))
            writer.write_eof()
            async with asyncio.timeout(10):
                await reader.read()
            writer.close()
        await bystander.say(kind="devices", microphone=True, camera=False)
        assert (await bystander.hear("room"))["seats"][0]["camera"] in (True, False)
        await bystander.settle()
