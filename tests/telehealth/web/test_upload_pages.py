import pytest
from sqlmodel import select

from imaging.dicom import sandbox
from imaging.dicom.synthetic import ct_volume
from imaging.pipeline.process import process
from imaging.store.models import Study
from telehealth.core.blobs import blobs
from telehealth.core.db import session_scope
from telehealth.referrals.models import Referral
from tests.imaging.pipeline.conftest import PATIENT, STRANGER


@pytest.fixture(scope="module", autouse=True)
def decoders():
    yield
    sandbox.close()


@pytest.fixture
async def referral(engine, province) -> Referral:
    async with session_scope(engine) as session:
        referral = Referral(
            code="BN-TEST-1",
            patient_id=province.patient.id,
            from_organisation_id=province.clinic.id,
            to_organisation_id=province.hospital.id,
            created_by=province.doctor.id,
            question="?",
        )
        session.add(referral)
        return referral


async def only_study(engine) -> Study:
    async with session_scope(engine) as session:
        return (await session.exec(select(Study))).one()


async def test_a_plain_form_with_many_files_takes_them_in(sign_in, province, referral, engine):
    technician = await sign_in(province.technician)
    address = f"/clinic/referrals/{referral.id}/upload"
    files = [("files", (f"{i}.dcm", content)) for i, content in enumerate(ct_volume(PATIENT, slices=3, size=64))]
    sent = await technician.post(address, files=[*files, ("files", ("thư.pdf", b"%PDF-1.4"))])
    assert (sent.status_code, sent.headers["location"]) == (303, address)
    study = await only_study(engine)
    assert (study.instance_count, study.referral_id, study.sent_by_id) == (3, referral.id, province.technician.id)
    page = (await technician.get(address)).text
    assert "thư.pdf" in page
    assert "Đây là tệp PDF" in page
    await process(engine, blobs(), study.id)
    assert "Sẵn sàng để đọc" in (await technician.get(f"{address}/studies")).text


async def test_another_persons_images_are_decided_on_the_page(sign_in, province, referral, engine):
    technician, doctor = await sign_in(province.technician), await sign_in(province.doctor)
    begun = await technician.post(f"/api/v1/referrals/{referral.id}/uploads", json={"expected_files": 1})
    assert begun.status_code == 201, begun.text
    upload = f"/api/v1/uploads/{begun.json()['id']}"
    [content] = ct_volume(STRANGER, slices=1, size=64)
    await technician.post(f"{upload}/files", params={"name": "a b.dcm"}, content=content)
    await technician.post(f"{upload}/finish")
    study = await only_study(engine)
    await process(engine, blobs(), study.id)

    page = (await doctor.get(f"/clinic/referrals/{referral.id}/upload")).text
    assert "Trần Bình Văn" in page
    assert "Tệp ghi tên người bệnh khác" in page
    decision = f"/clinic/referrals/{referral.id}/studies/{study.id}/decision"
    proposed = await technician.post(decision, data={"decision": "accept", "note": "tên gõ nhầm"})
    assert proposed.status_code == 303
    assert (await only_study(engine)).state == "held"
    assert (await doctor.post(decision, data={"decision": "accept", "note": ""})).status_code == 422
    assert (await doctor.post(decision, data={"decision": "accept", "note": "đã hỏi người bệnh"})).status_code == 303
    await process(engine, blobs(), study.id)
    assert (await only_study(engine)).state == "available"


async def test_a_study_without_a_referral_is_filed_by_hand(sign_in, province, referral, engine):
    technician = await sign_in(province.technician)
    begun = (await technician.post("/api/v1/uploads", json={})).json()
    [content] = ct_volume(PATIENT, slices=1, size=64)
    await technician.post(f"/api/v1/uploads/{begun['id']}/files", params={"name": "1"}, content=content)
    await technician.post(f"/api/v1/uploads/{begun['id']}/finish")
    study = await only_study(engine)
    await process(engine, blobs(), study.id)
    assert referral.code in (await technician.get("/clinic/unfiled")).text
    assert (await technician.post(f"/clinic/unfiled/{study.id}", data={"referral_id": ""})).status_code == 404
    assert (await technician.post(f"/clinic/unfiled/{study.id}", data={"referral_id": str(referral.id)})).status_code == 303
    await process(engine, blobs(), study.id)
    study = await only_study(engine)
    assert (study.state, study.referral_id) == ("available", referral.id)


async def test_strangers_find_no_upload_page(sign_in, province, referral):
    stranger, patient = await sign_in(province.other_doctor), await sign_in(province.patient_account)
    assert (await stranger.get(f"/clinic/referrals/{referral.id}/upload")).status_code == 404
    assert (await stranger.post(f"/api/v1/referrals/{referral.id}/uploads", json={})).status_code == 404
    assert (await patient.get("/clinic/unfiled")).status_code == 403
