"""Times and names as pages print them, and pages where the client was not built."""

from datetime import UTC, datetime

import pytest

from telehealth.core import i18n
from telehealth.web import assets
from telehealth.web.render import clock_time, day, environment, moment, offset

AN_INSTANT = datetime(2026, 11, 24, 2, 25, tzinfo=UTC)


def test_a_full_time_names_its_offset():
    assert moment(AN_INSTANT) == "24/11/2026 09:25 (GMT+7)"
    assert moment(AN_INSTANT, "Europe/Berlin") == "24/11/2026 03:25 (GMT+1)"


def test_an_offset_of_half_an_hour_is_kept():
    assert offset(AN_INSTANT, "Asia/Kolkata") == "GMT+5:30"
    assert offset(AN_INSTANT, "America/St_Johns") == "GMT-3:30"


def test_days_and_hours_are_those_of_the_facility():
    late = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
    assert (day(late), clock_time(late)) == ("Thứ Ba, 24/11/2026", "01:00")
    with i18n.speaking("en"):
        assert day(late) == "Tuesday, 24 November 2026"


def macro(source: str) -> str:
    template = environment().from_string('{% import "_parts/ui.html" as ui with context %}' + source)
    return template.render().strip()


def test_text_from_people_never_becomes_markup():
    assert "<script>" not in macro('{{ ui.field("q", "Q", value="<script>") }}{{ ui.status("ok", "<script>") }}')
    assert "&lt;b&gt;" in macro('{{ ui.person("Lê <b>") }}')


def test_a_persons_given_name_is_stressed():
    assert "Nguyễn Thị <b>Hoà</b>" in macro('{{ ui.person("Nguyễn Thị Hoà") }}')


def test_a_wrong_field_points_at_its_message():
    field = macro('{{ ui.field("phone", "Phone", "09", error="Too short", hint="Ten digits") }}')
    assert 'aria-invalid="true"' in field
    assert 'aria-describedby="phone-hint phone-error"' in field
    assert 'id="phone-error"' in field
    assert 'value="09"' in field


@pytest.fixture
def without_a_build(monkeypatch, tmp_path):
    monkeypatch.setattr(assets, "MANIFEST", tmp_path / "none.json")


async def test_without_a_client_build_pages_are_readable_and_say_what_is_missing(without_a_build, client):
    page = (await client.get("/")).text
    assert "/static/css/plain.css" in page
    assert "Node" in page
    assert "/static/build/" not in page
