"""STOW-RS, QIDO-RS and WADO-RS over HTTP."""

import pytest
from sqlmodel import select

from imaging.store.models import Instance, Quarantined, Study, StudyState
from telehealth.core.audit import AuditEntry
from telehealth.core.db import session_scope
from tests import dicom_samples
from tests.dicom_samples import file_of, image

BOUNDARY = "gRAnZe"
HEADERS = {"Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'}
STUDY = "/dicomweb/studies/1.2.3.4"
INSTANCE = f"{STUDY}/series/1.2.3.4.5/instances/1.2.3.4.5.6"


def message(*files: bytes) -> bytes:
    parts = (f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode() + one + b"\r\n" for one in files)
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


async def store(client, *files: bytes, study: str = ""):
    return await client.post(f"/dicomweb/studies{study}", content=message(*files), headers=HEADERS)


def reasons(answer) -> list[int]:
    body = answer.json()
    items = [one for tag in ("00081198", "0008119A") for one in body.get(tag, {}).get("Value", [])]
    return [one["00081197"]["Value"][0] for one in items]


async def test_what_is_stored_comes_back_bit_identical(sign_in, province):
    clinic = await sign_in(province.technician)
    content = file_of(image())
    assert (await store(clinic, content)).status_code == 200
    answer = await clinic.get(INSTANCE, headers={"Accept": "application/dicom"})
    assert (answer.status_code, answer.content) == (200, content)
    multipart = await clinic.get(STUDY)
    assert content in multipart.content
    frame = await clinic.get(f"{INSTANCE}/frames/1", headers={"Accept": "application/octet-stream"})
    assert frame.content == bytes(range(16))
    assert (await clinic.get(f"{INSTANCE}/frames/2")).status_code == 404
    assert (await clinic.get(f"{INSTANCE}/frames/x")).status_code == 422
    assert (await clinic.get(f"{INSTANCE}/rendered", headers={"Accept": "image/png"})).content.startswith(b"\x89PNG")
    assert (await clinic.get(f"{STUDY}/thumbnail")).headers["content-type"] == "image/jpeg"
    metadata = (await clinic.get(f"{STUDY}/metadata")).json()[0]
    assert metadata["00100010"]["Value"] == [{"Alphabetic": "Nguyễn^Thị^Hoà"}]
    assert "BulkDataURI" in metadata["7FE00010"]


async def test_the_same_bytes_again_change_nothing_and_other_bytes_are_set_aside(sign_in, province, session):
    clinic = await sign_in(province.technician)
    first = file_of(image())
    assert [(await store(clinic, first)).status_code for _ in range(2)] == [200, 200]
    other = await store(clinic, file_of(image(pixels=bytes(16))))
    assert (other.status_code, reasons(other)) == (409, [0x0111])
    study = (await session.exec(select(Study))).one()
    assert (study.instance_count, study.version) == (1, 1)
    assert len((await session.exec(select(Quarantined))).all()) == 1
    stored = [row for row in (await session.exec(select(AuditEntry))).all() if row.act == "study.stored"]
    assert len(stored) == 1
    await session.rollback()  # on SQLite a look at the rows keeps everybody else waiting
    assert (await clinic.get(INSTANCE, headers={"Accept": "application/dicom"})).content == first


async def test_another_patient_never_joins_a_study(sign_in, province):
    clinic = await sign_in(province.technician)
    await store(clinic, file_of(image()))
    other = await store(clinic, file_of(image(sop_uid="1.2.3.4.5.8", patient_id="P2")))
    assert (other.status_code, reasons(other)) == (409, [0xA900])
    series_of_other_study = await store(clinic, file_of(image(sop_uid="1.2.3.4.5.9", study_uid="1.2.99")))
    assert (series_of_other_study.status_code, reasons(series_of_other_study)) == (409, [0xA900])


async def test_each_instance_is_judged_alone(sign_in, province):
    clinic = await sign_in(province.technician)
    answer = await store(clinic, b"junk", file_of(image()), file_of(image(sop_uid="../x")))
    assert (answer.status_code, len(reasons(answer))) == (202, 2)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_hostile_files_never_become_a_fault_of_ours(sign_in, province, session):
    clinic = await sign_in(province.technician)
    hostile = dicom_samples.hostile()
    for name, (content, _) in hostile.items():
        answer = await store(clinic, content)
        assert (answer.status_code, len(reasons(answer))) == (409, 1), name
    assert (await session.exec(select(Instance))).all() == []


async def test_a_preamble_that_is_a_program_is_cleared_and_recorded(sign_in, province, session):
    clinic = await sign_in(province.technician)
    content = dicom_samples.polyglot()
    assert (await store(clinic, content)).status_code == 200
    instance = (await session.exec(select(Instance))).one()
    assert instance.preamble_cleared
    assert instance.sha256 != instance.received_sha256
    await session.rollback()
    back = await clinic.get(INSTANCE[:-1] + "7", headers={"Accept": "application/dicom"})
    assert back.content == bytes(128) + content[128:]
    assert (await store(clinic, content)).status_code == 200


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_everything_that_pydicom_ships_is_stored_bit_identical_or_refused_by_name(sign_in, province):
    clinic = await sign_in(province.technician)
    stored = 0
    for path in dicom_samples.shipped():
        answer = await store(clinic, path.read_bytes())
        assert answer.status_code in (200, 409), path.name
        if answer.status_code == 409:
            assert len(reasons(answer)) == 1
            continue
        stored += 1
        url = answer.json()["00081199"]["Value"][0]["00081190"]["Value"][0]
        back = await clinic.get(url, headers={"Accept": "application/dicom"})
        assert back.content[128:] == path.read_bytes()[128:], path.name
    assert stored > 100


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"PatientName": "hoa nguyen"}, 1),
        ({"PatientName": "Hoà^Nguyễn", "fuzzymatching": "true"}, 1),
        ({"00100010": "tran"}, 0),
        ({"PatientID": "P*"}, 1),
        ({"PatientID": "%"}, 0),
        ({"PatientID": "P?"}, 1),
        ({"StudyDate": "20260101-20260131"}, 1),
        ({"StudyDate": "-20251231"}, 0),
        ({"ModalitiesInStudy": "CT"}, 1),
        ({"StudyInstanceUID": "1.2.3.4,1.9"}, 1),
        ({"StudyInstanceUID": "'; DROP TABLE study"}, 0),
        ({"offset": "1"}, 0),
        ({"limit": "1", "includefield": "all"}, 1),
    ],
)
async def test_studies_are_found(sign_in, province, query, found):
    clinic = await sign_in(province.technician)
    await store(clinic, file_of(image()))
    answer = await clinic.get("/dicomweb/studies", params=query)
    assert (answer.status_code, len(answer.json())) == (200, found)


