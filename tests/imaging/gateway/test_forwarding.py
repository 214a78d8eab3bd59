"""The way to the province: over a line that breaks, past kill -9, from the modality's C-STORE to the archive."""

import asyncio
import os
import shutil
import signal
import socket
import time
from io import BytesIO
from pathlib import Path

import httpx2
import pydicom
import pytest
from pynetdicom import AE, build_context
from sqlmodel import select

from imaging.dicom.synthetic import ct_volume
from imaging.gateway.config import GatewayConfig
from imaging.gateway.forwarder import Forwarder, NotNow
from imaging.gateway.queue import Queue, open_queue
from imaging.pipeline.process import process
from imaging.store.models import Instance, Study
from telehealth.core.blobs import Disk
from telehealth.core.blobs import blobs as own_blobs
from telehealth.core.db import make_engine, session_scope
from telehealth.identity.sessions import open_session
from telehealth.referrals.filing import file_study
from tests import factories
from tests.bad_line import bad_line
from tests.imaging.pipeline.conftest import PATIENT
from tests.processes import running, telehealth, wait_for_port

FIRST, REST = 12, 68


def two_series() -> list[bytes]:
    """A short first series and a long second one."""
    files = ct_volume(PATIENT, "BN-TEST-1", slices=FIRST + REST, size=64)
    second = []
    for content in files[FIRST:]:
        data = pydicom.dcmread(BytesIO(content))
        data.SeriesInstanceUID += ".2"
        data.SeriesNumber = 2
        out = BytesIO()
        data.save_as(out)
        second.append(out.getvalue())
    return [*files[:FIRST], *second]


def forward_all(queue: Queue, config: GatewayConfig) -> None:
    """As the daemon does, without its patience."""
    forwarder = Forwarder(config, queue)
    try:
        while queue.waiting(1):
            try:
                forwarder.forward()
            except NotNow:
                time.sleep(0.05)
    finally:
        forwarder.close()


async def token_of(engine, account) -> str:
    async with session_scope(engine) as session:
        return (await open_session(session, account))[1]


