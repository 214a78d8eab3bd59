"""DICOMweb beside Orthanc: storing, searching, reading, drawing; the same files, both fsync, ours with authorisation on."""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from imaging.dicom.synthetic import PatientFacts, ct_volume
from tests.bench.client import Client, seconds
from tests.bench.sides import ORTHANC, PLUGIN, Side, orthanc, our_server
from tests.bench.table import Line
from tests.dicom_samples import file_of, image

FAMILIES = ("Nguyen", "Trần", "Lê", "Pham", "Hoàng", "Vũ", "Phan", "Đặng", "Bui", "Đỗ", "Ho", "Ngô")
MIDDLES = ("Văn", "Thị", "Minh", "Thu", "Quang", "Lan")
GIVENS = ("Hoà", "Anh", "Đức", "Lan", "Kỳ", "Hoa", "Nam", "Phúc", "Yến", "Quân", "Thảo", "Tuấn", "Vy")
FRAMES = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
BOUNDARY = "part"
STOW = {
    "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}',
    "Accept": "application/dicom+json",
}
STORE_EACH = 40
"""CT instances stored in one cell."""
SEARCHES, READS, PICTURES = 60, 200, 60

GOALS: dict[str, tuple[float | None, float | None]] = {
    "store CT, 1 client × 1": (1.1, 1.4),
    "store CT, 1 client × 10": (1.5, 2.4),
    "store CT, 4 clients × 10": (1.3, 2.2),
    "server CPU per CT instance": (1.4, 1.9),
    "index-only ingest": (1.5, 3.5),
    "QIDO by id, p50": (8, 40),
    "QIDO by name, p50": (8, 40),
    "QIDO by date, p50": (8, 40),
    "QIDO worklist, p50": (8, 40),
    "QIDO by id, 8 clients": (10, 50),
    "QIDO instances of the series": (20, 100),
    "/metadata of the series": (4, 30),
    "CT frame, p50": (1.8, 4),
    "CT frame, 8 clients": (2, 5),
    "CT frame, 16 clients": (2, 5),
    "CPU per CT frame": (2, 5),
    "/rendered CT, p50": (1.5, 3),
    "resident memory": (1, 2),
}
"""(at least, aim). Searching is judged with 10,000 studies, the series with 300 slices; smaller runs show the direction."""


