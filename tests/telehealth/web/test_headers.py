"""What goes with every page: a policy without inline code, nothing stored, nothing acted on for another site."""

import pytest


@pytest.fixture
def database_kind() -> str:
    """No row is read here."""
    return "sqlite"


async def test_pages_run_only_our_own_files(client):
    policy = dict(part.strip().split(" ", 1) for part in (await client.get("/")).headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert not any("unsafe-inline" in sources for sources in policy.values())


async def test_pages_carry_the_headers_of_a_careful_site(client):
    headers = (await client.get("/")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-opener-policy"] == "same-origin"


@pytest.mark.parametrize("address", ["/", "/nothing-here", "/dev/parts"])
async def test_no_page_is_kept_by_a_cache(client, address):
    assert (await client.get(address)).headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}],
)
async def test_another_site_cannot_post_in_our_name(client, headers):
    answer = await client.post("/language", data={"language": "en"}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_our_own_pages_can(client):
    for headers in ({"Origin": "http://testserver"}, {"Sec-Fetch-Site": "same-origin"}):
        assert (await client.post("/language", data={"language": "en"}, headers=headers)).status_code == 303


async def test_a_foreign_name_for_our_address_is_refused(client):
    answer = await client.get("/", headers={"Host": "rebound.example"})
    assert answer.status_code == 421
