"""Before the call: the line is measured against a real echo in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE
from tests.conftest import RUN_FOLDER
from tests.signaling.calls import visit_now

pytestmark = pytest.mark.browser
ZALO = "Mozilla/5.0 (Linux; Android 13; SM-A145F) AppleWebKit/537.36 Chrome/120 Mobile Safari/537.36 Zalo android/24050720"


@pytest.fixture
def echo() -> Iterator[None]:
    environment = os.environ | {"TELEHEALTH_DATA": str(RUN_FOLDER)}
    process = subprocess.Popen([sys.executable, "-m", "telehealth.cli", "echo"], env=environment)
    until = time.monotonic() + 60
    while not (RUN_FOLDER / "echo.sock").exists():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    yield
    process.kill()
    process.wait()


async def test_the_line_is_measured_and_said_in_words(page_for, province, live_server, echo):
    appointment = await visit_now(live_server.engine, province)
    patient = await page_for(province.patient_account, PHONE)
    await patient.goto(f"/visits/{appointment.id}/call")
    await patient.get_by_role("button", name="Kiểm tra đường truyền").click()
    await expect(patient.locator("#line-figures")).to_contain_text("Mbit/s", timeout=40_000)
    await expect(patient.locator("#line-light")).not_to_have_attribute("data-light", "none")


async def test_without_an_echo_the_page_says_so_and_the_visit_stays_open(page_for, province, live_server):
    (RUN_FOLDER / "echo.sock").unlink(missing_ok=True)
    appointment = await visit_now(live_server.engine, province)
    patient = await page_for(province.patient_account, PHONE)
    await patient.goto(f"/visits/{appointment.id}/call")
    await patient.get_by_role("button", name="Kiểm tra đường truyền").click()
    await expect(patient.locator("#line-verdict")).to_contain_text("chưa đo được", timeout=20_000)
    await expect(patient.get_by_role("button", name="Vào phòng")).to_be_enabled()


async def test_inside_zalo_the_page_offers_a_short_link_that_leads_here(page_for, province, live_server):
    appointment = await visit_now(live_server.engine, province)
    patient = await page_for(province.patient_account, PHONE, user_agent=ZALO)
    await patient.goto(f"/visits/{appointment.id}/call")
    await expect(patient.locator("#other-browser-text")).to_contain_text("Zalo")
    link = await patient.locator("#short-link").input_value()
    assert len(link) < 60
    await patient.goto(link)
    await expect(patient).to_have_url(f"{live_server.address}/visits/{appointment.id}/call")