async def test_a_search_that_cannot_be_understood_is_a_problem(sign_in, province):
    clinic = await sign_in(province.technician)
    for query in ({"limit": "-1"}, {"Nonsense": "1"}, {"StudyDate": "yesterday"}):
        assert (await clinic.get("/dicomweb/studies", params=query)).status_code == 422


async def test_broken_messages_are_refused(sign_in, province, client):
    clinic = await sign_in(province.technician)
    assert (await clinic.post("/dicomweb/studies", content=b"x", headers=HEADERS)).status_code == 400
    assert (await clinic.post("/dicomweb/studies", content=message()[:-9], headers=HEADERS)).status_code == 400
    assert (await clinic.post("/dicomweb/studies", content=b"{}")).status_code == 415
    assert (await client.post("/dicomweb/studies", content=message(), headers=HEADERS)).status_code == 401
    assert (await store(clinic, file_of(image()), study="/1.2.99")).status_code == 409


RESOURCES = (
    STUDY,
    f"{STUDY}/metadata",
    f"{STUDY}/series",
    f"{STUDY}/instances",
    f"{STUDY}/thumbnail",
    f"{STUDY}/series/1.2.3.4.5",
    f"{STUDY}/series/1.2.3.4.5/metadata",
    INSTANCE,
    f"{INSTANCE}/metadata",
    f"{INSTANCE}/frames/1",
    f"{INSTANCE}/rendered",
    f"{INSTANCE}/frames/1/rendered",
    f"{INSTANCE}/thumbnail",
    f"{INSTANCE}/bulkdata/7FE00010",
)


async def test_a_foreign_study_is_as_unknown_as_one_that_does_not_exist(sign_in, province, engine):
    await store(await sign_in(province.technician), file_of(image()))
    for account in (province.other_doctor, province.specialist, province.patient_account):
        stranger = await sign_in(account)
        assert [(await stranger.get(url)).status_code for url in RESOURCES] == [404] * len(RESOURCES)
        assert (await stranger.get("/dicomweb/studies")).json() == []
    async with session_scope(engine) as session:
        study = (await session.exec(select(Study))).one()
        study.state, study.open_for_reading, study.reading_unit_id = StudyState.AVAILABLE, True, province.hospital.id
        session.add(study)
    reader = await sign_in(province.specialist)
    assert [(await reader.get(url)).status_code for url in RESOURCES] == [200] * len(RESOURCES)
    assert len((await reader.get("/dicomweb/studies")).json()) == 1
    assert (await (await sign_in(province.patient_account)).get(STUDY)).status_code == 404


async def test_frames_fetched_in_a_row_are_one_read_on_record(sign_in, province, session):
    clinic = await sign_in(province.technician)
    await store(clinic, file_of(image()))
    for _ in range(3):
        await clinic.get(f"{INSTANCE}/frames/1")
    assert [row.act for row in (await session.exec(select(AuditEntry))).all()].count("study.read") == 1
