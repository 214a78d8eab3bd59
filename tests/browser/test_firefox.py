"""A patient in Firefox and a specialist in Chromium hold a visit."""

from pathlib import Path

import pytest

from telehealth.core.db import session_scope
from telehealth.identity.deps import cookie_name
from telehealth.identity.sessions import open_session
from tests.browser.conftest import DESKTOP
from tests.browser.firefox import FIREFOX, firefox
from tests.browser.test_call import MOVING, enter
from tests.conftest import missing
from tests.signaling.calls import visit_now

pytestmark = pytest.mark.browser


async def test_firefox_and_chromium_see_and_hear_each_other(page_for, province, live_server, tmp_path):
    if not Path(FIREFOX).exists():
        missing("Firefox")
    appointment = await visit_now(live_server.engine, province)
    async with session_scope(live_server.engine) as session:
        _, secret = await open_session(session, province.patient_account, second_factor=True)
    async with firefox(tmp_path) as patient:
        await patient.cookie(cookie_name(live_server.config), secret, "127.0.0.1")
        await patient.goto(f"{live_server.address}/visits/{appointment.id}/call")
        await patient.evaluate("() => document.querySelector('#enter').click()")
        await patient.until("() => document.querySelector('#call').dataset.phase === 'waiting'")
        doctor = await page_for(province.specialist, DESKTOP)
        await enter(doctor, appointment.id)
        await doctor.get_by_role("button", name="Mời vào").click(timeout=20_000)
        await doctor.wait_for_function(MOVING, timeout=60_000)
        await patient.until(MOVING)
