"""The two sides: our server as `telehealth serve` runs it, with authorisation; Orthanc from Debian with TCP_NODELAY=1."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from telehealth.core import schema, tables
from telehealth.core.db import make_engine, session_scope
from telehealth.identity.sessions import open_session
from tests import factories
from tests.postgres import free_port
from tests.processes import running, telehealth, wait_for_port

ORTHANC = Path("/usr/sbin/Orthanc")
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@dataclass(frozen=True)
class Side:
    name: str
    base: str
    headers: dict[str, str]
    pid: int

    def _processes(self) -> list[psutil.Process]:
        own = psutil.Process(self.pid)
        return [own, *own.children(recursive=True)]

    def cpu_s(self) -> float:
        """Seconds of processor so far, children included."""
        return sum(sum(process.cpu_times()[:2]) for process in self._processes())

    def resident_mb(self) -> float:
        return float(sum(process.memory_info().rss for process in self._processes())) / 1e6


@contextmanager
def our_server(folder: Path) -> Iterator[Side]:
    database = f"sqlite+aiosqlite:///{folder}/bench.db"

    async def arrange() -> str:
        tables.load()
        engine = make_engine(database)
        await schema.upgrade(engine)
        async with session_scope(engine) as session:
            province = await factories.make_province(session)
            _, secret = await open_session(session, province.technician, second_factor=True)
        await engine.dispose()
        return secret

    secret, port = asyncio.run(arrange()), free_port()
    env = {
        "PORT": str(port),
        "TELEHEALTH_DATA": str(folder / "data"),
        "TELEHEALTH_DATABASE": database,
        "TELEHEALTH_BROKER": "memory://",
    }
    log = folder / "ours.log"
    with running(telehealth("serve"), log, env) as process:
        wait_for_port(port, process, log)
        yield Side("ours", f"http://127.0.0.1:{port}/dicomweb", {"Authorization": f"Bearer {secret}"}, process.pid)


@contextmanager
def orthanc(folder: Path) -> Iterator[Side]:
    port = free_port()
    config = {
        "StorageDirectory": str(folder / "orthanc"),
        "IndexDirectory": str(folder / "orthanc"),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "AuthenticationEnabled": False,
        "RemoteAccessAllowed": False,
        "DefaultEncoding": "Utf8",
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True},
    }
    (folder / "orthanc.json").write_text(json.dumps(config))
    log = folder / "orthanc.log"
    with running([ORTHANC, folder / "orthanc.json"], log, {"TCP_NODELAY": "1"}) as process:
        wait_for_port(port, process, log)
        yield Side("Orthanc", f"http://127.0.0.1:{port}/dicom-web", {}, process.pid)
