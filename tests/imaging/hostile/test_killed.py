"""The server is killed in the middle of its work, again and again: what it acknowledged is there, bit by bit."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from tests.imaging.hostile.conftest import HEADERS, environment, message, prepared
from tests.imaging.hostile.files import file_of, image
from tests.postgres import free_port
from tests.processes import running, telehealth, wait_until_ready

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SENDERS, KILLS, ACKNOWLEDGED_BETWEEN = 4, 3, 25


class Clinic:
    """Sends without end, and remembers what was acknowledged."""

    def __init__(self, address: str, secret: str) -> None:
        self.address, self.secret = address, secret
        self.acknowledged: dict[str, bytes] = {}
        self.sent = 0

    def _next(self) -> bytes:
        self.sent += 1
        pixels = self.sent.to_bytes(4, "big") * 4096
        uids = {"study_uid": "1.2.7", "series_uid": "1.2.7.1", "sop_uid": f"1.2.7.1.{self.sent}"}
        return file_of(image(**uids, rows=128, columns=128, pixels=pixels))

    async def send(self) -> None:
        async with httpx2.AsyncClient(base_url=self.address, timeout=30) as client:
            while True:
                contents = [self._next() for _ in range(3)]
                headers = HEADERS | {"Authorization": f"Bearer {self.secret}"}
                try:
                    answer = await client.post("/dicomweb/studies", content=message(*contents), headers=headers)
                except httpx2.TransportError:
                    await asyncio.sleep(0.05)
                    continue
                for one, content in zip(answer.json()["00081199"]["Value"], contents, strict=True):
                    self.acknowledged[one["00081155"]["Value"][0]] = content

    async def wait_for(self, count: int) -> None:
        while len(self.acknowledged) < count:
            await asyncio.sleep(0.02)


async def test_every_acknowledged_instance_outlives_a_kill(tmp_path: Path):
    port = free_port()
    secret = await prepared(tmp_path)
    clinic = Clinic(f"http://127.0.0.1:{port}", secret)
    senders = [asyncio.create_task(clinic.send()) for _ in range(SENDERS)]
    for kill in range(1, KILLS + 1):
        with running(telehealth("serve"), tmp_path / "log", environment(tmp_path, port)) as process:
            await asyncio.to_thread(wait_until_ready, clinic.address)
            await clinic.wait_for(kill * ACKNOWLEDGED_BETWEEN)
            os.killpg(process.pid, signal.SIGKILL)
            await asyncio.to_thread(process.wait)
    for sender in senders:
        sender.cancel()
        with suppress(asyncio.CancelledError):
            await sender
    with running(telehealth("serve"), tmp_path / "log", environment(tmp_path, port)):
        await asyncio.to_thread(wait_until_ready, clinic.address)
        await every_one_is_there(clinic)


async def every_one_is_there(clinic: Clinic) -> None:
    headers = {"Accept": "application/dicom", "Authorization": f"Bearer {clinic.secret}"}
    async with httpx2.AsyncClient(base_url=clinic.address, headers=headers, timeout=30) as client:
        for sop_uid, content in clinic.acknowledged.items():
            answer = await client.get(f"/dicomweb/studies/1.2.7/instances/{sop_uid}")
            assert (answer.status_code, answer.content) == (200, content)
    assert len(clinic.acknowledged) >= KILLS * ACKNOWLEDGED_BETWEEN
