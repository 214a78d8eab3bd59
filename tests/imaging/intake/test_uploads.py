import io
import zipfile
from uuid import UUID

import pytest
from sqlmodel import select

from imaging.dicom.synthetic import ct_volume
from imaging.intake import service, unpack
from imaging.intake.models import UploadFile
from imaging.intake.unpack import refuse_whole
from imaging.pipeline.process import process
from imaging.store.models import Instance, Study
from telehealth.core.blobs import blobs as own_blobs
from telehealth.core.db import session_scope
from telehealth.core.settings import Limits
from tests.imaging.pipeline.conftest import PATIENT

FILES = ct_volume(PATIENT, slices=4, size=64)


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.fixture
async def technician(sign_in, province):
    return await sign_in(province.technician)


@pytest.fixture
async def upload(technician):
    """The address of an open upload in the technician's unit."""
    begun = await technician.post("/api/v1/uploads", json={"expected_files": 4})
    assert begun.status_code == 201, begun.text
    return f"/api/v1/uploads/{begun.json()['id']}"


async def put(client, upload: str, name: str, content: bytes) -> dict:
    answer = await client.post(f"{upload}/files", params={"name": name}, content=content)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def unpack_waiting(engine) -> None:
    async with session_scope(engine) as session:
        due = await service.due_unpackings(session)
    for file_id in due:
        await unpack.unpack(engine, own_blobs(), file_id)


def verdicts(answer) -> dict[str, tuple[str, str]]:
    return {file["name"]: (file["verdict"], file["reason"]) for file in answer.json()["files"]}


async def test_every_file_gets_its_own_answer(technician, upload):
    sent = {
        "ảnh/1.dcm": FILES[0],
        "trống.dcm": b"",
        "bệnh án.doc": b"\xd0\xcf\x11\xe0" + bytes(500),
        "phiếu.pdf": b"%PDF-1.7 " + bytes(200),
        "DICOMDIR": bytes(128) + b"DICM" + bytes(100),
        "Thumbs.db": bytes(100),
        "viewer.exe": b"MZ" + bytes(300),
        "cắt.dcm": FILES[1][:3000],
        "../../etc/passwd": b"root:x:0:0" * 30,
    }
    answers = {name: await put(technician, upload, name, content) for name, content in sent.items()}
    assert {name: (a["verdict"], a["reason"]) for name, a in answers.items()} == {
        "ảnh/1.dcm": ("stored", ""),
        "trống.dcm": ("refused", "empty"),
        "bệnh án.doc": ("refused", "office_document"),
        "phiếu.pdf": ("refused", "pdf"),
        "DICOMDIR": ("ignored", "besides"),
        "Thumbs.db": ("ignored", "besides"),
        "viewer.exe": ("ignored", "besides"),
        "cắt.dcm": ("refused", "bad_length"),
        "../../etc/passwd": ("refused", "not_dicom"),
    }
    assert all(a["text"] for a in answers.values() if a["reason"])
    truth = (await technician.get(upload)).json()
    assert (truth["counts"]["stored"], truth["counts"]["ignored"], truth["counts"]["refused"]) == (1, 3, 5)


async def test_the_same_file_again_is_here_already(technician, upload, engine):
    assert (await put(technician, upload, "1", FILES[0]))["verdict"] == "stored"
    assert (await put(technician, upload, "1", FILES[0]))["verdict"] == "stored"  # a lost answer, asked for again
    assert (await put(technician, upload, "copy of 1", FILES[0]))["verdict"] == "duplicate"
    async with session_scope(engine) as session:
        assert len((await session.exec(select(Instance))).all()) == 1


async def test_finishing_lets_the_study_be_looked_at_and_takes_no_more(technician, upload, engine):
    study_id = (await put(technician, upload, "1", FILES[0]))["study_id"]
    for name in (1, 2, 3):
        await put(technician, upload, str(name), FILES[name])
    finished = (await technician.post(f"{upload}/finish")).json()
    assert (finished["state"], finished["studies"][0]["state"]) == ("finished", "checking")
    await process(engine, own_blobs(), UUID(study_id))
    truth = (await technician.get(upload)).json()
    assert (truth["studies"][0]["held_because"], truth["studies"][0]["received"]) == ("unfiled", 4)
    late = await technician.post(f"{upload}/files", params={"name": "x"}, content=FILES[0])
    assert (late.status_code, late.json()["type"]) == (409, "/problems/upload-finished")


async def test_another_clinic_sees_and_adds_nothing(sign_in, province, upload):
    stranger = await sign_in(province.other_doctor)
    assert (await stranger.get(upload)).status_code == 404
    assert (await stranger.post(f"{upload}/files", params={"name": "x"}, content=FILES[0])).status_code == 404
    patient = await sign_in(province.patient_account)
    assert (await patient.post("/api/v1/uploads", json={})).status_code == 403


async def test_a_zip_is_unpacked_by_the_worker_with_an_answer_for_each_member(technician, upload, engine):
    names = ["ảnh 1.dcm", "../../../tmp/evil.dcm", "/abs/3.dcm", "C:\\x\\4.dcm"]
    content = zipped(dict(zip(names, FILES, strict=True)) | {"đọc.txt": b"xin chao" * 20, "in.zip": zipped({"a": b"b"})})
    assert (await put(technician, upload, "đĩa.zip", content))["verdict"] == "waiting"
    await technician.post(f"{upload}/finish")
    await unpack_waiting(engine)
    answers = verdicts(await technician.get(upload))
    assert answers.pop("đĩa.zip") == ("unpacked", "")
    assert answers == {f"đĩa.zip / {name}": ("stored", "") for name in names} | {
        "đĩa.zip / đọc.txt": ("refused", "not_dicom"),
        "đĩa.zip / in.zip": ("refused", "zip_inside_zip"),
    }
    async with session_scope(engine) as session:
        assert (await session.exec(select(Study))).one().state == "checking"


async def test_unpacking_twice_changes_nothing(technician, upload, engine):
    waiting = await put(technician, upload, "a.zip", zipped({"1": FILES[0]}))
    await unpack_waiting(engine)
    await unpack.unpack(engine, own_blobs(), UUID(waiting["id"]))
    async with session_scope(engine) as session:
        assert len((await session.exec(select(UploadFile))).all()) == 2


async def test_a_word_file_is_a_zip_only_by_its_packing(technician, upload, engine):
    await put(technician, upload, "bệnh án.docx", zipped({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>"}))
    await put(technician, upload, "hỏng.zip", b"PK\x03\x04" + bytes(500))
    locked = bytearray(zipped({"1.dcm": FILES[0]}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(mark) + offset] |= 1
    await put(technician, upload, "khoá.zip", bytes(locked))
    await put(technician, upload, "bom.zip", zipped({"big": bytes(30 * 1024**2)}))
    await unpack_waiting(engine)
    assert verdicts(await technician.get(upload)) == {
        "bệnh án.docx": ("refused", "office_document"),
        "hỏng.zip": ("refused", "zip_broken"),
        "khoá.zip": ("refused", "zip_encrypted"),
        "bom.zip": ("refused", "zip_bomb"),
    }


def test_too_many_members_are_refused_from_the_directory_alone():
    members = [zipfile.ZipInfo(str(number)) for number in range(11)]
    assert refuse_whole(members, Limits(upload_files=10)) == "zip_too_many"
    assert refuse_whole(members[:10], Limits(upload_files=10)) == ""
