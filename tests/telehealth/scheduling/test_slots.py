"""Vectors of the rule that offers and books: wall clocks, changes of the clock, overrides, buffers, reasons."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from telehealth.core import i18n
from telehealth.scheduling import holidays, slots
from telehealth.scheduling.slots import (
    Availability,
    Block,
    Override,
    Slot,
    free,
    free_at,
    instant,
    is_working_time,
    nearest,
    plan,
)
from telehealth.scheduling.specialties import SPECIALTIES

HANOI, PARIS = "Asia/Ho_Chi_Minh", "Europe/Paris"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
MORNING = tuple(Block(weekday, time(8), time(9)) for weekday in range(7))
MONDAY = date(2026, 3, 9)


def hanoi(hours: tuple[Block, ...] = MORNING, **more: object) -> Availability:
    return Availability(**{"zone": HANOI, "facility_zone": HANOI, "visit_minutes": 20, "hours": hours, **more})


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def starts(of: Availability, day: date, now: datetime = NOW) -> list[datetime]:
    return [slot.start_at for slot in free(of, day, 1, now)]


def wall(of: Availability, day: date, zone: str = HANOI) -> list[str]:
    return [at.astimezone(ZoneInfo(zone)).strftime("%H:%M") for at in starts(of, day)]


def test_a_morning_in_hanoi():
    assert free(hanoi(), MONDAY, 1, NOW) == [
        Slot(utc(2026, 3, 9, 1, minute), utc(2026, 3, 9, 1, minute) + timedelta(minutes=20)) for minute in (0, 20, 40)
    ]


@pytest.mark.parametrize(
    ("day", "hour_utc"),
    [
        (date(2026, 3, 28), 7),
        (date(2026, 3, 29), 6),
        (date(2026, 3, 30), 6),
        (date(2026, 10, 24), 6),
        (date(2026, 10, 25), 7),
        (date(2026, 10, 26), 7),
    ],
)
def test_hours_in_paris_stay_on_the_wall_clock(day, hour_utc):
    of = Availability(PARIS, HANOI, visit_minutes=30, hours=MORNING)
    now = utc(day.year, day.month, 1)
    assert starts(of, day, now) == [utc(day.year, day.month, day.day, hour_utc, minute) for minute in (0, 30)]


def test_hours_that_the_clock_skips_are_not_offered():
    of = Availability(PARIS, PARIS, visit_minutes=30, hours=(Block(6, time(1), time(4)),))
    expected = [utc(2026, 3, 29, 0), utc(2026, 3, 29, 0, 30), utc(2026, 3, 29, 1), utc(2026, 3, 29, 1, 30)]
    assert starts(of, date(2026, 3, 29)) == expected
    gap = Availability(PARIS, PARIS, visit_minutes=30, hours=(Block(6, time(2), time(3)),))
    assert starts(gap, date(2026, 3, 29)) == []


def test_hours_over_the_repeated_hour_hold_it_twice_and_never_overlap():
    of = Availability(PARIS, PARIS, visit_minutes=60, hours=(Block(6, time(1), time(4)),))
    now = utc(2026, 10, 1)
    assert starts(of, date(2026, 10, 25), now) == [utc(2026, 10, 24, 23), *(utc(2026, 10, 25, hour) for hour in range(3))]


@pytest.mark.parametrize(
    ("day", "at", "expected"),
    [
        (date(2026, 3, 29), time(2), utc(2026, 3, 29, 1)),
        (date(2026, 3, 29), time(2, 30), utc(2026, 3, 29, 1)),
        (date(2026, 3, 29), time(2, 59), utc(2026, 3, 29, 1)),
        (date(2026, 3, 29), time(3), utc(2026, 3, 29, 1)),
        (date(2026, 10, 25), time(2), utc(2026, 10, 25, 0)),
        (date(2026, 10, 25), time(2, 59), utc(2026, 10, 25, 0, 59)),
        (date(2026, 10, 25), time(3), utc(2026, 10, 25, 2)),
    ],
)
def test_a_skipped_time_is_the_change_and_a_repeated_time_its_first(day, at, expected):
    assert instant(day, at, ZoneInfo(PARIS)) == expected


def test_an_override_replaces_the_whole_day():
    evening = hanoi(overrides=(Override(MONDAY, time(18), time(18, 40)), Override(MONDAY, time(20), time(20, 20))))
    assert wall(evening, MONDAY) == ["18:00", "18:20", "20:00"]
    off = hanoi(overrides=(Override(MONDAY),))
    assert plan(off, MONDAY, 2, NOW)[0] == slots.Day(MONDAY, (), slots.NOT_WORKING)
    assert len(starts(off, MONDAY + slots.DAY)) == 3


def test_hours_hold_from_their_first_day_to_before_their_last():
    of = hanoi((Block(0, time(8), time(8, 20), MONDAY, MONDAY + 7 * slots.DAY),))
    assert [len(starts(of, MONDAY + week * slots.DAY)) for week in (-7, 0, 7)] == [0, 1, 0]


def test_overlapping_hours_offer_no_time_twice():
    assert wall(hanoi((Block(0, time(8), time(9)), Block(0, time(8, 30), time(9, 40)))), MONDAY) == [
        "08:00",
        "08:20",
        "08:40",
        "09:00",
        "09:20",
    ]


def test_a_buffer_lies_between_visits():
    assert wall(hanoi(buffer_minutes=10), MONDAY) == ["08:00", "08:30"]
    moved = Slot(utc(2026, 3, 9, 1, 45), utc(2026, 3, 9, 2, 5))  # booked under an older rhythm
    assert wall(hanoi(buffer_minutes=10, busy=(moved,)), MONDAY) == ["08:00"]
    assert wall(hanoi(busy=(Slot(utc(2026, 3, 9, 1, 20), utc(2026, 3, 9, 1, 40)),)), MONDAY) == ["08:00", "08:40"]


@pytest.mark.parametrize(
    ("more", "now", "reason"),
    [
        ({"hours": ()}, NOW, slots.NOT_WORKING),
        ({"closed": {MONDAY: holidays.TET}}, NOW, holidays.TET),
        ({"away": (Slot(utc(2026, 3, 8), utc(2026, 3, 10)),)}, NOW, slots.AWAY),
        ({"busy": (Slot(utc(2026, 3, 9, 1), utc(2026, 3, 9, 2)),)}, NOW, slots.FULLY_BOOKED),
        ({}, utc(2026, 3, 9, 1, 11), slots.TOO_SOON),
    ],
)
def test_a_day_without_times_says_why(more, now, reason):
    [day] = plan(hanoi(**more), MONDAY, 1, now)
    assert (day.slots, day.reason) == ((), reason)


def test_every_reason_and_specialty_has_its_vietnamese():
    said = {slots.FULLY_BOOKED, slots.NOT_WORKING, slots.AWAY, slots.TOO_SOON, *holidays.CLOSED.values(), *SPECIALTIES.values()}
    assert said - i18n.catalog("vi").keys() == set()


def test_a_closing_day_of_the_facility_closes_it_for_those_abroad():
    """Nine in the evening in Paris is already the closing day in Hanoi."""
    abroad = Availability(PARIS, HANOI, 30, hours=(Block(6, time(21), time(22)),), closed={MONDAY: holidays.TET})
    assert starts(abroad, MONDAY) == []
    assert starts(abroad, MONDAY + 7 * slots.DAY) == [utc(2026, 3, 15, 20), utc(2026, 3, 15, 20, 30)]


def test_a_saturday_worked_instead_has_the_hours_of_its_working_day():
    friday_only = hanoi((Block(4, time(8), time(9)),), closed=holidays.CLOSED, worked_instead=holidays.WORKED_INSTEAD)
    saturday = date(2026, 1, 10)
    assert len(starts(friday_only, saturday, utc(2026, 1, 1))) == 3
    assert starts(friday_only, saturday + 7 * slots.DAY, utc(2026, 1, 1)) == []


def test_the_earliest_and_the_last_time_are_half_an_hour_and_ninety_days_away():
    assert starts(hanoi(), MONDAY, utc(2026, 3, 9, 0, 50)) == [utc(2026, 3, 9, 1, 20), utc(2026, 3, 9, 1, 40)]
    assert starts(hanoi(), MONDAY, utc(2025, 12, 9, 1, 20)) == [utc(2026, 3, 9, 1), utc(2026, 3, 9, 1, 20)]


def test_the_nearest_times_go_on_to_the_next_days():
    found = nearest(hanoi(), utc(2026, 3, 9, 1, 30), NOW)
    assert [slot.start_at for slot in found] == [utc(2026, 3, 9, 1, 40), utc(2026, 3, 10, 1), utc(2026, 3, 10, 1, 20)]


def test_a_booked_time_is_ours_and_a_time_between_is_not():
    of = hanoi(busy=(Slot(utc(2026, 3, 9, 1), utc(2026, 3, 9, 1, 20)),))
    assert free_at(of, utc(2026, 3, 9, 1), NOW) is None
    assert is_working_time(of, utc(2026, 3, 9, 1), NOW)
    assert not is_working_time(of, utc(2026, 3, 9, 1, 7), NOW)


@pytest.mark.parametrize("far", [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=ZoneInfo(HANOI))])
def test_the_ends_of_the_calendar_are_not_offered(far):
    assert free_at(hanoi(), far, NOW) is None
    assert not is_working_time(hanoi(), far, NOW)
    assert len(nearest(hanoi(), far, NOW)) in (0, 3)


times = st.integers(0, 24 * 12 - 1).map(lambda n: time(n // 12, n % 12 * 5))
spans = st.tuples(times, times).filter(lambda pair: pair[0] < pair[1])
zones = st.sampled_from([HANOI, PARIS, "America/Los_Angeles", "Pacific/Auckland", "Australia/Lord_Howe"])
days = st.sampled_from([date(2026, 3, 8), date(2026, 3, 28), date(2026, 4, 4), date(2026, 9, 26), date(2026, 10, 24)])


@st.composite
def availabilities(draw, first: date) -> Availability:
    hours = draw(st.lists(st.builds(lambda day, span: Block(day, *span), st.integers(0, 6), spans), max_size=8))
    overrides = draw(
        st.lists(st.builds(lambda n, span: Override(first + n * slots.DAY, *span), st.integers(0, 3), spans), max_size=3)
    )
    begin = datetime.combine(first, time(), UTC)
    span = st.builds(
        lambda at, length: Slot(begin + timedelta(minutes=at), begin + timedelta(minutes=at + length)),
        st.integers(0, 3 * 24 * 60),
        st.integers(5, 600),
    )
    return Availability(
        zone=draw(zones),
        facility_zone=draw(zones),
        visit_minutes=draw(st.integers(10, 60)),
        buffer_minutes=draw(st.integers(0, 15)),
        hours=tuple(hours),
        overrides=tuple(overrides),
        busy=tuple(draw(st.lists(span, max_size=3))),
        away=tuple(draw(st.lists(span, max_size=2))),
    )


@settings(max_examples=60, deadline=None)
@given(st.data(), days)
def test_everything_offered_is_accepted_and_nothing_overlaps(data, first):
    of = data.draw(availabilities(first))
    now = datetime.combine(first, time(3, 17), UTC)
    offered = free(of, first, 3, now)
    assume(offered)
    buffer = timedelta(minutes=of.buffer_minutes)

    assert offered == sorted(set(offered))
    for slot in offered[::5]:
        assert free_at(of, slot.start_at, now) == slot
        assert is_working_time(of, slot.start_at, now)
    assert all(earlier.end_at <= later.start_at for earlier, later in pairwise(offered))
    for slot in offered:
        assert all(slot.end_at + buffer <= busy.start_at or busy.end_at + buffer <= slot.start_at for busy in of.busy)
        assert all(slot.end_at <= away.start_at or away.end_at <= slot.start_at for away in of.away)


def test_a_booked_visit_fits_as_long_as_hours_days_and_presence_hold():
    visit = Slot(utc(2026, 3, 9, 1, 20), utc(2026, 3, 9, 1, 40))
    assert slots.still_fits(hanoi(), visit)
    assert slots.still_fits(hanoi(busy=(visit,)), visit)
    assert not slots.still_fits(hanoi(hours=()), visit)
    assert not slots.still_fits(hanoi(overrides=(Override(MONDAY),)), visit)
    assert not slots.still_fits(hanoi(closed={MONDAY: "Tết"}), visit)
    assert not slots.still_fits(hanoi(away=(Slot(visit.end_at - timedelta(minutes=1), visit.end_at),)), visit)


def test_the_days_on_which_two_clocks_part_are_named():
    paris = hanoi(zone=PARIS)
    assert slots.clock_changes(hanoi(), date(2026, 3, 20), 20) == []
    assert slots.clock_changes(paris, date(2026, 3, 20), 20) == [(date(2026, 3, 29), utc(2026, 3, 29, 7))]
