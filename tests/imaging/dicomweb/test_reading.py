"""Reading: who may is remembered for a second at most, answers change with what is stored, pictures cost a child."""

import asyncio
import io
import json
import os
import signal
from datetime import timedelta

import numpy as np
import pydicom
import pytest
from PIL import Image
from sqlmodel import select

from imaging.dicom import sandbox
from imaging.store.models import Study, StudyState
from telehealth.core import clock
from telehealth.core.actor import Role
from telehealth.core.audit import AuditEntry
from telehealth.core.db import session_scope
from telehealth.identity.models import Account, LoginSession, RoleGrant
from tests import dicom_samples, factories
from tests.dicom_samples import element, file_of, image
from tests.imaging.dicomweb.test_dicomweb import INSTANCE, RESOURCES, STUDY, store

SERIES = f"{STUDY}/series/1.2.3.4.5"
DOORS = (
    *RESOURCES,
    f"{SERIES}/instances",
    f"{STUDY}/rendered",
    f"{SERIES}/rendered",
    f"{SERIES}/thumbnail",
    f"{INSTANCE}/frames/1/thumbnail",
    f"{STUDY}/instances/1.2.3.4.5.6",
)
WITHIN_S = 2
ONE_KIND = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


async def statuses(client) -> set[int]:
    return {(await client.get(url)).status_code for url in DOORS}


async def change(engine, model, values: dict, *where) -> None:
    async with session_scope(engine) as session:
        for row in (await session.exec(select(model).where(*where))).all():
            for name, value in values.items():
                setattr(row, name, value)
            session.add(row)


ENDINGS = {
    "revoked": (LoginSession, {"revoked_at": clock.now()}, {401}),
    "expired": (LoginSession, {"expires_at": clock.now() - timedelta(hours=1)}, {401}),
    "disabled": (Account, {"active": False}, {401}),
    "grant over": (RoleGrant, {"valid_to": clock.now().date() - timedelta(days=1)}, {404}),
    "another role": (RoleGrant, {"role": "auditor"}, {403}),
}


async def test_who_may_no_longer_is_out_at_every_door_within_two_seconds(sign_in, province, engine):
    await store(await sign_in(province.technician), file_of(image()))
    people = {}
    for ending in ENDINGS:
        async with session_scope(engine) as session:
            people[ending] = await factories.make_staff(session, ending, Role.TECHNICIAN, province.clinic)
    clients = {ending: await sign_in(account) for ending, account in people.items()}
    for client in clients.values():
        assert await statuses(client) == {200}
    for ending, (model, values, _) in ENDINGS.items():
        mine = model.id if model is Account else model.account_id
        await change(engine, model, values, mine == people[ending].id)
    await asyncio.sleep(WITHIN_S)  # the promise itself, not a wait for luck
    for ending, (_, _, expected) in ENDINGS.items():
        assert await statuses(clients[ending]) == expected, ending
        search = await clients[ending].get("/dicomweb/studies")
        assert search.status_code in expected or search.json() == [], ending


async def test_a_study_taken_from_a_reader_is_closed_at_every_door_within_two_seconds(sign_in, province, engine):
    await store(await sign_in(province.technician), file_of(image()))
    reader = await sign_in(province.specialist)
    assert await statuses(reader) == {404}
    opened = {"state": StudyState.AVAILABLE, "open_for_reading": True, "reading_unit_id": province.hospital.id}
    await change(engine, Study, opened)
    assert await statuses(reader) == {200}, "what is given is there at once"
    await change(engine, Study, {"open_for_reading": False})
    await asyncio.sleep(WITHIN_S)
    assert await statuses(reader) == {404}
    assert (await reader.get("/dicomweb/studies")).json() == []


async def test_refusals_are_told_in_full_and_put_on_record(sign_in, province, session, client):
    stranger = await sign_in(province.coordinator)
    answer = await stranger.get("/dicomweb/studies")
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert answer.json()["type"] == "/problems/forbidden"
    nobody = await client.get(f"{INSTANCE}/frames/1")
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
    assert nobody.headers["x-content-type-options"] == "nosniff"
    rows = (await session.exec(select(AuditEntry).where(AuditEntry.act == "access.denied"))).all()
    assert len(rows) == 1


