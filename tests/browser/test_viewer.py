"""The reading room in a real browser: images come, tools work, marks stay."""

from datetime import UTC, datetime

import pytest
from sqlmodel import select

from imaging.dicom.synthetic import PatientFacts, ct_volume
from imaging.store.models import Study, StudyState
from imaging.store.receive import receive
from imaging.store.service import Filing
from telehealth.core.actor import SYSTEM
from telehealth.core.blobs import blobs
from telehealth.core.db import session_scope
from telehealth.referrals.models import Referral, ReferralStatus
from tests.browser.conftest import PHONE

pytestmark = pytest.mark.browser
SLICES = 8


async def referred(engine, province, files) -> Referral:
    """A question that the specialist holds, with these files on the shelf."""
    async with session_scope(engine) as session:
        referral = Referral(
            code="GT-TEST-0001",
            patient_id=province.patient.id,
            from_organisation_id=province.clinic.id,
            to_organisation_id=province.hospital.id,
            created_by=province.doctor.id,
            question="Có tổn thương phổi không?",
            history="Ho kéo dài ba tuần.",
            status=ReferralStatus.ASSIGNED,
            reader_id=province.specialist.id,
            submitted_at=datetime.now(UTC),
        )
        session.add(referral)
    filing = Filing(organisation_id=province.clinic.id, patient_id=province.patient.id, referral_id=referral.id)
    for content in files:
        staged = blobs().staging()
        staged.write_bytes(content)
        await receive(engine, blobs(), SYSTEM, staged, filing)
    async with session_scope(engine) as session:
        for study in await session.exec(select(Study).where(Study.referral_id == referral.id)):
            study.state, study.open_for_reading = StudyState.AVAILABLE, True
            study.reading_unit_id = province.hospital.id
            session.add(study)
    return referral


@pytest.fixture
async def ct_referral(live_server, province) -> Referral:
    facts = PatientFacts(name=province.patient.full_name, patient_id="TEST-1")
    return await referred(live_server.engine, province, ct_volume(facts, slices=SLICES, size=128))


BRIGHT = """() => { const c = document.querySelector('canvas.cornerstone-canvas'); const p = c.getContext('2d')
  .getImageData(0, 0, c.width, c.height).data; let n = 0; for (let i = 0; i < p.length; i += 4) if (p[i] > 40) n++; return n; }"""


async def shown(page) -> None:
    """Wait until the first image is really drawn."""
    await page.wait_for_function(
        f"() => document.querySelector('canvas.cornerstone-canvas') && ({BRIGHT})() > 1000", timeout=30_000
    )


async def test_a_length_drawn_with_the_mouse_is_there_after_a_reload(page_for, province, ct_referral):
    page = await page_for(province.specialist)
    await page.goto(f"/reading/{ct_referral.id}")
    await shown(page)
    assert await page.inner_text("#corner-place") == f"1 / {SLICES}"

    await page.keyboard.press("ArrowDown")
    await page.wait_for_function(f"() => document.querySelector('#corner-place').textContent === '2 / {SLICES}'")
    await page.select_option("#presets select", "lung")
    await page.wait_for_function("() => document.querySelector('#corner-window').textContent.includes('W 1500')")
    await page.click("[data-tool=length]")
    box = await page.locator("#overlay").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    await page.mouse.move(x - 60, y)
    await page.mouse.down()
    await page.mouse.move(x + 60, y, steps=5)
    await page.mouse.up()
    await page.wait_for_selector("#marks li[data-version='1']")
    drawn = await page.inner_text("#marks .numbers")

    await page.reload()
    await page.wait_for_selector("#marks li[data-version='1']")

    assert await page.inner_text("#marks .numbers") == drawn
    assert "Lê Quang Minh" in await page.inner_text("#marks .by")
    studies = await page.evaluate("JSON.parse(document.querySelector('#viewer-facts').textContent).studies")
    answer = await page.request.get(f"/api/v1/studies/{studies[0]['uid']}/marks")
    [mark] = (await answer.json())["marks"]
    (left, top), (right, bottom) = mark["points"]
    spacing = 380.0 / 128
    assert abs(bottom - top) < 0.5
    assert mark["measurements"]["length_mm"] == pytest.approx((right - left) * spacing, rel=0.01)


async def test_the_clinic_sees_the_images_and_has_no_tool_to_change_them(page_for, province, ct_referral):
    page = await page_for(province.doctor, PHONE)
    await page.goto(f"/clinic/referrals/{ct_referral.id}/images")
    await shown(page)

    assert await page.locator("[data-tool=length]").count() == 0
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
