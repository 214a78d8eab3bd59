"""`make bench`: our DICOMweb beside Orthanc from Debian, the same files, alternating rounds, ratios of medians.

Absolute times mean little on a shared machine; both sides fsync, both on loopback, ours with authorisation on.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from imaging.dicom.synthetic import PatientFacts, ct_volume
from telehealth.core import schema, tables
from telehealth.core.db import make_engine, session_scope
from telehealth.identity.sessions import open_session
from tests import factories
from tests.postgres import free_port
from tests.processes import running, telehealth, wait_for_port

ROUNDS = 3
SLICES = 30
PER_REQUEST = 10
READS = 60
ORTHANC = Path("/usr/sbin/Orthanc")
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@dataclass(frozen=True)
class Side:
    name: str
    base: str
    headers: dict[str, str]


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
        yield Side("ours", f"http://127.0.0.1:{port}/dicomweb", {"Authorization": f"Bearer {secret}"})


@contextmanager
def orthanc(folder: Path) -> Iterator[Side]:
    port = free_port()
    config = {
        "StorageDirectory": str(folder / "orthanc"),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "AuthenticationEnabled": False,
        "RemoteAccessAllowed": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True},
    }
    (folder / "orthanc.json").write_text(json.dumps(config))
    log = folder / "orthanc.log"
    with running([ORTHANC, folder / "orthanc.json"], log, {"TCP_NODELAY": "1"}) as process:
        wait_for_port(port, process, log)
        yield Side("Orthanc", f"http://127.0.0.1:{port}/dicom-web", {})


def measure(side: Side, seed: int) -> dict[str, float]:
    """One round: seconds an instance stored, a search, a frame read. Every round has a study of its own."""
    files = list(ct_volume(PatientFacts(name="Nguyễn Thị Hoà", patient_id=f"B{seed}"), slices=SLICES, seed=seed, size=256))
    kind = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=part', "Accept": "application/dicom+json"}
    with httpx2.Client(headers=side.headers, timeout=120) as client:
        began = time.perf_counter()
        for start in range(0, len(files), PER_REQUEST):
            parts = (
                b"--part\r\nContent-Type: application/dicom\r\n\r\n%s\r\n" % file for file in files[start : start + PER_REQUEST]
            )
            stored = client.post(f"{side.base}/studies", content=b"".join(parts) + b"--part--\r\n", headers=kind)
            assert stored.status_code == 200, stored.text
        store_s = (time.perf_counter() - began) / len(files)
        search = {"PatientID": f"B{seed}"}
        json_only = {"Accept": "application/dicom+json"}
        search_s = _timed(lambda: client.get(f"{side.base}/studies", params=search, headers=json_only))
        [study] = client.get(f"{side.base}/studies", params=search, headers=json_only).json()
        root = f"{side.base}/studies/{study['0020000D']['Value'][0]}"
        one = client.get(f"{root}/instances", params={"limit": 1}, headers=json_only).json()[0]
        frame = f"{root}/series/{one['0020000E']['Value'][0]}/instances/{one['00080018']['Value'][0]}/frames/1"
        accept = {"Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}
        frame_s = _timed(lambda: client.get(frame, headers=accept))
    return {"store an instance": store_s, "search by id": search_s, "read a CT frame": frame_s}


def _timed(ask) -> float:  # type: ignore[no-untyped-def]
    """Median seconds of one request."""
    times = []
    for _ in range(READS):
        began = time.perf_counter()
        assert ask().status_code == 200
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> int:
    if not ORTHANC.exists() or not PLUGIN.exists():
        print("Orthanc is missing: apt-get install orthanc orthanc-dicomweb", file=sys.stderr)  # noqa: T201
        return 1
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        sides = [stack.enter_context(orthanc(Path(folder))), stack.enter_context(our_server(Path(folder)))]
        rounds = [{side.name: measure(side, seed) for side in sides} for seed in range(1, ROUNDS + 1)]
    print(f"{'':20} {'Orthanc':>10} {'ours':>10} {'faster':>8}   medians of {ROUNDS} alternating rounds")  # noqa: T201
    for what in rounds[0]["ours"]:
        theirs, ours = (statistics.median(r[name][what] for r in rounds) for name in ("Orthanc", "ours"))
        print(f"{what:20} {theirs * 1000:8.2f}ms {ours * 1000:8.2f}ms {theirs / ours:7.2f}×")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