async def test_searches_are_on_record_by_person_and_kind(sign_in, province, session, app):
    clinic = await sign_in(province.technician)
    for _ in range(3):
        await clinic.get("/dicomweb/studies", params={"PatientID": "P1"})
    await app.state.reads.trail.write()
    [row] = (await session.exec(select(AuditEntry).where(AuditEntry.act == "study.searched"))).all()
    assert (row.actor_id, row.facts) == (province.technician.id, {"keys": ["00100020"], "count": 0, "times": 3})


async def test_metadata_is_the_newest_and_known_by_its_etag(sign_in, province):
    clinic = await sign_in(province.technician)
    await store(clinic, file_of(image()))
    url = f"{STUDY}/metadata"
    plain = await clinic.get(url, headers={"Accept-Encoding": "identity"})
    packed = await clinic.get(url, headers={"Accept-Encoding": "gzip"})
    assert ("content-encoding" in plain.headers, packed.headers["content-encoding"]) == (False, "gzip")
    assert plain.content == packed.content
    seen = {"If-None-Match": plain.headers["etag"]}
    again = await clinic.get(url, headers=seen)
    assert (again.status_code, again.content) == (304, b"")
    await store(clinic, file_of(image(sop_uid="1.2.3.4.5.7")))
    newer = await clinic.get(url, headers=seen)
    assert (newer.status_code, len(newer.json())) == (200, 2)
    assert newer.headers["etag"] != plain.headers["etag"]


async def test_frames_are_known_by_their_etag_only_to_who_may_see_them(sign_in, province, client):
    clinic = await sign_in(province.technician)
    await store(clinic, file_of(image()))
    url = f"{INSTANCE}/frames/1"
    etag = (await clinic.get(url)).headers["etag"]
    assert (await clinic.get(url, headers={"If-None-Match": etag})).status_code == 304
    assert (await client.get(url, headers={"If-None-Match": etag})).status_code == 401


async def test_bulk_data_by_range(sign_in, province):
    clinic = await sign_in(province.technician)
    await store(clinic, file_of(image()))
    url, octets = f"{INSTANCE}/bulkdata/7FE00010", {"Accept": "application/octet-stream"}
    for asked, status, content, told in (
        ("bytes=2-5", 206, bytes(range(2, 6)), "bytes 2-5/16"),
        ("bytes=12-", 206, bytes(range(12, 16)), "bytes 12-15/16"),
        ("bytes=-3", 206, bytes(range(13, 16)), "bytes 13-15/16"),
        ("bytes=99-", 416, b"", "bytes */16"),
        ("bytes=0-1,4-5", 200, bytes(range(16)), None),
    ):
        answer = await clinic.get(url, headers=octets | {"Range": asked})
        assert (answer.status_code, answer.content, answer.headers.get("content-range")) == (status, content, told)


NAMES = {"1.2.1": "Nguyễn^Thị^Hoà", "1.2.2": "Nguyễn^Thị^Hoa", "1.2.3": "Trần^Văn^Đức", "1.2.4": "Hoàng^Thị^Hóa"}


async def found(client, query: str) -> list[str]:
    return [one["0020000D"]["Value"][0] for one in (await client.get(f"/dicomweb/studies?{query}")).json()]


async def test_vietnamese_names_are_found_however_they_are_typed(sign_in, province):
    clinic = await sign_in(province.technician)
    for uid, name in NAMES.items():
        await store(clinic, file_of(image(sop_uid=f"{uid}.9.9", series_uid=f"{uid}.9", study_uid=uid, patient_id=uid, name=name)))
    for typed in (
        "Nguy%E1%BB%85n%5EThị%5EHoà",
        "nguyen^thi^hoa",
        "HOA%20NGUYEN",
        "Hòa^Nguyễn",
        "nguy*^*oa",
        "hoa*%20thi%20nguy*",
    ):
        assert set(await found(clinic, f"PatientName={typed}")) == {"1.2.1", "1.2.2"}, typed
    assert (await found(clinic, "PatientName=hoà"))[0] == "1.2.1", "typed marks rank first"
    assert (await found(clinic, "PatientName=h%C3%B2a&limit=1")) == ["1.2.1"], "the newer place of the tone"
    assert (await found(clinic, "PatientName=Hoá"))[0] == "1.2.4"
    assert await found(clinic, "PatientName=duc") == await found(clinic, "PatientName=ĐỨC*") == ["1.2.3"]
    assert await found(clinic, "PatientName=ngu") == []
    assert set(await found(clinic, "PatientName=ngu&fuzzymatching=true")) == {"1.2.1", "1.2.2"}
    assert await found(clinic, "PatientName=%25") == []


