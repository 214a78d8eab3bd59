"""A visit over lines that go dead and change: two browsers on hosts of their own (network namespaces, so only as root)."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from telehealth.core.db import session_scope
from telehealth.identity.deps import cookie_name
from telehealth.identity.models import Account
from telehealth.identity.sessions import open_session
from tests.browser import network
from tests.browser.conftest import CHROMIUM, DESKTOP, FLAGS, PHONE, LiveServer
from tests.browser.test_call import MOVING, enter
from tests.conftest import IN_CI
from tests.signaling.calls import visit_now

pytestmark = [
    pytest.mark.browser,
    pytest.mark.usefixtures("live_host"),
    pytest.mark.skipif(not network.possible() and not IN_CI, reason="network namespaces need root"),
]

OWN_FLAGS = ["--headless=new", "--disable-background-timer-throttling", "--disable-renderer-backgrounding"]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[network.Lab]:
    with network.lab(tmp_path, "a", "b") as made:
        yield made


@pytest.fixture
def live_host(lab: network.Lab) -> str:
    return network.SERVER


@pytest.fixture
async def browsers(lab: network.Lab, live_server: LiveServer) -> AsyncIterator[list[Browser]]:
    flags = [*FLAGS, *OWN_FLAGS, f"--unsafely-treat-insecure-origin-as-secure={live_server.address}"]
    environment = os.environ | {"HOME": str(lab.folder)}
    async with async_playwright() as playwright:
        made = [
            await playwright.chromium.launch(
                executable_path=lab.browser(host, CHROMIUM),
                args=flags,
                headless=False,
                ignore_default_args=["--headless", "--mute-audio"],
                env=environment,  # type: ignore[arg-type]
            )
            for host in ("a", "b")
        ]
        yield made
        for browser in made:
            await browser.close()


async def page_on(browser: Browser, server: LiveServer, account: Account, viewport) -> Page:
    context = await browser.new_context(
        base_url=server.address, locale="vi-VN", viewport=viewport, permissions=["camera", "microphone"]
    )
    async with session_scope(server.engine) as session:
        _, secret = await open_session(session, account, second_factor=True)
    await context.add_cookies([{"name": cookie_name(server.config), "value": secret, "url": server.address}])
    return await context.new_page()


async def meet(browsers: list[Browser], server: LiveServer, province) -> list[Page]:
    appointment = await visit_now(server.engine, province)
    patient = await page_on(browsers[0], server, province.patient_account, PHONE)
    doctor = await page_on(browsers[1], server, province.specialist, DESKTOP)
    await enter(patient, appointment.id)
    await enter(doctor, appointment.id)
    await doctor.get_by_role("button", name="Mời vào").click(timeout=30_000)
    await both_see(patient, doctor)
    return [patient, doctor]


async def both_see(*pages: Page) -> None:
    for page in pages:
        await page.wait_for_function(MOVING, timeout=60_000)


async def words_are(page: Page, kind: str) -> None:
    await page.wait_for_function("kind => document.querySelector('#line-words').dataset.kind === kind", arg=kind, timeout=60_000)


async def test_a_dead_line_and_another_address_cost_seconds_and_never_the_call(lab, live_server, browsers, province):
    pages = await meet(browsers, live_server, province)
    hub = live_server.app.state.hub
    lines = {line.id for line in hub.lines.values()}

    lab.drop("a")
    await words_are(pages[0], "warn")
    await asyncio.sleep(4)  # the fault itself, not a hope
    lab.pass_all()
    await both_see(*pages)
    for page in pages:
        await words_are(page, "ok")

    lab.move("a", f"{network.NET}.90")
    await both_see(*pages)
    for page in pages:
        await words_are(page, "ok")
    assert {line.id for line in hub.lines.values()} == lines  # the same pages in the same seats
