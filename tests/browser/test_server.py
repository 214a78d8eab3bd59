"""The ground under the browser tests: the server answers, pages carry who looks at them."""

import pytest

pytestmark = pytest.mark.browser


async def test_a_real_browser_reaches_the_real_server(page_for, province):
    page = await page_for(province.doctor)

    answer = await page.goto("/healthz")

    assert answer is not None
    assert answer.status == 200