async def test_two_series_over_a_line_cut_again_and_again(live_server, engine, province, tmp_path, taken):
    images = two_series()
    wire = sum(packed_sizes(images))
    async with session_scope(engine) as session:
        await factories.make_referral(session, province)
    with open_queue(tmp_path / "gateway") as queue:
        for index, content in enumerate(images):
            queue.put(f"{index}.dcm", [content])
        async with bad_line(live_server.address, rate=200_000, cut_after=wire // 12) as line:
            config = GatewayConfig(line.address, await token_of(engine, province.technician), tmp_path / "gateway")
            sending = asyncio.create_task(asyncio.to_thread(forward_all, queue, config))
            seen = await read_while_it_comes(engine, sending)
            await sending
    assert line.cuts >= 10
    assert FIRST <= seen < FIRST + REST  # the first series was readable before the last byte
    async with session_scope(engine) as session:
        stored = (await session.exec(select(Instance))).all()
        study = (await session.exec(select(Study))).one()
    assert sorted([await own_blobs().read(one.blob_key) for one in stored]) == sorted(images)
    assert (study.instance_count, study.expected_instances) == (FIRST + REST, FIRST + REST)
    assert wire <= sum(taken) <= 1.05 * wire


async def read_while_it_comes(engine, sending: asyncio.Task) -> int:
    """How many instances had come when the study could be opened with its whole first series."""
    while not sending.done():
        await asyncio.sleep(0.1)
        async with session_scope(engine) as session:
            study = (await session.exec(select(Study))).first()
            if study is None:
                continue
            await file_study(session, study.id)
        await process(engine, own_blobs(), study.id)
        async with session_scope(engine) as session:
            study = (await session.exec(select(Study))).one()
        if study.state == "available" and study.instance_count >= FIRST:
            return study.instance_count
    return -1


def packed_sizes(images: list[bytes]) -> list[int]:
    import gzip

    packed = [len(gzip.compress(content, 6)) for content in images]
    return [
        min(size, len(content)) if size <= 0.95 * len(content) else len(content)
        for size, content in zip(packed, images, strict=True)
    ]


async def test_a_packed_file_that_was_hurt_here_is_packed_anew(live_server, engine, province, tmp_path):
    [image] = ct_volume(PATIENT, slices=1, size=64)
    config = GatewayConfig(live_server.address, await token_of(engine, province.technician), tmp_path / "gateway")
    with open_queue(config.folder) as queue:
        digest = queue.put("1.dcm", [image])
        packed = queue.path(digest).with_suffix(".gz")
        packed.write_bytes(b"\x1f\x8b" + bytes(1000))
        await asyncio.to_thread(forward_all, queue, config)
        assert (queue.waiting(1), packed.exists(), queue.path(digest).exists()) == ([], False, False)
    [one] = await stored(engine)
    assert await own_blobs().read(one.blob_key) == image


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(count: int, port: int) -> None:
    """Until the gateway says that the province has so many."""
    deadline = time.monotonic() + 120
    said: object = None
    while time.monotonic() < deadline:
        try:
            said = httpx2.get(f"http://localhost:{port}/status.json", timeout=5).json()["counts"]
            if said.get("done", [0])[0] == count:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(said)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_what_a_device_was_told_is_stored_reaches_the_province_past_kill_9(sqlite_template, tmp_path):
    data = tmp_path / "server"
    data.mkdir()
    shutil.copy(sqlite_template, data / "telehealth.db")
    engine = make_engine(f"sqlite+aiosqlite:///{data}/telehealth.db")
    async with session_scope(engine) as session:
        province = await factories.make_province(session)
    (tmp_path / "token").write_text(await token_of(engine, province.technician))
    port, dicom_port, status_port = free_port(), free_port(), free_port()
    server_env = {"TELEHEALTH_DATA": str(data), "PORT": str(port), "TELEHEALTH_BROKER": "memory://"}
    nothing_of_the_server = {
        "TELEHEALTH_DATA": str(tmp_path / "none"),
        "TELEHEALTH_DATABASE": "postgresql://nobody@127.0.0.1:1/x",
    }
    images = [pydicom.dcmread(BytesIO(content)) for content in ct_volume(PATIENT, slices=12, size=64)]
    log = tmp_path / "log"
    async with bad_line(f"http://127.0.0.1:{port}", away=True) as line:
        options = ["--server", line.address, "--token-file", str(tmp_path / "token"), "--folder", str(tmp_path / "g")]
        gateway_command = telehealth("gateway", *options, "--dicom-port", str(dicom_port), "--status-port", str(status_port))
        with running(telehealth("serve"), log, server_env) as server:
            with running(gateway_command, log, nothing_of_the_server) as gateway:
                await asyncio.to_thread(wait_for_port, dicom_port, gateway, log)
                await asyncio.to_thread(store, images, dicom_port)
                os.kill(gateway.pid, signal.SIGKILL)
            await asyncio.to_thread(wait_for_port, port, server, log)
            line.away, line.rate = False, 20_000
            with running(gateway_command, log, nothing_of_the_server):
                while not await stored(engine):
                    await asyncio.sleep(0.1)
                os.kill(server.pid, signal.SIGKILL)
                server.wait()
                assert len(await stored(engine)) < len(images)
                line.rate = 0
                with running(telehealth("serve"), log, server_env):
                    await asyncio.to_thread(until, len(images), status_port)
    found = await stored(engine)
    await engine.dispose()
    archive = Disk(data / "objects")
    back = {data.SOPInstanceUID: data for data in [pydicom.dcmread(BytesIO(await archive.read(one.blob_key))) for one in found]}
    assert len(found) == len(images)
    assert all(back[image.SOPInstanceUID] == image for image in images)


def store(images: list[pydicom.FileDataset], port: int) -> None:
    """As a modality sends: every answer must be "success"."""
    entity = AE(ae_title="CT1")
    entity.requested_contexts = [build_context(images[0].SOPClassUID, images[0].file_meta.TransferSyntaxUID)]
    association = entity.associate("127.0.0.1", port, ae_title="TELEHEALTH")
    assert association.is_established
    assert [association.send_c_store(image).Status for image in images] == [0] * len(images)
    association.release()


async def stored(engine) -> list[Instance]:
    async with session_scope(engine) as session:
        return list((await session.exec(select(Instance))).all())


def test_the_folder_for_waiting_images_is_named_if_it_cannot_be_used(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        Queue(tmp_path / "file")
