"""Verbs of a specialist's own calendar: weekly hours, single days, time away.

A change that would leave booked visits outside the hours is refused with their times, until the person has seen them
and confirms; the visits stay booked either way.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, time
from uuid import UUID

from sqlmodel import col, delete
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import audit, clock
from telehealth.core.actor import Actor
from telehealth.core.db import fetch
from telehealth.identity import access
from telehealth.identity.access import Action, Scope
from telehealth.scheduling import queries
from telehealth.scheduling.errors import BreaksVisits, HoursWrong
from telehealth.scheduling.models import DayOverride, Practitioner, TimeOff, WorkingHours
from telehealth.scheduling.slots import still_fits

Span = tuple[time, time]


async def add_hours(
    session: AsyncSession, actor: Actor, practitioner_id: UUID, weekday: int, start: time, end: time
) -> WorkingHours:
    """One weekly block from today on, by the practitioner's clock. Raises HoursWrong where it ends before it begins."""
    practitioner = await _calendar(session, actor, practitioner_id)
    if start >= end or not 0 <= weekday <= 6:
        raise HoursWrong()
    today = clock.day_in(practitioner.zone, clock.now())
    row = WorkingHours(practitioner_id=practitioner.id, weekday=weekday, start_time=start, end_time=end, valid_from=today)
    session.add(row)
    await session.flush()
    audit.record(session, actor, "calendar.hours_added", row.id)
    return row


async def end_hours(session: AsyncSession, actor: Actor, hours_id: UUID, *, confirmed: bool = False) -> None:
    """No longer offered from today on. Raises BreaksVisits."""
    row = await fetch(session, WorkingHours, hours_id)
    practitioner = await _calendar(session, actor, row.practitioner_id)
    async with _changing(session, practitioner, confirmed):
        row.valid_to = clock.day_in(practitioner.zone, clock.now())
        session.add(row)
    audit.record(session, actor, "calendar.hours_ended", row.id)


async def set_day(
    session: AsyncSession, actor: Actor, practitioner_id: UUID, day: date, spans: Sequence[Span], *, confirmed: bool = False
) -> None:
    """Other hours on one day, in place of all its weekly ones; none: a day off. Raises HoursWrong, BreaksVisits."""
    practitioner = await _calendar(session, actor, practitioner_id)
    if any(start >= end for start, end in spans):
        raise HoursWrong()
    async with _changing(session, practitioner, confirmed):
        await _forget_day(session, practitioner.id, day)
        for start, end in spans:
            session.add(DayOverride(practitioner_id=practitioner.id, day=day, start_time=start, end_time=end))
        if not spans:
            session.add(DayOverride(practitioner_id=practitioner.id, day=day))
    audit.record(session, actor, "calendar.day_set", practitioner.id, day=day.isoformat(), spans=len(spans))


async def clear_day(session: AsyncSession, actor: Actor, practitioner_id: UUID, day: date, *, confirmed: bool = False) -> None:
    """The weekly hours hold again on this day. Raises BreaksVisits."""
    practitioner = await _calendar(session, actor, practitioner_id)
    async with _changing(session, practitioner, confirmed):
        await _forget_day(session, practitioner.id, day)
    audit.record(session, actor, "calendar.day_cleared", practitioner.id, day=day.isoformat())


async def add_time_off(
    session: AsyncSession,
    actor: Actor,
    practitioner_id: UUID,
    start: datetime,
    end: datetime,
    reason: str = "",
    *,
    confirmed: bool = False,
) -> TimeOff:
    """Away in [start, end). Raises HoursWrong where it ends before it begins, BreaksVisits."""
    practitioner = await _calendar(session, actor, practitioner_id)
    if start >= end:
        raise HoursWrong()
    row = TimeOff(practitioner_id=practitioner.id, start_at=start, end_at=end, reason=reason)
    async with _changing(session, practitioner, confirmed):
        session.add(row)
    audit.record(session, actor, "calendar.time_off_added", row.id)
    return row


async def end_time_off(session: AsyncSession, actor: Actor, time_off_id: UUID) -> None:
    """Back again: these times are offered once more."""
    row = await fetch(session, TimeOff, time_off_id)
    await _calendar(session, actor, row.practitioner_id)
    await session.delete(row)
    audit.record(session, actor, "calendar.time_off_ended", row.id)


async def _forget_day(session: AsyncSession, practitioner_id: UUID, day: date) -> None:
    of_the_day = (col(DayOverride.practitioner_id) == practitioner_id, col(DayOverride.day) == day)
    await session.exec(delete(DayOverride).where(*of_the_day))


@asynccontextmanager
async def _changing(session: AsyncSession, practitioner: Practitioner, confirmed: bool) -> AsyncIterator[None]:
    """Look at the booked visits before and after the change. Raises BreaksVisits for those that it alone puts outside."""
    before = await queries.availability(session, practitioner)
    yield
    await session.flush()
    after = await queries.availability(session, practitioner)
    coming = [visit for visit in after.busy if visit.start_at > clock.now()]
    hurt = sorted(visit.start_at for visit in coming if still_fits(before, visit) and not still_fits(after, visit))
    if hurt and not confirmed:
        raise BreaksVisits(visits=[start.isoformat() for start in hurt])


async def _calendar(session: AsyncSession, actor: Actor, practitioner_id: UUID) -> Practitioner:
    practitioner = await fetch(session, Practitioner, practitioner_id)
    scope = Scope(accounts=frozenset({practitioner.id}), units=frozenset({practitioner.organisation_id}))
    access.ensure(actor, Action.SET_AVAILABILITY, scope, hidden=True)
    return practitioner
