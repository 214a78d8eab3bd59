"""The first view of a patient page weighs less than 200 kB: a borrowed phone on a weak line."""

import pytest

from telehealth.web.assets import manifest
from tests.browser.conftest import PHONE, chromium, live_server, page_for  # noqa: F401  (fixtures)
from tests.conftest import missing

pytestmark = pytest.mark.browser

BUDGET_BYTES = 200_000


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.mark.parametrize("address", ["/", "/specialists", "/sign-in"])
async def test_a_first_view_fits_the_budget(page_for, address):  # noqa: F811
    """Everything that Chromium loads with an empty cache, as it came over the line, headers included."""
    if not manifest():
        missing("the client build")
    page = await page_for(None, PHONE)
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    loaded: dict[str, float] = {}
    names: dict[str, str] = {}
    session.on("Network.responseReceived", lambda told: names.update({told["requestId"]: told["response"]["url"]}))
    session.on("Network.loadingFinished", lambda told: loaded.update({told["requestId"]: told["encodedDataLength"]}))

    await page.goto(address, wait_until="networkidle")

    parts = {names[request]: int(size) for request, size in loaded.items()}
    assert sum(parts.values()) < BUDGET_BYTES, parts
