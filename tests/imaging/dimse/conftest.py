"""The DICOM port on loopback inside the test's own loop, a node for each kind of peer, dcmtk's programs beside it."""

import asyncio
import shutil
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from imaging.dimse import nodes
from imaging.dimse.models import Right
from imaging.dimse.server import Server, bound
from telehealth.core.actor import SYSTEM
from telehealth.core.db import session_scope
from telehealth.core.settings import Dimse
from tests.conftest import missing


@dataclass(frozen=True)
class Door:
    """Our listening port."""

    port: int
    server: Server


@pytest.fixture
async def door(engine) -> AsyncIterator[Door]:
    server = Server(engine, Dimse(idle_s=20, per_peer=8))
    listening = bound("127.0.0.1", 0)
    running = await server.listen(listening)
    yield Door(listening.getsockname()[1], server)
    running.close()
    await server.close()


AddNode = Callable[..., object]


@pytest.fixture
def add_node(engine, province) -> AddNode:
    """`await add_node("CT1")`: a node of the clinic that may do everything, unless said otherwise."""

    async def add(title: str, **facts):  # type: ignore[no-untyped-def]
        given = {
            "addresses": ["127.0.0.1"],
            "organisation_id": province.clinic.id,
            "account_id": province.technician.id,
            "rights": list(Right),
        }
        async with session_scope(engine) as session:
            return await nodes.add(session, SYSTEM, nodes.NodeIn(title, **given | facts))

    return add


async def dcmtk(program: str, *arguments: str | Path) -> tuple[int, str]:
    """(exit code, output) of one of dcmtk's programs."""
    if shutil.which(program) is None:
        missing("dcmtk")
    process = await asyncio.create_subprocess_exec(
        program, *map(str, arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, output.decode("utf-8", "replace")


def pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxI", kind, len(body)) + body