async def test_a_page_that_is_cut_says_so(sign_in, province):
    clinic = await sign_in(province.technician)
    for uid in NAMES:
        await store(clinic, file_of(image(sop_uid=f"{uid}.9.9", series_uid=f"{uid}.9", study_uid=uid)))
    cut = await clinic.get("/dicomweb/studies", params={"limit": 3})
    assert (len(cut.json()), "offset" in cut.headers["warning"]) == (3, True)
    rest = await clinic.get("/dicomweb/studies", params={"limit": 3, "offset": 3})
    assert (len(rest.json()), "warning" in rest.headers) == (1, False)
    unknown = await clinic.get("/dicomweb/studies", params={"PatientComments": "x"})
    assert "not searched" in unknown.headers["warning"]


async def test_keys_of_every_level_are_matched_and_counted(sign_in, province):
    clinic = await sign_in(province.technician)
    await store(clinic, file_of(image()), file_of(image(sop_uid="1.2.3.4.5.7")))
    for path, query, count in (
        ("/studies", "Modality=CT", 1),
        ("/studies", "SOPInstanceUID=1.2.3.4.5.7", 1),
        ("/studies", "SeriesInstanceUID=1.9", 0),
        ("/studies", "StudyDate=202601&StudyTime=10-12", 0),
        ("/series", "ModalitiesInStudy=MR,CT", 1),
        ("/series", "SOPInstanceUID=1.2.3.4.5.6", 1),
        ("/instances", "PatientID=P1&InstanceNumber=1", 2),
        ("/instances", "SOPClassUID=1.2.840.10008.5.1.4.1.1.7", 2),
        ("/studies/1.2.3.4/instances", "", 2),
        ("/studies/1.2.3.4/instances", "includefield=all&limit=1", 1),
    ):
        answer = await clinic.get(f"/dicomweb{path}?{query}")
        assert (answer.status_code, len(answer.json())) == (200, count), (path, query)
    [study] = (await clinic.get("/dicomweb/studies")).json()
    assert (study["00201206"]["Value"], study["00201208"]["Value"]) == ([1], [2])
    [series] = (await clinic.get(f"{STUDY}/series")).json()
    assert (series["00201209"]["Value"], list(series)) == ([2], sorted(series))


def shipped(name: str) -> pydicom.FileDataset:
    return pydicom.dcmread(next(path for path in dicom_samples.shipped() if path.name == name))


async def kept(client, dataset: pydicom.FileDataset) -> str:
    content = io.BytesIO()
    dataset.save_as(content)
    assert (await store(client, content.getvalue())).status_code == 200
    return f"/dicomweb/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}/instances/{dataset.SOPInstanceUID}"


async def test_a_series_is_found_by_what_it_was_asked_for(sign_in, province):
    clinic = await sign_in(province.technician)
    item = element(0x40, 0x09, b"SH", b"STEP1") + element(0x40, 0x1001, b"SH", b"PROC1")
    asked = element(0x40, 0x275, b"SQ", b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item)
    performed = element(0x40, 0x244, b"DA", b"20260106") + element(0x40, 0x245, b"TM", b"101500")
    await store(clinic, file_of(image(after=performed + asked)))
    for query, count in (
        ("RequestAttributesSequence.ScheduledProcedureStepID=STEP1", 1),
        ("00400275.00401001=PROC*", 1),
        ("00401001=PROC2", 0),
        ("PerformedProcedureStepStartDate=20260101-20260110&PerformedProcedureStepStartTime=10", 1),
        ("PerformedProcedureStepStartDate=20260107", 0),
    ):
        for path in ("/series", "/studies"):
            assert len((await clinic.get(f"/dicomweb{path}?{query}")).json()) == count, (path, query)
    [series] = (await clinic.get(f"{STUDY}/series")).json()
    [told] = series["00400275"]["Value"]
    assert (told["00400009"]["Value"], told["00401001"]["Value"]) == (["STEP1"], ["PROC1"])
    assert series["00400244"]["Value"] == ["20260106"]


