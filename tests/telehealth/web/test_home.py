"""The start page, the language switch, the size of the text."""

import pytest

from telehealth.web.pages.home import own_path


async def test_pages_speak_vietnamese_unless_told_otherwise(client):
    page = await client.get("/", headers={"Accept-Language": "en-GB"})

    assert page.status_code == 200
    assert '<html lang="vi"' in page.text
    assert "Đặt lịch khám" in page.text


async def test_one_press_switches_to_english_and_stays_there(client):
    answer = await client.post("/language", data={"language": "en", "next": "/visits"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/visits")

    page = await client.get("/")
    assert '<html lang="en"' in page.text
    assert "Book a visit" in page.text


async def test_a_language_that_is_not_spoken_changes_nothing(client):
    answer = await client.post("/language", data={"language": "../xx"})
    assert answer.status_code == 303
    assert "set-cookie" not in answer.headers


async def test_larger_text_is_remembered_without_touching_the_language(client):
    await client.post("/language", data={"text_size": "large"})
    page = await client.get("/")
    assert 'data-text="large"' in page.text
    assert '<html lang="vi"' in page.text


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "/ok\r\nX: y", "javascript:alert(1)", ""],
)
def test_the_switch_sends_nobody_to_another_site(address):
    assert own_path(address) == "/"


def test_the_switch_leads_back_to_a_page_of_ours():
    assert own_path("/specialists") == "/specialists"


@pytest.mark.parametrize(
    ("who", "page"),
    [
        ("specialist", "/worklist"),
        ("doctor", "/clinic"),
        ("technician", "/clinic"),
        ("coordinator", "/operations"),
        ("administrator", "/people"),
        ("auditor", "/audit"),
    ],
)
async def test_staff_begin_where_their_work_is(sign_in, province, who, page):
    client = await sign_in(province.accounts[who])
    answer = await client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, page)


async def test_a_patient_sees_the_ways_onward_and_only_their_own_menu(sign_in, province):
    page = (await (await sign_in(province.patient_account)).get("/")).text
    assert 'href="/visits"' in page
    assert 'href="/access-log"' in page
    assert 'href="/worklist"' not in page
    assert 'href="/audit"' not in page


async def test_every_page_names_the_emergency_number(client):
    for address in ("/", "/nothing-here"):
        assert 'href="tel:115"' in (await client.get(address)).text


async def test_demo_signs_are_shown_in_demo_mode(client):
    assert "/demo/messages" in (await client.get("/")).text
    assert (await client.get("/dev/parts")).status_code == 200
