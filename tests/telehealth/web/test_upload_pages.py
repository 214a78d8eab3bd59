import re
from io import BytesIO

import pytest
from PIL import Image
from sqlmodel import select

from imaging.dicom import sandbox
from imaging.dicom.synthetic import ct_volume
from imaging.pipeline.process import process
from imaging.store.models import Study
from telehealth.core import clock
from telehealth.core.blobs import blobs
from telehealth.core.db import session_scope
from telehealth.referrals.lifecycle import ReferralStatus
from telehealth.referrals.models import Referral
from tests.imaging.pipeline.conftest import PATIENT, STRANGER


@pytest.fixture(scope="module", autouse=True)
def decoders():
    yield
    sandbox.close()


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
    assert "Mở tài liệu" in page
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
    assert "Trần Văn Bình" in page
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
    assert (await technician.post(f"/clinic/unfiled/{study.id}", data={"referral_id": ""})).status_code == 422
    assert (await technician.post(f"/clinic/unfiled/{study.id}", data={"referral_id": str(referral.id)})).status_code == 303
    await process(engine, blobs(), study.id)
    study = await only_study(engine)
    assert (study.state, study.referral_id) == ("available", referral.id)


async def test_strangers_find_no_upload_page(sign_in, province, referral):
    stranger, patient = await sign_in(province.other_doctor), await sign_in(province.patient_account)
    assert (await stranger.get(f"/clinic/referrals/{referral.id}/upload")).status_code == 404
    assert (await stranger.post(f"/api/v1/referrals/{referral.id}/uploads", json={})).status_code == 404
    assert (await patient.get("/clinic/unfiled")).status_code == 403


async def test_what_is_sent_beside_images_is_seen_by_those_who_read_them(sign_in, province, referral, engine):
    technician, specialist = await sign_in(province.technician), await sign_in(province.specialist)
    letter, clip = b"%PDF-1.7 " + bytes(500), bytes(4) + b"ftypisom" + bytes(3000)
    sent = [("files", ("thư.pdf", letter)), ("files", ("phim.jpg", b"\xff\xd8\xff\xe0 photo")), ("files", ("siêu âm.mp4", clip))]
    sent += [("files", ("CD/help/readme.pdf", letter)), ("files", ("a.heic", bytes(4) + b"ftypheic" + bytes(99)))]
    assert (await technician.post(f"/clinic/referrals/{referral.id}/upload", files=sent)).status_code == 303
    page = (await technician.get(f"/clinic/referrals/{referral.id}/upload")).text
    assert "nằm trong thư mục" in page
    assert "hãy gửi dạng JPEG" in page
    addresses = re.findall(rf"/api/v1/referrals/{referral.id}/documents/[0-9a-f-]{{36}}", page)
    assert len(set(addresses)) == 3
    assert (await specialist.get(addresses[0])).status_code == 404  # not submitted yet
    async with session_scope(engine) as session:
        question = await session.get(Referral, referral.id)
        question.status, question.submitted_at = ReferralStatus.SUBMITTED, clock.now()
        session.add(question)
    kinds = {}
    for address in set(addresses):
        answer = await specialist.get(address)
        kinds[answer.headers["content-type"]] = answer
    assert kinds.keys() == {"application/pdf", "image/jpeg", "video/mp4"}
    assert kinds["application/pdf"].content == letter
    assert kinds["video/mp4"].headers["x-content-type-options"] == "nosniff"
    room = (await specialist.get(f"/reading/{referral.id}")).text
    assert "Thư, ảnh chụp và đoạn phim" in room
    some = await specialist.get(str(kinds["video/mp4"].url), headers={"Range": "bytes=4-11"})
    assert (some.status_code, some.content) == (206, b"ftypisom")
    stranger = await sign_in(province.other_doctor)
    assert (await stranger.get(addresses[0])).status_code == 404


async def test_a_photograph_of_a_film_is_read_like_every_image(sign_in, province, referral, engine):
    technician = await sign_in(province.technician)
    out = BytesIO()
    Image.new("L", (64, 48), 90).save(out, "JPEG")
    for _ in range(2):
        sent = await technician.post(f"/clinic/referrals/{referral.id}/upload", files=[("files", ("phim.jpg", out.getvalue()))])
        assert sent.status_code == 303
    study = await only_study(engine)
    assert (study.instance_count, study.modalities, study.patient_id) == (1, "OT", province.patient.id)
    await process(engine, blobs(), study.id)
    assert (await only_study(engine)).state == "available"
    assert "Thư, ảnh chụp và đoạn phim" not in (await technician.get(f"/clinic/referrals/{referral.id}/upload")).text
