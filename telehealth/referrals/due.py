"""When an answer is due, and why: a pure rule that explains itself as steps.

STAT: 30 minutes and urgent: 4 hours, both by the clock, day and night. Routine: two working days in the reading unit's
own calendar. The clock stands while the reader waits for the clinic, and nothing else ever moves it: a referral that is
declined, released or given to somebody else keeps its due time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo


class Priority(StrEnum):
    """FHIR RequestPriority."""

    ROUTINE = "routine"
    URGENT = "urgent"
    STAT = "stat"


WORKING_DAYS = 2
BY_THE_CLOCK = {Priority.STAT: timedelta(minutes=30), Priority.URGENT: timedelta(hours=4)}
RANK = {Priority.STAT: 0, Priority.URGENT: 1, Priority.ROUTINE: 2}
FAR = timedelta(days=400)
"""No calendar is closed for longer than this; a guard against a unit that never opens."""

OFFICE = ((time(7, 30), time(11, 30)), (time(13, 30), time(17)))
"""Public hospitals: morning and afternoon with a lunch break."""


@dataclass(frozen=True)
class WorkingCalendar:
    """The reading unit's hours. blocks: working blocks of a day in order, wall-clock times of `zone`."""

    zone: str = "Asia/Ho_Chi_Minh"
    weekdays: frozenset[int] = frozenset(range(5))
    """0 is Monday."""
    blocks: tuple[tuple[time, time], ...] = OFFICE
    holidays: frozenset[date] = frozenset()

    def works_on(self, day: date) -> bool:
        return day.weekday() in self.weekdays and day not in self.holidays

    @property
    def day_length(self) -> timedelta:
        return sum((_length(block) for block in self.blocks), timedelta())


@dataclass(frozen=True)
class Pause:
    """The clock stood from `start` to `end`; end None: it still stands."""

    start: datetime
    end: datetime | None = None


@dataclass(frozen=True)
class Due:
    """at: None while the clock stands. steps: codes with ISO instants, in the order of reasoning."""

    at: datetime | None
    steps: tuple[dict[str, Any], ...]


def due(priority: Priority, submitted_at: datetime, calendar: WorkingCalendar, pauses: Sequence[Pause] = ()) -> Due:
    """The due time of a referral. pauses: in order of time, not overlapping, none before the submission."""
    steps: list[dict[str, Any]] = [{"code": "submitted", "at": submitted_at.isoformat()}]
    by_clock = priority in BY_THE_CLOCK
    left = BY_THE_CLOCK[priority] if by_clock else WORKING_DAYS * calendar.day_length
    if by_clock:
        steps.append({"code": "by_the_clock", "priority": priority.value, "minutes": int(left.total_seconds() // 60)})
        spans: Iterator[tuple[datetime, datetime]] = iter([(submitted_at, submitted_at + FAR)])
    else:
        steps.append({"code": "working_days", "priority": priority.value, "days": WORKING_DAYS, "zone": calendar.zone})
        spans = _working_spans(submitted_at, calendar)
    at = _spend(left, _without(spans, pauses))
    if at is not None and not by_clock:
        steps += _closed_days(submitted_at, at, calendar)
    steps += [_pause_step(pause) for pause in pauses if at is None or pause.start <= at]
    if at is not None:
        steps.append({"code": "due", "at": at.isoformat()})
    return Due(at, tuple(steps))


def pauses_of(log: Iterable[tuple[str, datetime]]) -> tuple[Pause, ...]:
    """The pauses that a referral's history tells of. log: (event, instant) in order of time."""
    pauses: list[Pause] = []
    for event, at in log:
        if event == "info_requested":
            pauses.append(Pause(at))
        elif event == "info_given" and pauses and pauses[-1].end is None:
            pauses[-1] = Pause(pauses[-1].start, at)
    return tuple(pauses)


def _length(block: tuple[time, time]) -> timedelta:
    start, end = block
    return timedelta(hours=end.hour - start.hour, minutes=end.minute - start.minute)


def _working_spans(start: datetime, calendar: WorkingCalendar) -> Iterator[tuple[datetime, datetime]]:
    """Working blocks from `start` on, as UTC instants."""
    zone = ZoneInfo(calendar.zone)
    first = start.astimezone(zone).date()
    for offset in range(FAR.days):
        day = first + timedelta(days=offset)
        if not calendar.works_on(day):
            continue
        for opens, closes in calendar.blocks:
            begin = datetime.combine(day, opens, zone).astimezone(UTC)
            end = datetime.combine(day, closes, zone).astimezone(UTC)
            if end > start:
                yield max(begin, start), end


def _without(spans: Iterable[tuple[datetime, datetime]], pauses: Sequence[Pause]) -> Iterator[tuple[datetime, datetime]]:
    """The spans less the pauses; ends at a pause that has no end."""
    for begin, end in spans:
        for pause in pauses:
            if pause.start >= end or (pause.end is not None and pause.end <= begin):
                continue
            if pause.start > begin:
                yield begin, pause.start
            if pause.end is None:
                return
            begin = min(pause.end, end)
        if begin < end:
            yield begin, end


def _spend(left: timedelta, spans: Iterable[tuple[datetime, datetime]]) -> datetime | None:
    for begin, end in spans:
        if end - begin >= left:
            return begin + left
        left -= end - begin
    return None


def _closed_days(start: datetime, at: datetime, calendar: WorkingCalendar) -> list[dict[str, Any]]:
    """Days between submission and due time on which the unit does not work."""
    zone = ZoneInfo(calendar.zone)
    day, last = start.astimezone(zone).date(), at.astimezone(zone).date()
    steps = []
    while day < last:
        if not calendar.works_on(day):
            steps.append({"code": "holiday" if day in calendar.holidays else "weekend", "day": day.isoformat()})
        day += timedelta(days=1)
    return steps


def _pause_step(pause: Pause) -> dict[str, Any]:
    if pause.end is None:
        return {"code": "clock_stands", "from": pause.start.isoformat()}
    return {"code": "clock_stood", "from": pause.start.isoformat(), "to": pause.end.isoformat()}
