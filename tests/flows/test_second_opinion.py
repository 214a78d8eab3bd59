"""From a clinic's question to an acknowledged, closed answer, through HTTP."""

import subprocess
from io import BytesIO
from uuid import UUID

import highdicom
from pydicom import dcmread
from sqlmodel import select

from imaging.reports import documents
from imaging.reports.models import Annotation, ReportDocument
from imaging.store.models import Instance, Study
from telehealth.core import audit
from telehealth.core.blobs import blobs
from telehealth.core.db import session_scope
from telehealth.core.ids import new_id
from tests.telehealth.referrals.loop import TEXT, add_images, ask, otp, write


async def test_a_question_is_asked_read_signed_acknowledged_and_closed(engine, province, sign_in):
    doctor, reader = await sign_in(province.doctor), await sign_in(province.specialist)
    referral = await ask(doctor, province, priority="urgent")
    await add_images(engine, province, referral)
    path = f"/api/v1/referrals/{referral['id']}"
    pool = (await reader.get("/api/v1/referrals?view=pool")).json()
    assert [row["code"] for row in pool] == [referral["code"]]
    assert (await reader.post(f"{path}/claim")).json()["reader_id"] == str(province.specialist.id)

    assert (await reader.post(f"{path}/ask", json={"text": "Cần phim cũ"})).json()["due_at"] is None
    assert (await doctor.post(f"{path}/answer", json={"text": "Không có"})).json()["due_at"] > referral["due_at"]

    assert (await write(reader, referral)).json()["draft_revision"] == 1
    signed = await reader.post(f"{path}/sign", json={"otp": otp(province.specialist), "draft_revision": 1})
    assert signed.status_code == 200, signed.text
    report = f"/reports/{signed.json()['report_id']}"
    patient = await sign_in(province.patient_account)
    assert (await patient.get(report)).status_code == 404
    assert (await doctor.post(f"{path}/close", json={"outcome": "confirmed"})).status_code == 409

    assert (await doctor.post(f"{path}/open")).json()["impression"] == TEXT["impression"]
    decided = await doctor.post(f"{path}/acknowledge", json={"decision": "transfer", "note": "14:00"})
    assert (decided.json()["status"], decided.json()["decision"]) == ("acknowledged", "transfer")
    assert (await patient.get(report)).status_code == 200
    assert (await patient.get(f"{report}.pdf")).content.startswith(b"%PDF")
    assert (await doctor.post(f"{path}/close", json={"outcome": "confirmed"})).json()["status"] == "closed"
    async with session_scope(engine) as session:
        study = (await session.exec(select(Study))).one()
        assert (study.open_for_reading, study.reader_ids) == (False, [str(province.specialist.id)])
        assert study.released_to_patient_at is not None
        assert await audit.verify(session) is None


async def test_documents_are_made_once_and_the_sr_lies_in_the_study(engine, province, sign_in, tmp_path):
    doctor, reader = await sign_in(province.doctor), await sign_in(province.specialist)
    referral = await ask(doctor, province)
    files = await add_images(engine, province, referral)
    await reader.post(f"/api/v1/referrals/{referral['id']}/claim")
    async with session_scope(engine) as session:
        image = dcmread(BytesIO(files[0]))
        facts = {"series_uid": str(image.SeriesInstanceUID), "sop_uid": str(image.SOPInstanceUID)}
        study_id = (await session.exec(select(Study.id))).one()
        facts |= {"study_id": study_id, "author_id": province.specialist.id, "author_name": "Lê Quang Minh"}
        drawn = {"points": [[1.0, 1.0], [9.0, 9.0]], "measurements": {"length_mm": 24.5, "calibrated": True}}
        session.add(Annotation(mark_id=new_id(), kind="length", label="Ổ máu tụ", **drawn, **facts))
        session.add(Annotation(mark_id=new_id(), kind="key_image", label="Lát chính", **facts))
    await write(reader, referral)
    answer = await reader.post(f"/api/v1/referrals/{referral['id']}/sign", json={"otp": otp(province.specialist)})
    version_id = UUID(answer.json()["id"])
    for _ in range(2):
        await documents.render(engine, blobs(), version_id)
    async with session_scope(engine) as session:
        made = {row.kind: row for row in await session.exec(select(ReportDocument))}
        assert set(made) == {"pdf", "sr"}
        stored = (await session.exec(select(Instance).where(Instance.sop_uid == made["sr"].sop_uid))).one()
        study = (await session.exec(select(Study))).one()
    assert (stored.sha256, stored.study_id) == (made["sr"].sha256, study.id)
    report = dcmread(await blobs().local(stored.blob_key))
    groups = highdicom.sr.srread(BytesIO(await blobs().read(stored.blob_key))).content.get_image_measurement_groups()
    assert [m.value for group in groups for m in group.get_measurements()] == [24.5]
    assert str(report.PatientName) == str(image.PatientName)
    path = tmp_path / "report.pdf"
    path.write_bytes(await blobs().read(made["pdf"].blob_key))
    words = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True).stdout
    assert "Độ dài: 24,5 mm" in words
    assert "Lát chính" in words
    assert len(subprocess.run(["pdfimages", "-list", path], capture_output=True, check=True).stdout.splitlines()) == 3
    async with session_scope(engine) as session:
        await documents.ask_for_missing(session)
        assert session.info.get("jobs", []) == []
