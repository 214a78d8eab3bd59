"""Which times are free: a pure function that both offers and books.

Working hours are wall-clock times in the practitioner's zone; days, closing days and what people see are in the
facility's zone; everything in between is instants (UTC).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
NOTICE = timedelta(minutes=30)
"""The shortest time between booking and visit."""
HORIZON_DAYS = 90
"""How far ahead one may book."""


@dataclass(frozen=True, order=True)
class Slot:
    """A time that can be booked, [start_at, end_at) in UTC."""

    start_at: datetime
    end_at: datetime


@dataclass(frozen=True)
class Block:
    """Weekly hours [start, end); weekday 0 is Monday; valid on [valid_from, valid_to)."""

    weekday: int
    start: time
    end: time
    valid_from: date = date.min
    valid_to: date | None = None


@dataclass(frozen=True)
class Override:
    """Replaces the whole day; without times the day is off. Several for one day add up."""

    day: date
    start: time | None = None
    end: time | None = None


@dataclass(frozen=True)
class Availability:
    """All that decides when one practitioner can be booked. busy, away: spans of instants."""

    zone: str
    facility_zone: str
    visit_minutes: int
    buffer_minutes: int = 0
    hours: tuple[Block, ...] = ()
    overrides: tuple[Override, ...] = ()
    away: tuple[Slot, ...] = ()
    busy: tuple[Slot, ...] = ()
    closed: Mapping[date, str] = field(default_factory=dict)
    worked_instead: Mapping[date, date] = field(default_factory=dict)


@dataclass(frozen=True)
class Day:
    """One day where the facility is. reason: why nothing is offered, an English sentence or ''."""

    day: date
    slots: tuple[Slot, ...]
    reason: str = ""


FULLY_BOOKED = "Everything is taken"
NOT_WORKING = "No visits on this day"
AWAY = "The specialist is away"
TOO_SOON = "Too late for this day"


def plan(of: Availability, first: date, days: int, now: datetime) -> list[Day]:
    """Free times day by day, with the reason of each day that has none."""
    working = list(_working(of, first, days))
    by_day: dict[date, list[Slot]] = {first + i * DAY: [] for i in range(days)}
    facility = ZoneInfo(of.facility_zone)
    for slot in working:
        local = slot.start_at.astimezone(facility).date()
        if local in by_day:
            by_day[local].append(slot)
    return [_day(of, day, slots, now) for day, slots in by_day.items()]


def free(of: Availability, first: date, days: int, now: datetime) -> list[Slot]:
    """The free times of these days, in order."""
    return [slot for day in plan(of, first, days, now) for slot in day.slots]


def is_working_time(of: Availability, start_at: datetime, now: datetime) -> bool:
    """Whether the time is one of ours at all, booked or not."""
    return start_at in {slot.start_at for slot in _on_that_day(replace(of, busy=()), start_at, now)}


def free_at(of: Availability, start_at: datetime, now: datetime) -> Slot | None:
    """The free time that begins then, by the same rule that offers it."""
    return next((slot for slot in _on_that_day(of, start_at, now) if slot.start_at == start_at), None)


def still_fits(of: Availability, visit: Slot) -> bool:
    """Whether a booked visit lies within the hours of an open day on which the specialist is there."""
    if visit.start_at.astimezone(ZoneInfo(of.facility_zone)).date() in of.closed or _meets(visit, of.away):
        return False
    day = visit.start_at.astimezone(ZoneInfo(of.zone)).date()
    spans = (span for near in (day - DAY, day) for span in _spans(of, near))
    return any(start <= visit.start_at and visit.end_at <= end for start, end in spans)


def clock_changes(of: Availability, first: date, days: int) -> list[tuple[date, datetime]]:
    """The days on which the specialist's clock and the facility's move apart or together: (day, 09:00 there as UTC)."""
    zone, facility = ZoneInfo(of.zone), ZoneInfo(of.facility_zone)
    mornings = [(first + i * DAY, instant(first + i * DAY, time(9), zone)) for i in range(-1, days)]
    walls = [morning.astimezone(facility).time() for _, morning in mornings]
    return [mornings[i] for i in range(1, len(mornings)) if walls[i] != walls[i - 1]]


def nearest(of: Availability, wanted: datetime, now: datetime, count: int = 3) -> list[Slot]:
    """The next free times from `wanted` on; earlier ones of the coming weeks only if there are too few."""
    if wanted - now > HORIZON_DAYS * DAY:
        return []
    day = max(wanted, now).astimezone(ZoneInfo(of.facility_zone)).date()
    found: list[Slot] = []
    for week in range(0, HORIZON_DAYS, 7):
        found += [slot for slot in free(of, day + week * DAY, 7, now) if slot.start_at >= wanted]
        if len(found) >= count:
            break
    return found[:count]


def _on_that_day(of: Availability, start_at: datetime, now: datetime) -> list[Slot]:
    if abs(start_at - now) > 2 * HORIZON_DAYS * DAY:  # also the ends of the calendar, which no zone can shift
        return []
    return free(of, start_at.astimezone(ZoneInfo(of.facility_zone)).date(), 1, now)


def _day(of: Availability, day: date, slots: list[Slot], now: datetime) -> Day:
    if day in of.closed:
        return Day(day, (), of.closed[day])
    buffer = timedelta(minutes=of.buffer_minutes)
    present = [slot for slot in slots if not _meets(slot, of.away)]
    open_ = [slot for slot in present if not _meets(slot, of.busy, buffer)]
    latest = now + HORIZON_DAYS * DAY
    offered = tuple(slot for slot in open_ if now + NOTICE <= slot.start_at <= latest)
    if offered:
        return Day(day, offered)
    for left, reason in ((slots, NOT_WORKING), (present, AWAY), (open_, FULLY_BOOKED)):
        if not left:
            return Day(day, (), reason)
    return Day(day, (), TOO_SOON)


def _working(of: Availability, first: date, days: int) -> Iterator[Slot]:
    """Every visit that fits the working hours; a day more on both sides, for zones differ by up to a day."""
    step = timedelta(minutes=of.visit_minutes + of.buffer_minutes)
    length = timedelta(minutes=of.visit_minutes)
    for i in range(-1, days + 1):
        for start, end in _spans(of, first + i * DAY):
            at = start
            while at + length <= end:
                yield Slot(at, at + length)
                at += step


def _spans(of: Availability, day: date) -> list[tuple[datetime, datetime]]:
    """The working hours of one day in the practitioner's zone as instants, overlapping ones joined."""
    zone = ZoneInfo(of.zone)
    spans = sorted((instant(day, start, zone), instant(day, end, zone)) for start, end in _hours(of, day))
    joined: list[tuple[datetime, datetime]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _hours(of: Availability, day: date) -> list[tuple[time, time]]:
    overrides = [o for o in of.overrides if o.day == day]
    if overrides:
        return [(o.start, o.end) for o in overrides if o.start is not None and o.end is not None]
    # a Saturday worked instead concerns those who work where the facility is
    like = of.worked_instead.get(day, day) if of.zone == of.facility_zone else day
    return [
        (b.start, b.end)
        for b in of.hours
        if b.weekday == like.weekday() and b.valid_from <= day and (b.valid_to is None or day < b.valid_to)
    ]


def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The wall-clock time as UTC.

    A time that the clock skips in spring is the moment of the change, so hours inside the gap are empty;
    of a time that comes twice in autumn the first is meant, so neighbouring hours never overlap.
    """
    local = datetime.combine(day, at, zone)
    utc = local.astimezone(UTC)
    if utc.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return utc
    before, after = local.replace(fold=1).astimezone(UTC), utc
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _meets(slot: Slot, others: Iterable[Slot], buffer: timedelta = timedelta()) -> bool:
    return any(slot.start_at < other.end_at + buffer and other.start_at < slot.end_at + buffer for other in others)
