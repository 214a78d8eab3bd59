"""Hundreds of hostile and unlucky files and messages at the real door: each answered, none with a fault of ours."""

import asyncio
import re
import socket
import time
from hashlib import sha256

import pytest

from imaging.dicom import preflight
from imaging.dicom.refusals import REASONS, Code
from tests.imaging.hostile.conftest import HEADERS, Door, message
from tests.imaging.hostile.files import file_of, files, named
from tests.imaging.hostile.messages import broken, request

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LONGEST_S = 10.0
GROWTH_BYTES = 256 * 1024**2
READS = ("", "/metadata", "/frames/1", "/rendered", "/thumbnail")
PREAMBLE = preflight.PREAMBLE


def verdict(answer) -> tuple[str, int]:
    """(address of the one instance or "", failure reason or 0)."""
    body = answer.json()
    stored = body.get("00081199", {}).get("Value", [])
    failed = [one for tag in ("00081198", "0008119A") for one in body.get(tag, {}).get("Value", [])]
    assert len(stored) + len(failed) == 1
    if stored:
        return stored[0]["00081190"]["Value"][0], 0
    return "", failed[0]["00081197"]["Value"][0]


async def test_every_file_is_answered_by_itself_and_what_is_kept_can_be_read(door: Door):
    kept: dict[str, bytes] = {}
    async with door.client() as client:
        await client.post("/dicomweb/studies", content=message(file_of(named(1))), headers=HEADERS)
        await client.get("/dicomweb/studies/1.2.9.1/series/1.2.9.1.2/instances/1.2.9.1.3/rendered")
        before = door.resident_bytes()
        for name, content in files().items():
            began = time.monotonic()
            answer = await client.post("/dicomweb/studies", content=message(content), headers=HEADERS)
            assert time.monotonic() - began < LONGEST_S, name
            assert answer.status_code in (200, 409, 413), (name, answer.status_code)
            address, reason = verdict(answer)
            assert address or reason in {one.failure_reason for one in REASONS.values()}, name
            wanted = name.rpartition(": ")[2]
            if wanted in set(Code):
                assert reason == REASONS[Code(wanted)].failure_reason, name
            if address:
                kept[address] = content
        assert len(kept) > 100
        for address, content in kept.items():
            await read_back(client, address, content)
    assert door.resident_bytes() - before < GROWTH_BYTES


async def read_back(client, address: str, content: bytes) -> None:
    study, _, sop_uid = address.partition("/instances/")
    found = (await client.get(f"{study}/instances", params={"SOPInstanceUID": sop_uid})).json()[0]
    instance = f"{study}/series/{found['0020000E']['Value'][0]}/instances/{sop_uid}"
    for read in READS:
        began = time.monotonic()
        answer = await client.get(instance + read)
        assert answer.status_code < 500, (read, address)
        assert time.monotonic() - began < LONGEST_S
    alone = await client.get(instance, headers={"Accept": "application/dicom"})
    assert sha256(alone.content[PREAMBLE:]).digest() == sha256(content[PREAMBLE:]).digest()
    assert not any(alone.content[:PREAMBLE])


async def say(port: int, sent: bytes, patience_s: float = LONGEST_S) -> bytes:
    """What comes back; empty where the door is shut without a word."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        async with asyncio.timeout(patience_s):
            head = await reader.readuntil(b"\r\n\r\n")
            while head.startswith(b"HTTP/1.1 100"):
                head = await reader.readuntil(b"\r\n\r\n")
            return head
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
    finally:
        writer.close()


async def test_broken_messages_are_answered_in_time_and_never_as_our_fault(door: Door):
    for name, sent in broken(door.secret).items():
        answer = await say(door.port, sent)
        status = re.match(rb"HTTP/1\.1 (\d{3})", answer)
        assert status is None or 200 <= int(status[1]) < 500, (name, answer)


async def test_slow_and_silent_senders_are_given_up_and_hold_up_nobody(door: Door):
    body = message(file_of(named(30_001)))
    whole = request(door.secret, body)
    begun = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(40)]
    for number, (_, writer) in enumerate(begun):
        writer.write(whole[: 700 + number])

    async def drip(writer: asyncio.StreamWriter) -> None:
        for byte in whole[800:830]:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.3)

    drips = asyncio.gather(*(drip(writer) for _, writer in begun[:10]), return_exceptions=True)
    async with door.client() as client:
        answer = await client.post("/dicomweb/studies", content=message(file_of(named(30_002))), headers=HEADERS)
        assert answer.status_code == 200
    async with asyncio.timeout(LONGEST_S + 2):
        heads = await asyncio.gather(*(reader.readuntil(b"\r\n") for reader, _ in begun))
    assert {head.split()[1] for head in heads} == {b"408"}
    await drips
    for _, writer in begun:
        writer.close()


async def test_a_sender_who_hangs_up_leaves_nothing(door: Door):
    whole = request(door.secret, message(file_of(named(30_010)), file_of(named(30_011))))
    for stage in range(400, len(whole), 300):
        with socket.create_connection(("127.0.0.1", door.port)) as line:
            line.sendall(whole[:stage])
    async with door.client() as client:
        for _ in range(50):
            if not list((door.folder / "objects" / "tmp").iterdir()):
                break
            await client.get("/healthz")
            await asyncio.sleep(0.1)
        assert (await client.get("/dicomweb/studies", params={"StudyInstanceUID": "1.2.9.30010,1.2.9.30011"})).json() == []
    assert list((door.folder / "objects" / "tmp").iterdir()) == []


async def test_one_uid_with_many_contents_keeps_the_first(door: Door):
    """The same instance with other bytes, another patient, another study: in one message and side by side."""
    first = file_of(named(30_020))
    others = [file_of(named(30_020, pixels=bytes([n]) * 16)) for n in range(1, 6)]
    others.append(file_of(named(30_020, sop_uid="1.2.9.30020.4", patient_id="P2")))
    others.append(file_of(named(30_021, series_uid="1.2.9.30020.2")))
    async with door.client() as client:
        assert (await client.post("/dicomweb/studies", content=message(first), headers=HEADERS)).status_code == 200
        sends = [client.post("/dicomweb/studies", content=message(*others, first), headers=HEADERS) for _ in range(4)]
        for answer in await asyncio.gather(*sends):
            assert answer.status_code == 202
            assert len(answer.json()["00081198"]["Value"]) == len(others)
        address = "/dicomweb/studies/1.2.9.30020/instances/1.2.9.30020.3"
        assert (await client.get(address, headers={"Accept": "application/dicom"})).content == first
        assert len((await client.get("/dicomweb/studies/1.2.9.30020/instances")).json()) == 1
