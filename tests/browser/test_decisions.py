"""A file names another patient: the study waits, the technician says what they think, the doctor decides, once for all."""

from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from imaging.dicom.synthetic import ct_volume
from imaging.pipeline import service
from imaging.pipeline.process import process
from imaging.store.models import Study
from imaging.store.receive import receive
from imaging.store.service import Filing
from telehealth.core.actor import SYSTEM
from telehealth.core.blobs import blobs
from telehealth.core.db import fetch, session_scope
from telehealth.referrals import filing
from tests.browser.conftest import PHONE
from tests.house.roles.scene import Scene, Thing
from tests.imaging.pipeline.conftest import STRANGER, pieces

pytestmark = pytest.mark.browser


@pytest.fixture
async def scene(live_server, engine, province) -> Scene:
    return Scene(live_server.app, engine, province, province.accounts)


@pytest.fixture
async def held(scene, engine, province) -> Thing:
    """A sent question whose images say that they are of somebody else, as the pipeline leaves them."""
    thing = await scene.question("sent")
    where = Filing(province.clinic.id, province.patient.id, UUID(thing["question"]))
    for content in ct_volume(STRANGER, thing["code"], slices=2, size=64):
        taken = await receive(engine, blobs(), SYSTEM, pieces(content), where)
    async with session_scope(engine) as session:
        await filing.file_study(session, taken.study_id)
        (await fetch(session, Study, thing["study"])).referral_id = None  # the scene's own, without files
    await settle_and_process(engine, taken.study_id)
    return thing | {"study": str(taken.study_id)}


async def settle_and_process(engine, study_id) -> Study:
    async with session_scope(engine) as session:
        await service.settle(session, study_id)
    await process(engine, blobs(), study_id)
    async with session_scope(engine) as session:
        return await fetch(session, Study, study_id)


def upload_of(thing: Thing) -> str:
    return f"/clinic/referrals/{thing['question']}/upload"


async def said_by_the_technician(page: Page, thing: Thing) -> None:
    await page.goto("/clinic")
    await expect(page.locator("main")).to_contain_text("Bị giữ lại")
    await page.goto(upload_of(thing))
    card = page.locator("#studies")
    await expect(card).to_contain_text("Trần Văn Bình · 01/07/1980")
    await expect(card).to_contain_text("Họ tên khác nhau")
    await page.get_by_label("Vì sao?").fill("Hai phim bị đổi tên ở máy chụp")
    await page.get_by_role("button", name="Đề xuất: là người khác").click()
    await expect(card).to_contain_text("Vũ Văn Kỹ")


@pytest.mark.parametrize(
    ("press", "words", "state"), [("Đúng người bệnh này", "Sẵn sàng", "available"), ("Là người khác", "Đã từ chối", "rejected")]
)
async def test_the_technician_proposes_and_the_doctor_decides(page_for, engine, province, held, press, words, state):
    reader = await page_for(province.specialist)
    await reader.goto(f"/reading/{held['question']}")
    await expect(reader.locator("main")).not_to_contain_text("Trần Văn Bình")
    await said_by_the_technician(await page_for(province.technician, PHONE), held)

    doctor = await page_for(province.doctor)
    await doctor.goto(f"/clinic/referrals/{held['question']}")
    await doctor.get_by_role("link", name="Xem và quyết định").click()
    await expect(doctor.locator("#studies")).to_contain_text("Hai phim bị đổi tên ở máy chụp")
    await doctor.get_by_label("Vì sao?").fill("Đã gọi phòng chụp xác nhận")
    await doctor.get_by_role("button", name=press).click()
    await expect(doctor.locator("#studies")).to_contain_text("Hoàng Thị Lan đã quyết định: Đã gọi phòng chụp xác nhận")
    study = await settle_and_process(engine, UUID(held["study"])) if state == "available" else await stored(engine, held)
    assert study.state == state
    await doctor.reload()
    await expect(doctor.locator("#studies .status").first).to_contain_text(words)
    assert await doctor.get_by_label("Vì sao?").count() == 0  # nothing is left to decide

    answer = await reader.request.get(f"/dicomweb/studies/{study.uid}/metadata")
    assert answer.status == (200 if state == "available" else 404)


async def stored(engine, thing: Thing) -> Study:
    async with session_scope(engine) as session:
        return await fetch(session, Study, thing["study"])


async def test_a_coordinator_decides_where_the_clinic_is_stuck(page_for, province, held):
    page = await page_for(province.coordinator)
    await page.goto("/operations?show=held")
    await page.get_by_role("link", name=held["code"]).click()
    await page.get_by_role("link", name="Xem và quyết định").click()
    assert await page.locator("#upload").count() == 0  # images are the clinic's to send
    await page.get_by_label("Vì sao?").fill("Cơ sở báo qua điện thoại")
    await page.get_by_role("button", name="Là người khác").click()
    await expect(page.locator("#studies")).to_contain_text("Cơ sở báo qua điện thoại")


async def test_what_was_set_aside_is_listed_with_its_reason(page_for, scene, province):
    thing = await scene.set_aside()
    page = await page_for(province.technician, PHONE)
    await page.goto("/clinic/unfiled")
    await expect(page.locator("main")).to_contain_text(thing["image"])
    await expect(page.locator("main")).to_contain_text("mã định danh")
