"""Two real Chromium pages with fake devices hold a visit."""

import asyncio
from collections.abc import Iterator

import pytest
from playwright.async_api import Page, expect
from sqlmodel import select

from signaling.close_codes import Close
from telehealth.consultations import service
from telehealth.consultations.models import Visit
from telehealth.core import clock
from telehealth.core.db import session_scope
from telehealth.core.ids import new_id
from telehealth.scheduling.models import Appointment
from telehealth.web.pages.visit import short_code
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_pages import wrong_on
from tests.signaling.calls import visit_now

pytestmark = pytest.mark.browser

MOVING = """async () => {
  const video = document.querySelector(".call-tile video");
  if (!video) return false;
  const before = video.currentTime;
  await new Promise((done) => setTimeout(done, 400));
  const tracks = video.srcObject ? video.srcObject.getTracks() : [];
  return video.videoWidth > 0 && video.currentTime > before &&
    ["audio", "video"].every((kind) => tracks.some((track) => track.kind === kind && !track.muted));
}"""


@pytest.fixture(autouse=True)
def patient_waits() -> Iterator[None]:
    """Two pages sending video to each other share two cores with the server: what matters is that it comes."""
    expect.set_options(timeout=20_000)
    yield
    expect.set_options(timeout=5_000)


async def sees_the_other(page: Page) -> None:
    """A picture that moves, and an audio track that brings sound."""
    await expect(page.locator("#line-words")).to_have_attribute("data-kind", "ok")
    for _ in range(40):
        if await page.evaluate(MOVING):
            return
    raise AssertionError("no moving picture with sound")


async def enter(page: Page, appointment_id) -> None:
    await page.goto(f"/visits/{appointment_id}/call")
    await page.get_by_role("button", name="Vào phòng").click()


async def meet(page_for, province, appointment, phone=PHONE) -> tuple[Page, Page]:
    """Patient knocks, specialist admits, both see each other."""
    patient = await page_for(province.patient_account, phone)
    doctor = await page_for(province.specialist, DESKTOP)
    await enter(patient, appointment.id)
    await expect(patient.get_by_role("heading", name="Bạn đang ở phòng chờ")).to_be_visible()
    await enter(doctor, appointment.id)
    await doctor.get_by_role("button", name="Mời vào").click()
    await sees_the_other(patient)
    await sees_the_other(doctor)
    return patient, doctor


async def test_two_people_hold_a_visit(page_for, province, live_server):
    appointment = await visit_now(live_server.engine, province)
    patient, doctor = await meet(page_for, province, appointment)

    await patient.get_by_role("button", name="Nhắn tin", exact=True).click()
    await patient.get_by_label("Tin nhắn").fill("Tôi nghe rõ <b>lắm</b>")
    await patient.keyboard.press("Enter")
    await expect(doctor.locator("#unread")).to_have_text("1")
    await doctor.get_by_role("button", name="Nhắn tin").click()
    await expect(doctor.locator("#lines p")).to_have_text("Tôi nghe rõ <b>lắm</b>")

    await doctor.locator("[data-toggle=camera] >> visible=true").click()
    await patient.get_by_role("button", name="Đóng khung nhắn tin").click()
    await expect(patient.locator(".call-tile [data-words]")).to_have_text("Máy quay đang tắt")

    await doctor.get_by_role("button", name="Kết thúc").click()
    await doctor.get_by_role("button", name="Kết thúc buổi khám cho cả hai bên").click()
    await expect(patient.get_by_role("heading", name="Buổi khám đã kết thúc")).to_be_visible()
    await expect(doctor.get_by_role("heading", name="Buổi khám đã kết thúc")).to_be_visible()

    await live_server.app.state.hub.journal.settled()
    async with session_scope(live_server.engine) as session:
        visit = (await session.exec(select(Visit))).one()
        await service.call_ended(session, visit.room)  # what the worker does with the job
        assert (visit.outcome, visit.cause) == ("completed", "said_goodbye")
        stored = await session.get(Appointment, appointment.id)
        assert stored is not None
        assert stored.status == "fulfilled"
    await expect(patient.locator("#over-outcome")).to_have_text("Buổi khám đã diễn ra.", timeout=20_000)


async def test_a_reload_comes_back_to_the_same_seat(page_for, province, live_server):
    appointment = await visit_now(live_server.engine, province)
    patient, doctor = await meet(page_for, province, appointment)
    for reloaded, other in ((patient, doctor), (doctor, patient)):
        await reloaded.reload()
        await sees_the_other(reloaded)
        await sees_the_other(other)

    (room,) = live_server.app.state.hub.rooms.values()
    for _ in range(100):  # a page that is busy starting may be late with an answer: its line is lost and found
        if all(seat.present for seat in room.seats.values()):
            break
        await asyncio.sleep(0.1)
    assert [(seat.role, seat.admitted, seat.present) for seat in room.seats.values()] == [
        ("patient", True, True),
        ("host", True, True),
    ]
    await expect(doctor.locator("#knocks li")).to_have_count(0)