SYNTAXES = {
    "application/octet-stream": "1.2.840.10008.1.2.1",
    "image/jp2": "1.2.840.10008.1.2.4.90",
    "image/jls": "1.2.840.10008.1.2.4.80",
    "image/dicom-rle": "1.2.840.10008.1.2.5",
}


@ONE_KIND
@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "SC_rgb_rle.dcm"])
async def test_frames_and_files_come_in_every_syntax_without_loss(sign_in, province, name):
    clinic = await sign_in(province.technician)
    dataset = shipped(name)
    url = await kept(clinic, dataset)
    expected = dataset.pixel_array
    for kind, syntax in SYNTAXES.items():
        frame = await clinic.get(f"{url}/frames/1", headers={"Accept": f"{kind}; transfer-syntax={syntax}"})
        assert (frame.status_code, frame.headers["content-type"]) == (200, f"{kind}; transfer-syntax={syntax}")
        whole = await clinic.get(url, headers={"Accept": f"application/dicom; transfer-syntax={syntax}"})
        written = pydicom.dcmread(io.BytesIO(whole.content))
        assert written.file_meta.TransferSyntaxUID == syntax
        assert written.SOPInstanceUID == dataset.SOPInstanceUID
        assert np.array_equal(written.pixel_array, expected)
        if kind == "application/octet-stream":
            assert frame.content == expected.tobytes()
    assert (await clinic.get(f"{url}/frames/1", headers={"Accept": "video/mp4"})).status_code == 406
    assert (await clinic.get(url, headers={"Accept": "application/dicom; transfer-syntax=1.2.3"})).status_code == 406


@ONE_KIND
async def test_pictures_obey_window_viewport_annotation_and_kind(sign_in, province):
    clinic = await sign_in(province.technician)
    url = await kept(clinic, shipped("CT_small.dcm"))

    async def drawn(query: str = "", kind: str = "image/png") -> Image.Image:
        answer = await clinic.get(f"{url}/rendered?{query}", headers={"Accept": kind})
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        return Image.open(io.BytesIO(answer.content))

    whole = await drawn()
    assert whole.size == (128, 128)
    assert (await drawn("viewport=64,64")).size == (64, 64)
    part = await drawn("viewport=128,128,0,0,-64,64")
    assert (part.size, (await drawn(kind="image/gif")).format) == ((128, 128), "GIF")
    assert np.asarray(await drawn("window=4000,1")).max() == 0
    assert np.asarray(await drawn("window=40,400,sigmoid")).std() > 0
    assert np.asarray((await drawn("annotation=patient")).convert("L")).mean() != np.asarray(whole).mean()
    small = len((await clinic.get(f"{url}/rendered?quality=10", headers={"Accept": "image/jpeg"})).content)
    assert small < len((await clinic.get(f"{url}/rendered?quality=100", headers={"Accept": "image/jpeg"})).content)
    for wrong in ("window=1", "window=1,0", "window=1,2,3", "viewport=x,1", "viewport=1,1,0,0,0,1", "quality=0", "annotation=x"):
        assert (await clinic.get(f"{url}/rendered?{wrong}")).status_code == 422, wrong
    assert (await clinic.get(f"{url}/rendered", headers={"Accept": "text/html"})).status_code == 406


@ONE_KIND
async def test_a_decoder_that_is_killed_costs_one_answer(sign_in, province):
    clinic = await sign_in(province.technician)
    url = await kept(clinic, shipped("CT_small.dcm"))
    assert (await clinic.get(f"{url}/rendered")).status_code == 200
    for child in sandbox.children():
        os.kill(child, signal.SIGKILL)
    answers = [(await clinic.get(f"{url}/rendered?quality={quality}")).status_code for quality in range(50, 60)]
    assert set(answers[2:]) == {200}, "each dead child costs one answer at most"
    assert set(answers) <= {200, 422}
    sandbox.close()


async def test_metadata_leaves_big_values_out_and_says_where_they_are(sign_in, province):
    clinic = await sign_in(province.technician)
    private = element(0x21, 0x0010, b"LO", b"MAKER") + element(0x21, 0x1001, b"OB", bytes(range(200)))
    await store(clinic, file_of(image(middle=private)))
    [model] = json.loads((await clinic.get(f"{INSTANCE}/metadata")).content)
    uri = model["00211001"]["BulkDataURI"]
    value = await clinic.get(uri, headers={"Accept": "application/octet-stream"})
    assert value.content == bytes(range(200))