@dataclass
class Measured:
    """One side's figures of one round; times in ms, memory in MB."""

    side: Side
    client: Client
    seed: int
    options: argparse.Namespace

    async def cells(self) -> AsyncIterator[tuple[str, float]]:
        for part in (self.storing, self.searching, self.reading):
            async for cell in part():
                yield cell
        yield "resident memory", self.side.resident_mb()

    async def storing(self) -> AsyncIterator[tuple[str, float]]:
        for at_once, each in ((1, 1), (1, 10), (4, 10)):
            files = volume(f"S{self.seed}{at_once}{each}", STORE_EACH, self.seed * 1000 + at_once * 100 + each, 512)
            began, cpu = perf_counter(), self.side.cpu_s()
            await self.store(files, at_once, each)
            clients = "client" if at_once == 1 else "clients"
            yield f"store CT, {at_once} {clients} × {each}", (perf_counter() - began) / STORE_EACH * 1000
        yield "server CPU per CT instance", (self.side.cpu_s() - cpu) / STORE_EACH * 1000

    async def store(self, files: list[bytes], at_once: int, each: int) -> None:
        groups = [files[start : start + each] for start in range(0, len(files), each)]

        def one(group: list[bytes]) -> Callable[[], Awaitable[None]]:
            return lambda: self._stow(group)

        await seconds(map(one, groups), at_once)

    async def _stow(self, files: list[bytes]) -> None:
        parts = (f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode() + file + b"\r\n" for file in files)
        status, said = await self.client.ask("POST", "/studies", STOW, b"".join(parts) + f"--{BOUNDARY}--\r\n".encode())
        assert status == 200, said[:500]

    async def searching(self) -> AsyncIterator[tuple[str, float]]:
        chance = random.Random(self.seed)
        studies = self.options.studies // self.options.rounds
        first = (self.seed - 1) * studies
        began = perf_counter()
        await self.store(list(tiny(first, studies)), 4, 50)
        yield "index-only ingest", (perf_counter() - began) / studies * 1000

        def by_id() -> Callable[[], Awaitable[bytes]]:
            return self._get(f"/studies?PatientID=T{chance.randrange(first + studies):06}")

        def by_name() -> Callable[[], Awaitable[bytes]]:
            return self._get(f"/studies?PatientName={chance.choice([f for f in FAMILIES if f.isascii()])}*&limit=25")

        def by_date() -> Callable[[], Awaitable[bytes]]:
            month = chance.randrange(1, 12)
            return self._get(f"/studies?StudyDate=2025{month:02}01-2025{month:02}28&limit=25")

        def worklist() -> Callable[[], Awaitable[bytes]]:
            return self._get("/studies?limit=101&offset=0&includefield=00081030,00080060")

        for what, ask in (("by id", by_id), ("by name", by_name), ("by date", by_date), ("worklist", worklist)):
            yield f"QIDO {what}, p50", statistics.median(await seconds(ask() for _ in range(SEARCHES))) * 1000
        began = perf_counter()
        await seconds((by_id() for _ in range(SEARCHES * 2)), 8)
        yield "QIDO by id, 8 clients", (perf_counter() - began) / SEARCHES / 2 * 1000

    def _get(self, path: str, accept: str = "application/dicom+json") -> Callable[[], Awaitable[bytes]]:
        return lambda: self.client.get(path, accept)

    async def reading(self) -> AsyncIterator[tuple[str, float]]:
        patient = f"R{self.seed}"
        files = volume(patient, self.options.slices, self.seed * 7777, 512)
        await self.store(files, 4, 10)
        series, sops = await self._series_of(patient)
        ask = self._get(f"{series}/instances?limit=1000")
        yield "QIDO instances of the series", statistics.median(await seconds([ask] * 8)) * 1000
        ask = self._get(f"{series}/metadata")
        yield "/metadata of the series", statistics.median(await seconds([ask] * 8)) * 1000
        chance = random.Random(self.seed)
        frame = [self._get(f"{series}/instances/{chance.choice(sops)}/frames/1", FRAMES) for _ in range(READS)]
        yield "CT frame, p50", statistics.median(await seconds(frame)) * 1000
        for at_once in (8, 16):
            began, cpu = perf_counter(), self.side.cpu_s()
            await seconds(frame * 2, at_once)
            yield f"CT frame, {at_once} clients", (perf_counter() - began) / READS / 2 * 1000
        yield "CPU per CT frame", (self.side.cpu_s() - cpu) / READS / 2 * 1000
        some = chance.sample(sops, min(PICTURES, len(sops)))
        pictures = [self._get(f"{series}/instances/{sop}/rendered", "image/jpeg") for sop in some]
        yield "/rendered CT, p50", statistics.median(await seconds(pictures)) * 1000

    async def _series_of(self, patient: str) -> tuple[str, list[str]]:
        """(the series' path, its SOP instance UIDs)."""
        [study] = json.loads(await self.client.get(f"/studies?PatientID={patient}"))
        path = f"/studies/{study['0020000D']['Value'][0]}"
        [series] = json.loads(await self.client.get(f"{path}/series"))
        path += f"/series/{series['0020000E']['Value'][0]}"
        listed = json.loads(await self.client.get(f"{path}/instances?limit=1000"))
        return path, [one["00080018"]["Value"][0] for one in listed]


def volume(patient: str, slices: int, seed: int, size: int) -> list[bytes]:
    return list(ct_volume(PatientFacts(name="Nguyễn Thị Hoà", patient_id=patient), slices=slices, seed=seed, size=size))


def tiny(first: int, count: int) -> Iterator[bytes]:
    """One-instance studies that fill an index: files of a few hundred bytes."""
    for number in range(first, first + count):
        name = f"{FAMILIES[number % 12]}^{MIDDLES[number % 6]}^{GIVENS[number % 13]}"
        uid = f"1.2.826.0.1.3680043.8.498.77.{number}"
        yield file_of(image(f"{uid}.1.1", uid, f"{uid}.1", patient_id=f"T{number:06}", name=name)).replace(
            b"20260105", f"2025{number % 12 + 1:02}{number % 28 + 1:02}".encode()
        )


async def _round(side: Side, seed: int, options: argparse.Namespace) -> dict[str, float]:
    client = Client(side.base, side.headers)
    try:
        return {what: figure async for what, figure in Measured(side, client, seed, options).cells()}
    finally:
        client.close()


def run(options: argparse.Namespace) -> list[Line]:
    if not ORTHANC.exists() or not PLUGIN.exists():
        raise SystemExit("Orthanc is missing: apt-get install orthanc orthanc-dicomweb")
    lines = {what: Line(what, "MB" if what == "resident memory" else "ms", *goals) for what, goals in GOALS.items()}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        theirs, ours = (stack.enter_context(start(Path(folder))) for start in (orthanc, our_server))
        for seed in range(1, options.rounds + 1):
            for side, figures in ((theirs, "theirs"), (ours, "ours")):
                for what, figure in asyncio.run(_round(side, seed, options)).items():
                    getattr(lines[what], figures).append(figure)
    return list(lines.values())
