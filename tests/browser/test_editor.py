"""The report's editor: what is written is kept without a press, survives a reload, and two pages never overwrite each other."""

import pytest
from playwright.async_api import Page, expect
from sqlmodel import select

from imaging.reports.models import Report, ReportVersion
from telehealth.core.db import session_scope
from tests.house.roles.scene import Scene
from tests.telehealth.referrals.loop import otp

pytestmark = pytest.mark.browser


@pytest.fixture
async def question(live_server, engine, province) -> str:
    """A question that the specialist holds."""
    scene = Scene(live_server.app, engine, province, province.accounts)
    return (await scene.question("held"))["question"]


async def opened(page_for, province, question: str) -> Page:
    page = await page_for(province.specialist)
    await page.goto(f"/reading/{question}")
    return page


async def saved(page: Page) -> None:
    state = page.locator("[data-save-state]")
    words = await page.locator("#report-editor").get_attribute("data-saved")
    await expect(state).to_have_text(words or "", timeout=10_000)


async def test_what_is_written_saves_itself_and_survives_a_reload(page_for, province, question):
    page = await opened(page_for, province, question)
    await page.get_by_label("Mô tả").fill("Không thấy khối choán chỗ.")
    await saved(page)
    await page.reload()
    await expect(page.get_by_label("Mô tả")).to_have_value("Không thấy khối choán chỗ.")


async def test_an_older_page_says_so_and_keeps_its_words(page_for, province, question):
    older, newer = await opened(page_for, province, question), await opened(page_for, province, question)
    await newer.get_by_label("Mô tả").fill("Bản mới")
    await saved(newer)
    await older.get_by_label("Mô tả").fill("Bản cũ")
    words = await older.locator("#report-editor").get_attribute("data-conflict")
    await expect(older.locator("[data-save-state]")).to_have_text(words or "", timeout=10_000)
    await expect(older.get_by_label("Mô tả")).to_have_value("Bản cũ")
    await newer.reload()
    await expect(newer.get_by_label("Mô tả")).to_have_value("Bản mới")


async def test_signing_takes_the_last_word_written_and_a_wrong_code_loses_none(page_for, engine, province, question):
    page = await opened(page_for, province, question)
    await page.get_by_label("Mô tả").fill("Ổ tăng tỉ trọng.")
    await page.get_by_label("Kết luận").fill("Xuất huyết não.")
    await page.locator("input[name=otp]").fill("000000")
    sign = page.locator("button[name=do][value=sign]")
    await sign.click()
    await expect(page.get_by_label("Kết luận")).to_have_value("Xuất huyết não.")
    await page.get_by_label("Kết luận").fill("Xuất huyết não thuỳ trán.")
    await page.locator("input[name=otp]").fill(otp(province.specialist))
    await sign.click()
    await page.wait_for_url("**/reports/*")
    await expect(page.locator("main")).to_contain_text("Xuất huyết não thuỳ trán.")
    async with session_scope(engine) as session:
        report = (await session.exec(select(Report))).one()
        versions = (await session.exec(select(ReportVersion))).all()
    assert (report.impression, len(versions)) == ("Xuất huyết não thuỳ trán.", 1)
