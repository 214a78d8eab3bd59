"""`telehealth dimse` as it runs: several processes on one port, beside a PostgreSQL database; Orthanc as a peer."""

import asyncio
import io
import json
import os
import subprocess
from pathlib import Path

import httpx2
import pydicom
import pytest
from sqlmodel import select

from imaging.store.models import Instance
from tests.conftest import missing
from tests.imaging.dimse.conftest import dcmtk
from tests.imaging.dimse.test_storing import sample, shipped
from tests.postgres import free_port
from tests.processes import running, telehealth, wait_for_port

pytestmark = pytest.mark.slow
ORTHANC = Path("/usr/sbin/Orthanc")


@pytest.fixture
def database_kind() -> str:
    return "postgresql"


async def test_several_processes_share_a_port_and_a_second_set_says_that_it_is_taken(
    database_url, add_node, session, tmp_path, province
):
    port, log = free_port(), tmp_path / "log"
    env = {"TELEHEALTH_DATABASE": database_url, "TELEHEALTH_DIMSE__PORT": str(port), "TELEHEALTH_DIMSE__PROCESSES": "2"}
    await add_node("CT1")
    paths = [sample(tmp_path, f"{n}.dcm", sop_uid=f"1.2.3.4.5.{n}") for n in range(1, 7)]

    with running(telehealth("dimse"), log, env) as process:
        await asyncio.to_thread(wait_for_port, port, process, log)
        titles = ("-aet", "CT1", "-aec", "TELEHEALTH", "127.0.0.1", str(port))
        answers = await asyncio.gather(*(dcmtk("storescu", *titles, path) for path in paths))
        second = await asyncio.to_thread(
            subprocess.run, telehealth("dimse"), env={**os.environ, **env}, capture_output=True, text=True, timeout=60
        )
        process.terminate()
        assert await asyncio.to_thread(process.wait, 15) == 0, log.read_text()

    assert [code for code, _ in answers] == [0] * 6
    assert len((await session.exec(select(Instance))).all()) == 6
    assert second.returncode == 1
    assert len(second.stderr.strip().splitlines()) == 1
    assert f"DICOM port {port} is taken" in second.stderr


async def test_orthanc_sends_searches_and_fetches(door, add_node, session, tmp_path):
    if not ORTHANC.exists():
        missing("Orthanc")
    http, dicom = free_port(), free_port()
    await add_node("ORTHANC", host="127.0.0.1", port=dicom)
    config = {
        "StorageDirectory": str(tmp_path / "storage"),
        "HttpPort": http,
        "DicomPort": dicom,
        "DicomAet": "ORTHANC",
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowStore": True,
        "AuthenticationEnabled": False,
        "RemoteAccessAllowed": False,
        "DefaultEncoding": "Utf8",
        "DicomModalities": {"us": ["TELEHEALTH", "127.0.0.1", door.port]},
    }
    (tmp_path / "orthanc.json").write_text(json.dumps(config))
    with running([ORTHANC, tmp_path / "orthanc.json"], tmp_path / "log", {"TCP_NODELAY": "1"}) as process:
        await asyncio.to_thread(wait_for_port, http, process, tmp_path / "log")
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{http}", timeout=60) as peer:
            content = shipped("CT_small.dcm").read_bytes()
            known = (await peer.post("/instances", content=content)).json()
            assert (await peer.post("/modalities/us/echo", json={})).status_code == 200
            sent = await peer.post("/modalities/us/store", json={"Resources": [known["ID"]], "Synchronous": True})
            assert sent.json()["FailedInstancesCount"] == 0, sent.text
            await peer.delete(f"/instances/{known['ID']}")

            uid = str(pydicom.dcmread(shipped("CT_small.dcm")).StudyInstanceUID)
            query = {"Level": "Study", "Query": {"StudyInstanceUID": uid}}
            found = (await peer.post("/modalities/us/query", json=query)).json()["ID"]
            answers = (await peer.get(f"/queries/{found}/answers")).json()
            moved = await peer.post(f"/queries/{found}/answers/{answers[0]}/retrieve", json={"TargetAet": "ORTHANC"})
            assert moved.status_code == 200, moved.text
            back = (await peer.get("/instances")).json()
            assert back == [known["ID"]]
            same = (await peer.get(f"/instances/{known['ID']}/file")).content

    stored = (await session.exec(select(Instance))).one()
    assert stored.sop_uid == str(pydicom.dcmread(shipped("CT_small.dcm")).SOPInstanceUID)
    assert pydicom.dcmread(io.BytesIO(same)).PixelData == pydicom.dcmread(shipped("CT_small.dcm")).PixelData
