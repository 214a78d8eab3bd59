"""The pages of a question, walked as people do."""

import re

from tests.telehealth.referrals.loop import answered, ask, otp

FORM = {"question": "Có gãy xương không?", "history": "Ngã xe máy sáng nay", "priority": "routine"}


async def test_a_clinic_writes_sends_and_reads_on_pages(province, sign_in):
    doctor = await sign_in(province.doctor)
    empty = (await doctor.get("/clinic")).text
    assert "Chưa có câu hỏi nào" in empty
    form = FORM | {"full_name": "Lý Văn Thử", "birth_year": "1970", "to_organisation_id": str(province.hospital.id)}
    made = await doctor.post("/clinic/referrals/new", data=form)
    assert made.status_code == 303, made.text
    page = made.headers["location"]
    assert "Có gãy xương không?" in (await doctor.get(page)).text
    refused = await doctor.post(f"{page}/draft", data=FORM | {"do": "submit"})
    assert refused.status_code == 422
    assert "Cần có sự đồng ý" in refused.text
    assert "Ngã xe máy sáng nay" in refused.text
    assert (await doctor.post(f"{page}/draft", data=FORM | {"do": "submit", "consent": "yes"})).status_code == 303
    sent = (await doctor.get(page)).text
    assert "2 ngày làm việc" in sent
    assert "Lý Văn" in (await doctor.get("/clinic")).text


async def test_a_double_is_suggested_and_the_text_is_kept(province, sign_in):
    doctor = await sign_in(province.doctor)
    same = {"full_name": "nguyễn thị hoà", "birth_date": "1959-03-02", "sex": "female"}
    answer = await doctor.post("/clinic/referrals/new", data=FORM | same | {"to_organisation_id": str(province.hospital.id)})
    assert answer.status_code == 409
    assert str(province.patient.id) in answer.text
    assert "Có gãy xương không?" in answer.text


async def test_a_form_without_a_patient_comes_back_with_its_text(province, sign_in):
    doctor = await sign_in(province.doctor)
    answer = await doctor.post("/clinic/referrals/new", data=FORM | {"to_organisation_id": str(province.hospital.id)})
    assert answer.status_code == 422
    assert "Có gãy xương không?" in answer.text


async def test_a_reader_takes_writes_and_signs_on_pages(province, sign_in):
    doctor, reader = await sign_in(province.doctor), await sign_in(province.specialist)
    referral = await ask(doctor, province)
    assert referral["code"] in (await reader.get("/worklist")).text
    taken = await reader.post(f"/worklist/{referral['id']}/claim")
    assert (taken.status_code, taken.headers["location"]) == (303, f"/reading/{referral['id']}")
    lost = await (await sign_in(province.other_specialist)).post(f"/worklist/{referral['id']}/claim")
    assert lost.status_code == 409
    assert "Lê Quang Minh" in lost.text
    text = {"findings": "Không gãy.", "impression": "Bình thường.", "draft_revision": "0"}
    wrong = await reader.post(f"/reading/{referral['id']}/report", data=text | {"do": "sign", "otp": "000000"})
    assert wrong.status_code >= 400
    assert "Không gãy." in wrong.text
    revision = re.search(r'name="draft_revision" value="(\d+)"', wrong.text)
    assert revision is not None
    code = otp(province.specialist)
    done = await reader.post(
        f"/reading/{referral['id']}/report", data=text | {"do": "sign", "otp": code, "draft_revision": revision[1]}
    )
    assert done.status_code == 303, done.text
    assert "Bình thường." in (await doctor.get(done.headers["location"])).text
    page = f"/clinic/referrals/{referral['id']}"
    assert (await doctor.post(f"{page}/acknowledge", data={})).status_code == 422
    assert (await doctor.post(f"{page}/acknowledge", data={"decision": "treat_here"})).status_code == 303
    assert (await doctor.post(f"{page}/close", data={"outcome": "confirmed"})).status_code == 303
    assert "Đã kết thúc" in (await doctor.get(page)).text


async def test_each_figure_of_the_desk_opens_its_cases(province, sign_in):
    referral = await answered(sign_in, province)
    desk = await sign_in(province.coordinator)
    for show in ("late", "unassigned", "unread", "held", "stuck", "reading"):
        page = await desk.get(f"/operations?show={show}")
        assert page.status_code == 200
        assert (referral["code"] in page.text) == (show == "unread"), show
    assert (await (await sign_in(province.doctor)).get("/operations")).status_code == 403
