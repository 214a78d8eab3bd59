"""One appointment as an iCalendar object. Source: RFC 5545, and RFC 5546 for REQUEST and CANCEL.

The UID never changes and SEQUENCE rises with every change, so a calendar moves the entry instead of adding another.
Times are UTC: every calendar shows them right without carrying rules of a zone.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

LONGEST_LINE = 75
"""Octets, without the line break (RFC 5545, 3.1)."""


@dataclass(frozen=True)
class Event:
    """What the calendar shows. Texts are already in the reader's language and carry no health data."""

    uid: str
    sequence: int
    stamp: datetime
    start_at: datetime
    end_at: datetime
    summary: str
    description: str
    url: str
    organizer: str
    """Name of the facility."""
    organizer_address: str
    attendee: str
    attendee_address: str
    is_cancelled: bool = False
    alarm_minutes: int = 15


def calendar(event: Event) -> bytes:
    """The file: METHOD:REQUEST for a booked or moved appointment, METHOD:CANCEL for a cancelled one."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Telehealth//Appointments//EN",
        "CALSCALE:GREGORIAN",
        f"METHOD:{'CANCEL' if event.is_cancelled else 'REQUEST'}",
        "BEGIN:VEVENT",
        f"UID:{_text(event.uid)}",
        f"SEQUENCE:{event.sequence}",
        f"DTSTAMP:{_instant(event.stamp)}",
        f"DTSTART:{_instant(event.start_at)}",
        f"DTEND:{_instant(event.end_at)}",
        f"SUMMARY:{_text(event.summary)}",
        f"DESCRIPTION:{_text(event.description)}",
        f"URL:{event.url}",
        f"ORGANIZER;CN={_parameter(event.organizer)}:mailto:{event.organizer_address}",
        f"ATTENDEE;CN={_parameter(event.attendee)};ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED:mailto:{event.attendee_address}",
        f"STATUS:{'CANCELLED' if event.is_cancelled else 'CONFIRMED'}",
        "TRANSP:OPAQUE",
        *([] if event.is_cancelled else _alarm(event)),
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return b"".join(fold(line) for line in lines)


def _alarm(event: Event) -> list[str]:
    return [
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        f"DESCRIPTION:{_text(event.summary)}",
        f"TRIGGER:-PT{event.alarm_minutes}M",
        "END:VALARM",
    ]


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(value: str) -> str:
    """Escaped TEXT (3.3.11); other control characters are not allowed at all."""
    value = value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    value = value.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\\n")
    return "".join(c for c in value if c >= " " or c == "\t")


def _parameter(value: str) -> str:
    """A quoted parameter value (3.2): it cannot hold a double quote or control characters."""
    return '"' + "".join(c for c in value.replace('"', "'") if c >= " ") + '"'


def fold(line: str) -> bytes:
    """Lines of at most 75 octets, never cut inside a letter: marks take two or three."""
    parts: list[bytes] = []
    current = b""
    for letter in line:
        octets = letter.encode()
        if len(current) + len(octets) > LONGEST_LINE:
            parts.append(current)
            current = b" "
        current += octets
    return b"\r\n".join([*parts, current]) + b"\r\n"
