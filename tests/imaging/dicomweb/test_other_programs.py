"""Programs that others wrote, over a real socket: dicomweb-client, and Orthanc pushing a study."""

import asyncio
import io
import json
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pydicom
import pytest
import uvicorn
from dicomweb_client.api import DICOMwebClient
from sqlmodel import select

from imaging.store.models import Instance
from telehealth.core.db import session_scope
from telehealth.identity.sessions import open_session
from tests import dicom_samples
from tests.conftest import missing

ORTHANC = Path("/usr/sbin/Orthanc")
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@pytest.fixture
async def address(app) -> AsyncIterator[str]:
    """The application on a free port of 127.0.0.1."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="warning"))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await running


@pytest.fixture
async def token(engine, province) -> str:
    async with session_scope(engine) as session:
        return (await open_session(session, province.technician))[1]


def shipped(name: str) -> Path:
    return next(path for path in dicom_samples.shipped() if path.name == name)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_dicomweb_client_stores_searches_and_retrieves(address, token):
    def talk() -> None:
        client = DICOMwebClient(f"{address}/dicomweb", headers={"Authorization": f"Bearer {token}"})
        sent = [pydicom.dcmread(shipped(name)) for name in ("CT_small.dcm", "MR_small_RLE.dcm")]
        answer = client.store_instances(sent)
        assert len(answer.ReferencedSOPSequence) == 2
        for dataset in sent:
            uids = dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID
            assert len(client.search_for_studies(search_filters={"PatientID": dataset.PatientID})) == 1
            assert len(client.search_for_series(uids[0])) == len(client.search_for_instances(uids[0])) == 1
            assert client.retrieve_instance(*uids).PixelData == dataset.PixelData
            assert client.retrieve_series_metadata(*uids[:2])[0]["00080018"]["Value"] == [uids[2]]
            frame = client.retrieve_instance_frames(
                *uids, frame_numbers=[1], media_types=(("application/octet-stream", "1.2.840.10008.1.2.1"),)
            )[0]
            assert frame == dataset.pixel_array.tobytes()
            assert client.retrieve_instance_rendered(*uids, media_types=("image/png",)).startswith(b"\x89PNG")

    await asyncio.to_thread(talk)


@pytest.mark.slow
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_orthanc_pushes_a_study_finds_it_here_and_fetches_it_back(address, token, tmp_path, session):
    if not ORTHANC.exists() or not PLUGIN.exists():
        missing("Orthanc with its DICOMweb plugin")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = {
        "Name": "PEER",
        "StorageDirectory": str(tmp_path / "storage"),
        "IndexDirectory": str(tmp_path / "storage"),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "AuthenticationEnabled": False,
        "RemoteAccessAllowed": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {
            "Enable": True,
            "Servers": {"us": {"Url": f"{address}/dicomweb/", "HttpHeaders": {"Authorization": f"Bearer {token}"}}},
        },
    }
    (tmp_path / "orthanc.json").write_text(json.dumps(config))
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(
        [ORTHANC, tmp_path / "orthanc.json"], stdout=log, stderr=log, env={**os.environ, "TCP_NODELAY": "1"}
    )
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as peer:
            for _ in range(200):
                try:
                    if (await peer.get("/system")).status_code == 200:
                        break
                except httpx2.TransportError:
                    await asyncio.sleep(0.1)
            content = shipped("CT_small.dcm").read_bytes()
            study = (await peer.post("/instances", content=content)).json()["ParentStudy"]
            pushed = await peer.post("/dicom-web/servers/us/stow", json={"Resources": [study], "Synchronous": True})
            assert pushed.status_code == 200, pushed.text
            await peer.delete(f"/studies/{study}")
            uids = {"PatientID": "1CT1", "StudyInstanceUID": str(pydicom.dcmread(io.BytesIO(content)).StudyInstanceUID)}
            asked = {"Uri": "/studies", "Arguments": {"PatientID": uids["PatientID"]}}
            [found] = (await peer.post("/dicom-web/servers/us/qido", json=asked)).json()
            assert uids["StudyInstanceUID"] in json.dumps(found)
            wanted = {"Resources": [{"Study": uids["StudyInstanceUID"]}], "Synchronous": True}
            fetched = await peer.post("/dicom-web/servers/us/retrieve", json=wanted)
            assert fetched.status_code == 200, fetched.text
            [instance] = (await peer.get("/instances")).json()
            assert (await peer.get(f"/instances/{instance}/file")).content[128:] == content[128:]
    finally:
        process.terminate()
        process.wait(20)
        log.close()
        shutil.rmtree(tmp_path / "storage", ignore_errors=True)
    stored = (await session.exec(select(Instance))).one()
    assert stored.sop_uid == str(pydicom.dcmread(io.BytesIO(content)).SOPInstanceUID)