async def test_a_broken_socket_does_not_break_the_call(page_for, province, live_server):
    appointment = await visit_now(live_server.engine, province)
    patient, doctor = await meet(page_for, province, appointment)
    hub = live_server.app.state.hub
    before = set(hub.lines)
    for line in list(hub.lines.values()):
        hub._lose(line, Close.RESTART)

    await expect(doctor.locator("#line-words")).to_have_attribute("data-kind", "ok")
    await sees_the_other(patient)
    await patient.get_by_role("button", name="Nhắn tin", exact=True).click()
    await patient.get_by_label("Tin nhắn").fill("vẫn còn đây")
    await patient.keyboard.press("Enter")
    await expect(doctor.locator("#unread")).to_have_text("1")
    assert set(hub.lines) == before  # the same lines, so the same connections


async def test_without_devices_one_still_sees_and_hears(page_for, province, live_server):
    appointment = await visit_now(live_server.engine, province)
    patient = await page_for(province.patient_account, PHONE)
    await patient.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError'); }"
    )
    doctor = await page_for(province.specialist, DESKTOP)
    await enter(patient, appointment.id)
    await enter(doctor, appointment.id)
    await doctor.get_by_role("button", name="Mời vào").click()
    await sees_the_other(patient)
    await expect(doctor.locator(".call-tile [data-words]")).to_have_text("Máy quay đang tắt")


async def test_before_its_time_the_page_says_when(page_for, province, live_server):
    appointment = await visit_now(live_server.engine, province, minutes=90)
    patient = await page_for(province.patient_account, PHONE)
    await patient.goto(f"/visits/{appointment.id}/call")
    await expect(patient.get_by_role("heading", name="Phòng khám chưa mở")).to_be_visible()


