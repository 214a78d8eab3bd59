"""The real server as a process of its own, on SQLite, with somebody who may send."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil
import pytest

from telehealth.core.db import make_engine, session_scope
from telehealth.identity.sessions import open_session
from tests import factories
from tests.conftest import migrated
from tests.postgres import free_port
from tests.processes import running, telehealth, wait_until_ready

BOUNDARY = "gRAnZe"
HEADERS = {"Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'}


@dataclass
class Door:
    port: int
    secret: str
    folder: Path
    pid: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self.address, headers={"Authorization": f"Bearer {self.secret}"}, timeout=30)

    def resident_bytes(self) -> int:
        """Of the process and its children."""
        server = psutil.Process(self.pid)
        return sum(one.memory_info().rss for one in (server, *server.children(recursive=True)))


def environment(folder: Path, port: int) -> dict[str, str]:
    return {"TELEHEALTH_DATA": str(folder), "TELEHEALTH_BROKER": "memory://", "PORT": str(port)}


async def prepared(folder: Path) -> str:
    """A migrated data folder; the secret of a technician."""
    url = f"sqlite+aiosqlite:///{folder}/telehealth.db"
    await asyncio.to_thread(migrated, url)
    engine = make_engine(url)
    async with session_scope(engine) as session:
        province = await factories.make_province(session)
        _, secret = await open_session(session, province.technician, second_factor=True)
    await engine.dispose()
    return secret


@pytest.fixture(scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    folder, port = tmp_path_factory.mktemp("door"), free_port()
    secret = await prepared(folder)
    with running(telehealth("serve"), folder / "log", environment(folder, port)) as process:
        found = Door(port, secret, folder, process.pid)
        await asyncio.to_thread(_wait, found)
        yield found


def _wait(found: Door) -> None:
    try:
        wait_until_ready(found.address)
    except AssertionError as error:
        raise AssertionError((found.folder / "log").read_text(errors="replace")[-2000:]) from error


def message(*contents: bytes) -> bytes:
    parts = (f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode() + one + b"\r\n" for one in contents)
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
