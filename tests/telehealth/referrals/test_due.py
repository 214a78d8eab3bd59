"""Due times: vectors by hand, and promises for any input."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.referrals.due import Pause, Priority, WorkingCalendar, due, pauses_of
from telehealth.scheduling.holidays import CLOSED

HOSPITAL = WorkingCalendar(holidays=frozenset(CLOSED))


def vn(text: str) -> datetime:
    """A wall-clock time in Vietnam."""
    return datetime.fromisoformat(f"{text}+07:00").astimezone(UTC)


VECTORS = [
    ("stat", "2026-11-22T23:50", "2026-11-23T00:20"),  # Sunday night counts like any other
    ("urgent", "2026-11-20T16:00", "2026-11-20T20:00"),
    ("routine", "2026-11-23T10:00", "2026-11-25T10:00"),
    ("routine", "2026-11-20T10:00", "2026-11-24T10:00"),  # over a weekend
    ("routine", "2026-11-23T12:30", "2026-11-25T11:30"),  # in the lunch break: two whole days from 13:30
    ("routine", "2026-11-23T03:00", "2026-11-24T17:00"),  # before opening
    ("routine", "2026-11-22T09:00", "2026-11-24T17:00"),  # on Sunday
    ("routine", "2026-04-29T10:00", "2026-05-05T10:00"),  # 30 April and 1 May, then a weekend
    ("routine", "2026-02-13T15:00", "2026-02-24T15:00"),  # Tết
]


@pytest.mark.parametrize(("priority", "sent", "expected"), VECTORS)
def test_the_due_time_follows_the_unit_calendar(priority, sent, expected):
    assert due(Priority(priority), vn(sent), HOSPITAL).at == vn(expected)


def test_the_clock_stands_while_the_clinic_owes_an_answer():
    sent = vn("2026-11-23T10:00")
    assert due(Priority.URGENT, sent, HOSPITAL, [Pause(vn("2026-11-23T11:00"))]).at is None
    again = due(Priority.URGENT, sent, HOSPITAL, [Pause(vn("2026-11-23T11:00"), vn("2026-11-23T15:00"))])
    assert again.at == vn("2026-11-23T18:00")
    assert [step["code"] for step in again.steps] == ["submitted", "by_the_clock", "clock_stood", "due"]


def test_a_pause_at_night_costs_a_routine_question_nothing():
    pause = Pause(vn("2026-11-23T18:00"), vn("2026-11-24T06:00"))
    assert due(Priority.ROUTINE, vn("2026-11-23T10:00"), HOSPITAL, [pause]).at == vn("2026-11-25T10:00")


def test_pauses_are_read_from_the_history_whoever_reads_it():
    at = [vn(f"2026-11-23T{hour}:00") for hour in (10, 11, 12, 13)]
    log = [("submitted", at[0]), ("claimed", at[0]), ("info_requested", at[1]), ("info_given", at[2]), ("released", at[3])]
    assert pauses_of(log) == (Pause(at[1], at[2]),)


instants = st.datetimes(datetime(2026, 1, 1), datetime(2029, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))  # noqa: DTZ001
spans = st.timedeltas(timedelta(minutes=1), timedelta(days=5))


@given(st.sampled_from(Priority), instants, spans, spans)
def test_a_pause_never_makes_it_earlier_and_the_reasons_end_at_the_due_time(priority, sent, before, length):
    plain = due(priority, sent, HOSPITAL)
    paused = due(priority, sent, HOSPITAL, [Pause(sent + before, sent + before + length)])
    assert plain.at is not None
    assert paused.at is not None
    assert sent < plain.at <= paused.at <= plain.at + length + timedelta(days=30)
    assert datetime.fromisoformat(paused.steps[-1]["at"]) == paused.at


@given(instants, instants)
def test_whoever_sends_first_is_due_first(one, other):
    first, second = sorted((one, other))
    early, late = (due(Priority.ROUTINE, at, HOSPITAL).at for at in (first, second))
    assert early is not None
    assert late is not None
    assert early <= late


@given(instants)
def test_a_routine_answer_is_due_while_the_unit_works(sent):
    at = due(Priority.ROUTINE, sent, HOSPITAL).at
    assert at is not None
    local = at + timedelta(hours=7)
    assert HOSPITAL.works_on(local.date())
    assert any(start < local.time() <= end for start, end in HOSPITAL.blocks)
