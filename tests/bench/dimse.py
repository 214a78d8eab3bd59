"""C-STORE by dcmtk's storescu into our DICOM port and into Orthanc: milliseconds an instance, start of the program included."""

import argparse
import asyncio
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from imaging.dicom.synthetic import PatientFacts, ct_volume
from imaging.dimse import nodes
from telehealth.core import schema, tables
from telehealth.core.actor import SYSTEM
from telehealth.core.db import make_engine, session_scope
from tests import factories
from tests.bench.sides import ORTHANC
from tests.bench.table import Line
from tests.postgres import free_port
from tests.processes import running, telehealth, wait_for_port

INSTANCES = 100
WAYS = {"storescu, 1 association": (1, False), "nodelay, 1 association": (1, True), "nodelay, 4 associations": (4, True)}
GOALS = {"storescu, 1 association": (1.5, 4.0), "nodelay, 1 association": (0.8, 1.1), "nodelay, 4 associations": (0.8, 1.2)}


@dataclass(frozen=True)
class Port:
    title: str
    port: int


@contextmanager
def our_port(folder: Path) -> Iterator[Port]:
    database, port = f"sqlite+aiosqlite:///{folder}/bench.db", free_port()

    async def arrange() -> None:
        tables.load()
        engine = make_engine(database)
        await schema.upgrade(engine)
        async with session_scope(engine) as session:
            province = await factories.make_province(session)
            given = nodes.NodeIn("STORESCU", ["127.0.0.1"], province.clinic.id, province.technician.id)
            await nodes.add(session, SYSTEM, given)
        await engine.dispose()

    asyncio.run(arrange())
    env = {
        "TELEHEALTH_DATA": str(folder / "data"),
        "TELEHEALTH_DATABASE": database,
        "TELEHEALTH_BROKER": "memory://",
        "TELEHEALTH_DIMSE__PORT": str(port),
    }
    with running(telehealth("dimse"), folder / "ours.log", env) as process:
        wait_for_port(port, process, folder / "ours.log")
        yield Port("TELEHEALTH", port)


@contextmanager
def orthanc_port(folder: Path) -> Iterator[Port]:
    port = free_port()
    storage = {"StorageDirectory": str(folder / "orthanc"), "IndexDirectory": str(folder / "orthanc")}
    dicom = {"DicomPort": port, "DicomAet": "ORTHANC", "DicomAlwaysAllowStore": True, "HttpServerEnabled": False}
    (folder / "orthanc.json").write_text(json.dumps(storage | dicom))
    with running([ORTHANC, folder / "orthanc.json"], folder / "orthanc.log", {"TCP_NODELAY": "1"}) as process:
        wait_for_port(port, process, folder / "orthanc.log")
        yield Port("ORTHANC", port)


def run(options: argparse.Namespace) -> list[Line]:
    if not ORTHANC.exists():
        raise SystemExit("Orthanc is missing: apt-get install orthanc dcmtk")
    lines = {what: Line(f"C-STORE {what}", "ms", *goals) for what, goals in GOALS.items()}
    with tempfile.TemporaryDirectory(prefix="telehealth-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        theirs, ours = (stack.enter_context(start(folder)) for start in (orthanc_port, our_port))
        for seed in range(1, options.rounds + 1):
            for number, (what, (senders, nodelay)) in enumerate(WAYS.items()):
                folders = _written(folder / f"{seed}-{number}", 10 * seed + number, senders)
                lines[what].theirs.append(_send(theirs, folders, nodelay))
                lines[what].ours.append(_send(ours, folders, nodelay))
    return list(lines.values())


def _written(folder: Path, seed: int, senders: int) -> list[Path]:
    """A CT study nobody has seen, dealt out to the senders."""
    folders = [folder / str(number) for number in range(senders)]
    for one in folders:
        one.mkdir(parents=True)
    patient = PatientFacts(name="Nguyễn Thị Hoà", patient_id=f"D{seed}")
    for index, content in enumerate(ct_volume(patient, slices=INSTANCES, seed=seed, size=256)):
        (folders[index % senders] / f"{index}.dcm").write_bytes(content)
    return folders


def _send(to: Port, folders: list[Path], nodelay: bool) -> float:
    """Milliseconds an instance, all senders at once."""
    began = time.perf_counter()
    command = ["storescu", "-aec", to.title, "127.0.0.1", str(to.port), "+sd"]
    env = {"PATH": "/usr/bin:/bin"} | ({"TCP_NODELAY": "1"} if nodelay else {})
    senders = [subprocess.Popen([*command, folder], env=env) for folder in folders]
    assert [sender.wait(120) for sender in senders] == [0] * len(senders)
    return 1000 * (time.perf_counter() - began) / INSTANCES
