"""Time: always aware, always UTC inside; a zone only where people read it."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def now() -> datetime:
    return datetime.now(UTC)


def day_in(zone: str, instant: datetime) -> date:
    """The calendar day of an instant where the clinic is."""
    return instant.astimezone(ZoneInfo(zone)).date()


def day_bounds(zone: str, day: date) -> tuple[datetime, datetime]:
    """[start, end) of a calendar day as UTC instants; 23 or 25 hours long where clocks change."""
    start = datetime.combine(day, time.min, ZoneInfo(zone))
    end = datetime.combine(day + timedelta(days=1), time.min, ZoneInfo(zone))
    return start.astimezone(UTC), end.astimezone(UTC)


def in_zone(zone: str, instant: datetime) -> datetime:
    """The same instant with the zone's offset, for what people and programs read."""
    return instant.astimezone(ZoneInfo(zone))
