"""Closing days of public facilities in Vietnam, and the Saturdays worked instead, as dated data with a reason.

2026 as announced for the public sector (Tết 14–22 February; 2 January and 31 August are worked on Saturdays instead).
2027 by Article 111 and 112 of the Labour Code (45/2019/QH14); the yearly decision may still move its bridge days.
A year is added by adding its rows.
"""

from datetime import date, timedelta

TET = "Lunar New Year"
NEW_YEAR = "New Year"
HUNG_KINGS = "Hung Kings' commemoration"
REUNIFICATION = "Reunification Day"
LABOUR = "International Labour Day"
NATIONAL = "National Day"
BRIDGE = "Day off, worked on a Saturday instead"
INSTEAD = "Day off instead of a holiday on a weekend"


def _days(first: date, last: date, reason: str) -> dict[date, str]:
    return {first + timedelta(days=i): reason for i in range((last - first).days + 1)}


CLOSED: dict[date, str] = {
    date(2026, 1, 1): NEW_YEAR,
    date(2026, 1, 2): BRIDGE,
    **_days(date(2026, 2, 14), date(2026, 2, 22), TET),
    date(2026, 4, 26): HUNG_KINGS,
    date(2026, 4, 27): INSTEAD,
    date(2026, 4, 30): REUNIFICATION,
    date(2026, 5, 1): LABOUR,
    date(2026, 8, 31): BRIDGE,
    **_days(date(2026, 9, 1), date(2026, 9, 2), NATIONAL),
    date(2027, 1, 1): NEW_YEAR,
    **_days(date(2027, 2, 5), date(2027, 2, 11), TET),
    date(2027, 4, 16): HUNG_KINGS,
    date(2027, 4, 30): REUNIFICATION,
    date(2027, 5, 1): LABOUR,
    date(2027, 5, 3): INSTEAD,
    **_days(date(2027, 9, 2), date(2027, 9, 3), NATIONAL),
}
"""Day where the facility is -> why it is closed (English sentence, translated where it is shown)."""

WORKED_INSTEAD: dict[date, date] = {
    date(2026, 1, 10): date(2026, 1, 2),
    date(2026, 8, 22): date(2026, 8, 31),
}
"""A Saturday -> the working day whose hours it has."""
