"""Vietnam's public holidays (Labour Code 2019, article 112) as dated data. Tết and Hùng Kings follow the lunar calendar.

The days between that the government swaps each year are added here when they are announced.
"""

from datetime import date, timedelta

FIXED = ((1, 1), (4, 30), (5, 1), (9, 2))
TET = (date(2025, 1, 29), date(2026, 2, 17), date(2027, 2, 6), date(2028, 1, 26), date(2029, 2, 13))
"""The first day of the lunar year; five days off, from the eve on."""
HUNG_KINGS = (date(2025, 4, 7), date(2026, 4, 26), date(2027, 4, 16), date(2028, 4, 4), date(2029, 4, 23))
NATIONAL_DAY_SECOND = tuple(date(year, 9, 1) for year in range(2025, 2031))
"""The second day of National Day, taken before it."""

VIETNAM = frozenset(
    {date(year, month, day) for year in range(2025, 2031) for month, day in FIXED}
    | {tet + timedelta(days=offset) for tet in TET for offset in range(-1, 4)}
    | set(HUNG_KINGS)
    | set(NATIONAL_DAY_SECOND)
)