async def test_devices_that_a_phone_call_took_away_are_taken_again(page_for, province, live_server):
    appointment = await visit_now(live_server.engine, province)
    patient, doctor = await meet(page_for, province, appointment)
    before = await patient.evaluate("document.querySelector('[data-own]').srcObject.id")
    await patient.evaluate(
        """() => {
          const own = document.querySelector("[data-own]").srcObject;
          for (const track of own.getTracks()) track.stop();
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    await patient.wait_for_function("id => document.querySelector('[data-own]').srcObject.id !== id", arg=before)
    await sees_the_other(doctor)


async def test_a_raised_hand_a_wish_for_quiet_and_a_call_for_help(page_for, province, live_server):
    appointment = await visit_now(live_server.engine, province)
    patient, doctor = await meet(page_for, province, appointment)
    await patient.locator("#more-toggle").click()
    await patient.get_by_role("button", name="Giơ tay").click()
    await expect(doctor.locator("[data-hand]")).to_be_visible()

    await doctor.locator("#more-toggle").click()
    await doctor.get_by_role("button", name="Xin tắt micrô").click()
    await expect(doctor.locator("[data-muted]")).to_be_visible()
    await doctor.get_by_role("button", name="Cấp cứu: 115").click()
    await expect(doctor.locator("#help")).to_contain_text(province.patient.full_name)


async def test_who_waits_and_the_doctor_write_to_each_other(page_for, province, live_server):
    appointment = await visit_now(live_server.engine, province, minutes=10)
    patient = await page_for(province.patient_account, PHONE)
    doctor = await page_for(province.specialist, DESKTOP)
    await enter(patient, appointment.id)
    await expect(patient.locator("#waiting-time")).to_contain_text("Dự kiến đến lượt bạn vào khoảng")
    await expect(patient.locator("#note")).to_be_hidden()  # nobody is there to read it
    await enter(doctor, appointment.id)
    await patient.get_by_label("Viết đôi lời cho bác sĩ").fill("Cháu đến <b>trễ</b> năm phút")
    await patient.keyboard.press("Enter")
    await expect(doctor.locator("#knocks .call-notes")).to_contain_text("Cháu đến <b>trễ</b> năm phút")

    await doctor.get_by_label(f"Viết cho {province.patient.full_name}").fill("Không sao, xin đợi một lát")
    await doctor.keyboard.press("Enter")
    await expect(patient.locator("#notes li.other")).to_contain_text("Không sao, xin đợi một lát")
    await expect(patient.locator("#notes li")).to_have_count(2)
    assert await wrong_on(patient) == []
    assert await wrong_on(doctor) == []


async def test_a_full_room_says_so_to_both_sides(page_for, province, live_server):
    appointment = await visit_now(live_server.engine, province)
    patient = await page_for(province.patient_account, PHONE)
    doctor = await page_for(province.specialist, DESKTOP)
    await enter(doctor, appointment.id)
    await expect(doctor.locator("#hang-up")).to_be_visible()
    (room,) = live_server.app.state.hub.rooms.values()
    for number in range(3):  # colleagues whose pages need not be drawn
        room.enter(new_id(), f"BS {number}", "colleague", new_id(), clock.now(), was_inside=True)
    await enter(patient, appointment.id)
    await expect(patient.locator("#waiting-host")).to_have_text("Phòng đang đủ người. Khi có người ra, bạn sẽ được mời vào.")
    await doctor.get_by_role("button", name="Mời vào").click()
    await expect(doctor.get_by_text("Phòng đã đủ người")).to_be_visible()
    await expect(patient.get_by_role("heading", name="Bạn đang ở phòng chờ")).to_be_visible()


SCREEN_MOVES = """async () => {
  const video = document.querySelector("#screen video");
  return !document.querySelector("#screen").hidden && video.videoWidth > 0 && !video.paused;
}"""


async def test_a_shared_screen_is_large_and_the_face_stays(page_for, province, live_server):
    appointment = await visit_now(live_server.engine, province)
    patient, doctor = await meet(page_for, province, appointment)
    await doctor.get_by_role("button", name="Chia sẻ", exact=True).click()
    await patient.wait_for_function(SCREEN_MOVES)
    await expect(patient.locator("#screen-name")).to_have_text(f"{province.specialist.full_name} đang chia sẻ màn hình")
    await sees_the_other(patient)
    assert await wrong_on(patient) == []
    assert await wrong_on(doctor) == []

    await patient.locator("#share-toggle").click()  # one at a time
    await expect(patient.locator("#told")).to_contain_text("Đang có người khác chia sẻ màn hình")

    await doctor.get_by_role("button", name="Ngừng chia sẻ").click()
    await expect(patient.locator("#screen")).to_be_hidden()
    await patient.locator("#share-toggle").click()
    await doctor.wait_for_function(SCREEN_MOVES)
    await doctor.locator("#share-toggle").click()
    await expect(doctor.locator("#told")).to_contain_text("Đang có người khác chia sẻ màn hình")


async def test_a_browser_that_cannot_share_a_screen_offers_none(page_for, province, live_server):
    appointment = await visit_now(live_server.engine, province)
    doctor = await page_for(province.specialist, PHONE)
    await doctor.add_init_script("delete MediaDevices.prototype.getDisplayMedia")
    await enter(doctor, appointment.id)
    await expect(doctor.locator("#hang-up")).to_be_visible()
    await expect(doctor.locator("#share-toggle")).to_be_hidden()


async def test_somebody_is_invited_and_the_visit_handed_over_from_inside(page_for, province, live_server):
    appointment = await visit_now(live_server.engine, province)
    doctor = await page_for(province.specialist, DESKTOP)
    await enter(doctor, appointment.id)
    await doctor.locator("#more-toggle").click()
    await doctor.get_by_role("button", name="Mời thêm người vào buổi khám").click()
    await doctor.get_by_label("Tên người được mời").fill("Nguyễn Văn Nam")
    await doctor.keyboard.press("Enter")
    await expect(doctor.locator("#made-words")).to_contain_text("Nguyễn Văn Nam")
    link = await doctor.locator("#made-link").input_value()
    assert link.startswith(f"{live_server.address}/guests/")
    await expect(doctor.locator("#made-copy")).to_be_focused()
    assert await wrong_on(doctor) == []

    await doctor.get_by_label("Hoặc một đồng nghiệp").select_option(str(province.other_specialist.id))
    await doctor.get_by_role("button", name="Mời đồng nghiệp này").click()
    await expect(doctor.locator("#made-link")).to_have_value(f"{live_server.address}/c/{short_code(appointment.id)}")
    await doctor.keyboard.press("Escape")

    colleague = await page_for(province.other_specialist, PHONE)
    await enter(colleague, appointment.id)
    await doctor.get_by_role("button", name="Mời vào").click()
    await sees_the_other(colleague)
    await doctor.locator("#more-toggle").click()
    await doctor.get_by_role("button", name="Bàn giao").click()
    await expect(doctor.locator("#hand-over-to")).to_contain_text(province.other_specialist.full_name)
    await doctor.locator("#hand-over").click()

    await expect(colleague.locator("#call[data-role=host]")).to_be_attached()
    await expect(doctor.locator("#call[data-role=colleague]")).to_be_attached()
    await sees_the_other(colleague)
    await expect(colleague.locator("#lock")).to_be_attached()
