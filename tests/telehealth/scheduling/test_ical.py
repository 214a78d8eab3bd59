"""What a calendar reads back is what was written, whatever the names hold."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from telehealth.scheduling.ical import LONGEST_LINE, Event, calendar, fold

START = datetime(2026, 3, 9, 1, tzinfo=UTC)
LONG = "Khám qua video với PGS. TS. BS. Nguyễn Thị Hồng Nhung; khoa Chẩn đoán hình ảnh, Bệnh viện Đa khoa tỉnh Bắc Giang"


def event(**more: object) -> Event:
    facts = {
        "uid": "0199-7@telehealth",
        "sequence": 0,
        "stamp": START - timedelta(days=1),
        "start_at": START,
        "end_at": START + timedelta(minutes=20),
        "summary": LONG,
        "description": "Đến giờ khám, mở đường dẫn này:\nhttps://example.org/visits/1",
        "url": "https://example.org/visits/1",
        "organizer": LONG,
        "organizer_address": "noreply@telehealth.invalid",
        "attendee": 'Trần "Bảy" Thị Ngọc Ánh',
        "attendee_address": "patient@telehealth.invalid",
    }
    return Event(**{**facts, **more})


def test_long_vietnamese_lines_parse_back():
    written = calendar(event())
    read = Calendar.from_ical(written).walk("VEVENT")[0]
    assert all(len(line) <= LONGEST_LINE for line in written.split(b"\r\n"))
    assert written.endswith(b"\r\n")
    assert b"\n" not in written.replace(b"\r\n", b"")
    assert (str(read["SUMMARY"]), str(read["DESCRIPTION"])) == (LONG, event().description)
    assert read["ORGANIZER"].params["CN"] == LONG
    assert read["ATTENDEE"].params["CN"] == "Trần 'Bảy' Thị Ngọc Ánh"
    assert (read.decoded("DTSTART"), read.decoded("DTEND")) == (START, START + timedelta(minutes=20))


@pytest.mark.parametrize(
    ("cancelled", "method", "status", "alarms"), [(False, "REQUEST", "CONFIRMED", 1), (True, "CANCEL", "CANCELLED", 0)]
)
def test_a_cancelled_visit_takes_its_entry_back_and_rings_no_more(cancelled, method, status, alarms):
    read = Calendar.from_ical(calendar(event(is_cancelled=cancelled, sequence=2)))
    [entry] = read.walk("VEVENT")
    assert (str(read["METHOD"]), str(entry["STATUS"]), int(entry["SEQUENCE"])) == (method, status, 2)
    assert len(read.walk("VALARM")) == alarms


def test_a_name_cannot_bring_in_lines_of_its_own():
    trick = "An\r\nATTENDEE:mailto:x@example.org\x00\x1b"
    [entry] = Calendar.from_ical(calendar(event(summary=trick, attendee=trick))).walk("VEVENT")
    assert str(entry["SUMMARY"]) == "An\nATTENDEE:mailto:x@example.org"
    assert not isinstance(entry["ATTENDEE"], list)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=200))
def test_folding_loses_nothing_and_cuts_no_letter(text):
    lines = fold(text).removesuffix(b"\r\n").split(b"\r\n")
    assert all(len(line) <= LONGEST_LINE for line in lines)
    assert "".join(line.decode()[index > 0 :] for index, line in enumerate(lines)) == text
