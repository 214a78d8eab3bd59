"""Peers that break the protocol, dawdle or flood: each ends alone, the next caller is served."""

import asyncio
import random
import struct

import pytest
from sqlmodel import select

from imaging.dimse import association, command, nodes, pdu
from imaging.dimse import session as session_module
from imaging.dimse.command import Element, Field
from imaging.dimse.pdu import Associate, Kind, Proposed
from imaging.store.models import Instance
from telehealth.core.actor import SYSTEM
from telehealth.core.blobs import blobs
from telehealth.core.db import session_scope
from tests import dicom_samples
from tests.imaging.dimse.conftest import dcmtk

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)

VERIFICATION, CAPTURE = "1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.1.7"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
EXPLICIT = "1.2.840.10008.1.2.1"
CONTEXTS = tuple(Proposed(2 * n + 1, uid, (EXPLICIT,)) for n, uid in enumerate((VERIFICATION, CAPTURE, FIND)))
REQUEST = pdu.encode(Kind.ASSOCIATE_RQ, Associate("TELEHEALTH", "CT1", proposed=CONTEXTS))


def data(context: int, flags: int, content: bytes) -> bytes:
    return struct.pack(">BxIIBB", 4, len(content) + 6, len(content) + 2, context, flags) + content


def said(field: int, **more) -> bytes:
    elements = {Element.FIELD: field, Element.MESSAGE_ID: 1, Element.DATA_SET: 1} | {Element[k]: v for k, v in more.items()}
    return command.encode(elements)


STORE = said(Field.C_STORE, AFFECTED_SOP_CLASS=CAPTURE, AFFECTED_INSTANCE="1.2.3.4.5.6", PRIORITY=0)
SEARCH = said(Field.C_FIND, AFFECTED_SOP_CLASS=FIND)
NESTED = (b"\x08\0\x05\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\0\xe0\xff\xff\xff\xff") * 2000

BEFORE = {
    "nothing": b"",
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "tls hello": bytes.fromhex("16030100c8010000c40303") + bytes(200),
    "unknown kind": b"\x09\0\0\0\0\x04\0\0\0\0",
    "length of 4 GB": b"\x01\0\xff\xff\xff\xff",
    "data before a request": data(1, 3, STORE),
    "release before a request": pdu.RELEASE_RQ,
    "cut request": REQUEST[:100],
    "no contexts": pdu.encode(Kind.ASSOCIATE_RQ, Associate("TELEHEALTH", "CT1")),
    "even context": pdu.encode(Kind.ASSOCIATE_RQ, Associate("TELEHEALTH", "CT1", proposed=(Proposed(2, CAPTURE, (EXPLICIT,)),))),
    "twice the same context": pdu.encode(Kind.ASSOCIATE_RQ, Associate("TELEHEALTH", "CT1", proposed=(CONTEXTS[0],) * 2)),
    "title with control characters": REQUEST.replace(b"CT1", b"C\x1b1"),
    "item longer than the request": REQUEST[:-4] + b"\xff\xff\xff\xff",
    "a maximum of 1 byte": pdu.encode(Kind.ASSOCIATE_RQ, Associate("TELEHEALTH", "CT1", largest=1, proposed=CONTEXTS)),
}
AFTER = {
    "second request": REQUEST,
    "empty data": struct.pack(">BxI", 4, 0),
    "value longer than its PDU": struct.pack(">BxIIBB", 4, 6, 999, 1, 3),
    "value of length 0": struct.pack(">BxIIBB", 4, 6, 0, 1, 3),
    "PDU beyond the maximum": struct.pack(">BxI", 4, pdu.LARGEST + 1),
    "unknown context": data(99, 3, said(Field.C_ECHO)),
    "data set first": data(3, 2, b"x" * 100),
    "command that never ends": b"".join(data(3, 1, bytes(1000)) for _ in range(40)),
    "command that is no command": data(3, 3, b"\xff" * 50),
    "command without a field": data(3, 3, command.encode({Element.MESSAGE_ID: 1})),
    "store without a message id": data(3, 3, command.encode({Element.FIELD: Field.C_STORE, Element.DATA_SET: 1})),
    "response that nobody asked for": data(3, 3, said(Field.C_STORE | 0x8000)),
    "command amid a data set": data(3, 3, STORE) + data(3, 0, b"x" * 100) + data(3, 3, STORE),
    "data set in another context": data(3, 3, STORE) + data(1, 2, b"x" * 100),
    "cut data set": data(3, 3, STORE) + data(3, 0, b"x" * 100),
    "acceptance": pdu.encode(Kind.ASSOCIATE_AC, Associate("TELEHEALTH", "CT1")),
    "endless identifier": data(5, 3, SEARCH) + b"".join(data(5, 0, bytes(60_000)) for _ in range(4)),
    "nested identifier": data(5, 3, SEARCH) + data(5, 2, NESTED),
    "identifier of noise": data(5, 3, SEARCH) + data(5, 2, bytes(range(256)) * 40),
    "abort": pdu.abort(pdu.AbortReason.NOT_SPECIFIED),
}
ANSWERED = {"nested identifier", "identifier of noise"}
"""These are refused by a status; the association goes on."""


