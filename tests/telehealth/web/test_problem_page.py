"""A refusal speaks to whoever asked: a page in plain words to people, problem details to programs."""

import pytest


@pytest.fixture
def database_kind() -> str:
    """No row is read here."""
    return "sqlite"


async def test_a_missing_page_says_so_in_vietnamese_and_what_to_do(client):
    page = await client.get("/nothing-here")
    assert page.status_code == 404
    assert "Không tìm thấy trang này" in page.text
    assert "Về trang đầu" in page.text
    assert "Not Found" not in page.text


async def test_a_program_gets_problem_details(client):
    answer = await client.get("/nothing-here", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["status"] == 404


async def test_htmx_gets_a_fragment(client):
    answer = await client.get("/nothing-here", headers={"HX-Request": "true"})
    assert answer.status_code == 404
    assert "<html" not in answer.text
    assert 'role="alert"' in answer.text


async def test_a_page_that_needs_a_sign_in_leads_there_and_back(client):
    answer = await client.get("/account", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/account")


async def test_a_wrong_method_is_explained(client):
    page = await client.get("/language")
    assert page.status_code == 405
    assert "Không thể dùng địa chỉ này" in page.text
