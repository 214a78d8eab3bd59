"""What leaves is whole, can be opened by others, is on record; a copy without names waits for a person where it must."""

import io
import warnings
import zipfile
from datetime import timedelta
from pathlib import Path

import pydicom
import pytest
from pydicom.fileset import FileSet
from sqlmodel import select, update

from imaging.dicom.synthetic import ct_volume, ultrasound_cine
from imaging.pipeline.process import process
from imaging.store.models import Study
from imaging.store.receive import receive
from imaging.store.service import Filing
from telehealth.core import clock
from telehealth.core.actor import SYSTEM
from telehealth.core.audit import AuditEntry
from telehealth.core.blobs import blobs
from telehealth.core.db import session_scope
from tests.imaging.pipeline.conftest import PATIENT, decoders, pieces  # noqa: F401 (fixtures)


@pytest.fixture
def store(engine, province):
    async def make(files: list[bytes]) -> Study:
        for content in files:
            taken = await receive(engine, blobs(), SYSTEM, pieces(content), Filing(province.clinic.id, province.patient.id))
        async with session_scope(engine) as session:
            await session.exec(update(Study).values(last_instance_at=clock.now() - timedelta(minutes=1)))
        await process(engine, blobs(), taken.study_id)
        async with session_scope(engine) as session:
            return (await session.exec(select(Study).where(Study.id == taken.study_id))).one()

    return make


def listed(folder: Path) -> list[Path]:
    """The files that DICOMDIR names, as another library reads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        medium = FileSet(folder / "DICOMDIR")
        found = [Path(one.path) for one in medium]
        medium._stage["t"].cleanup()
    return found


async def test_the_zip_holds_every_original_and_an_index_that_others_read(store, sign_in, province, tmp_path: Path):
    files = ct_volume(PATIENT, slices=5, size=64)
    study = await store(files)
    client = await sign_in(province.technician)
    answer = await client.get(f"/studies/{study.id}/export.zip")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
        originals = {archive.read(name) for name in archive.namelist() if name.startswith("PT")}
    assert originals == set(files)
    on_medium = listed(tmp_path)
    assert len(on_medium) == 5
    assert {path.read_bytes() for path in on_medium} == set(files)
    page = (tmp_path / "INDEX.HTM").read_text()
    assert study.dicom_patient_name.replace("^", " ") in page
    assert "<script" not in page
    assert (tmp_path / "PREVIEW" / "S000.JPG").read_bytes().startswith(b"\xff\xd8")


async def test_leaving_is_on_record_and_strangers_find_nothing(store, sign_in, province, engine):
    study = await store(ct_volume(PATIENT, slices=1, size=64))
    assert (await (await sign_in(province.other_doctor)).get(f"/studies/{study.id}/export.zip")).status_code == 404
    assert (await (await sign_in(province.coordinator)).get(f"/studies/{study.id}/export.zip")).status_code in (403, 404)
    assert (await (await sign_in(province.technician)).get(f"/studies/{study.id}/copy.zip?project=T1")).status_code == 403
    await (await sign_in(province.doctor)).get(f"/studies/{study.id}/export.zip")
    async with session_scope(engine) as session:
        rows = (await session.exec(select(AuditEntry).where(AuditEntry.act == "study.exported"))).all()
    assert [(row.actor_id, row.facts) for row in rows] == [(province.doctor.id, {"files": 1})]


async def test_a_copy_has_no_name_in_files_index_or_page(store, sign_in, province, tmp_path: Path):
    study = await store(ct_volume(PATIENT, slices=3, size=64))
    doctor = await sign_in(province.doctor)
    await doctor.post(f"/studies/{study.id}/reviewed", data={"seen": "yes", "note": "đã xem"})
    answer = await doctor.get(f"/studies/{study.id}/copy.zip", params={"project": "teaching-2026"})
    assert answer.status_code == 200
    folder = tmp_path / "medium"
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(folder)
    whole = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for said in (PATIENT.name, PATIENT.patient_id, "Nguy", study.uid, study.study_date):
        assert said.encode() not in whole
    assert len({pydicom.dcmread(path).PatientID for path in listed(folder)}) == 1
    again = await doctor.get(f"/studies/{study.id}/copy.zip", params={"project": "TEACHING-2026"})
    other = await doctor.get(f"/studies/{study.id}/copy.zip", params={"project": "OTHER"})

    def uid(content: bytes) -> str:
        archive = zipfile.ZipFile(io.BytesIO(content))
        return pydicom.dcmread(io.BytesIO(archive.read("PT000000/ST000000/SE000000/IM000000"))).StudyInstanceUID

    assert uid(answer.content) == uid(again.content) != uid(other.content)


async def test_doubtful_pictures_wait_until_somebody_has_looked(store, sign_in, province):
    study = await store(ultrasound_cine(PATIENT, frames=5))
    doctor = await sign_in(province.doctor)
    refused = await doctor.get(f"/studies/{study.id}/copy.zip", params={"project": "T1"})
    assert refused.status_code == 409
    page = (await doctor.get(f"/studies/{study.id}/share")).text
    assert "/rendered?viewport=" in page
    assert (await doctor.post(f"/studies/{study.id}/reviewed", data={"note": ""})).status_code == 422
    assert (await doctor.post(f"/studies/{study.id}/reviewed", data={"seen": "yes"})).status_code == 303
    assert (await doctor.get(f"/studies/{study.id}/copy.zip", params={"project": "T1"})).status_code == 200
    assert (await doctor.get(f"/studies/{study.id}/copy.zip", params={"project": "không được"})).status_code == 422


async def test_new_pictures_are_looked_at_anew(store, sign_in, province):
    files = ct_volume(PATIENT, slices=2, size=64)
    study = await store(files[:1])
    doctor = await sign_in(province.doctor)
    await doctor.post(f"/studies/{study.id}/reviewed", data={"seen": "yes"})
    await store(files)
    assert (await doctor.get(f"/studies/{study.id}/copy.zip", params={"project": "T1"})).status_code == 409