async def talk(door, *pieces: bytes) -> list[int]:
    """Kinds of the PDUs with which we are answered until the line is closed; the last piece is followed by our end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    kinds: list[int] = []
    try:
        for piece in pieces:
            writer.write(piece)
            if piece is REQUEST and not kinds:
                kinds.append((await pdu.read(reader))[0])
        writer.write_eof()
        while True:
            kinds.append((await asyncio.wait_for(pdu.read(reader), 15))[0])
    except (asyncio.IncompleteReadError, OSError):
        return kinds
    finally:
        writer.close()


async def is_served(door) -> bool:
    return (await dcmtk("echoscu", "-aet", "CT1", "-aec", "TELEHEALTH", "127.0.0.1", str(door.port)))[0] == 0


async def test_a_broken_beginning_ends_alone(door, add_node):
    await add_node("CT1")
    for name, content in BEFORE.items():
        kinds = await talk(door, content)
        assert set(kinds) <= {Kind.ABORT, Kind.ASSOCIATE_AC}, name
    assert await is_served(door)
    assert door.server.open.total() == 0


async def test_a_broken_talk_is_aborted_and_leaves_nothing(door, add_node, session):
    await add_node("CT1")
    for name, content in AFTER.items():
        kinds = await talk(door, REQUEST, content)
        ended = {Kind.DATA} if name in ANSWERED else {Kind.ABORT} if name not in ("abort", "cut data set") else set()
        assert set(kinds[1:]) <= ended, name
        assert name in ("abort", "cut data set") or kinds[1:], name
    assert await is_served(door)
    assert (await session.exec(select(Instance))).all() == []
    assert not list(blobs().staging().parent.glob("*"))


async def test_mutated_talks_never_take_the_port_down(door, add_node, session):
    """Good talks with bytes changed: an answer or an end, never a fault, and what was stored can be read."""
    await add_node("CT1")
    source = random.Random(7)
    plain = dicom_samples.image()
    good = REQUEST + data(3, 3, STORE) + data(3, 0, plain[:150]) + data(3, 2, plain[150:]) + pdu.RELEASE_RQ
    for _ in range(150):
        broken = bytearray(good)
        for _ in range(source.choice((1, 1, 2, 8))):
            broken[source.randrange(len(broken))] = source.randrange(256)
        await talk(door, bytes(broken))
    assert await is_served(door)
    for stored in await session.exec(select(Instance)):
        assert len(await blobs().read(stored.blob_key)) == stored.size


async def test_who_dawdles_is_cut_and_starves_nobody(door, add_node, monkeypatch):
    await add_node("CT1")
    monkeypatch.setattr(association, "STALL_S", 1.0)
    lines = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(6)]
    for reader, writer in lines:
        writer.write(REQUEST)
        await pdu.read(reader)
        writer.write((data(3, 3, STORE) + data(3, 0, bytes(5000)))[:-100])

    assert await is_served(door)
    for reader, writer in lines:
        assert await asyncio.wait_for(reader.read(), 15) == b""
        writer.close()


async def test_one_address_gets_no_more_than_its_share(door, add_node):
    await add_node("CT1")
    lines = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(door.server.config.per_peer)]
    for reader, writer in lines:
        writer.write(REQUEST)
        assert (await pdu.read(reader))[0] is Kind.ASSOCIATE_AC

    assert await talk(door, REQUEST) == [Kind.ASSOCIATE_RJ]
    for _, writer in lines:
        writer.close()


async def test_a_node_that_is_switched_off_is_cut_within_seconds(door, add_node, engine, monkeypatch):
    node = await add_node("CT1")
    monkeypatch.setattr(session_module, "TRUST_S", 0.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(REQUEST)
    await pdu.read(reader)
    async with session_scope(engine) as session:
        await nodes.switch(session, SYSTEM, node.id, active=False)

    writer.write(data(1, 3, command.encode({Element.FIELD: Field.C_ECHO, Element.MESSAGE_ID: 1})))

    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()
