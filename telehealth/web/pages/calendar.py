"""Page: a specialist's own calendar: today's visits, hours, single days, time away, and what patients see of it."""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.dates import format_date
from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import clock
from telehealth.core.actor import Actor
from telehealth.core.db import fetch
from telehealth.core.errors import DomainError
from telehealth.core.i18n import gettext as _
from telehealth.core.i18n import language
from telehealth.core.problems import status_of
from telehealth.identity.deps import CurrentActor, Work
from telehealth.scheduling import hours, queries
from telehealth.scheduling.lifecycle import LIVE
from telehealth.scheduling.models import DayOverride, Practitioner, TimeOff, WorkingHours
from telehealth.scheduling.slots import clock_changes, plan
from telehealth.web.pages.booking import EARLIEST, LATEST
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)

WEEKS = 8
Day = Annotated[date, Form(ge=EARLIEST, le=LATEST)]
Confirm = Annotated[str, Form()]
OptionalTime = Annotated[str, Form(pattern=r"^$|^\d\d:\d\d$")]


@dataclass(frozen=True)
class Again:
    """A change that would leave visits outside the hours: which, and the form to send once more."""

    action: str
    fields: dict[str, str]
    visits: list[queries.Booked]


@router.get("/calendar")
async def own_calendar(request: Request, session: Work, actor: CurrentActor) -> HTMLResponse:
    return await _page(request, session, actor)


async def _page(
    request: Request, session: AsyncSession, actor: Actor, status: int = 200, error: str = "", again: Again | None = None
) -> HTMLResponse:
    person = await fetch(session, Practitioner, actor.account_id or "")
    now = clock.now()
    today = clock.day_in(person.zone, now)
    start, end = clock.day_bounds(person.zone, today)
    of = await queries.availability(session, person)
    monday = today - timedelta(days=today.weekday())
    days = plan(of, monday, WEEKS * 7, now)
    facts: dict[str, Any] = {
        "person": person,
        "facility_zone": of.facility_zone,
        "visits": await _visits(session, actor, start, end),
        "hours": await _hours(session, person, today),
        "single_days": await _single_days(session, person, today),
        "away": await _away(session, person, now),
        "weeks": [days[i : i + 7] for i in range(0, len(days), 7)],
        "changes": clock_changes(of, today, WEEKS * 7),
        "today": today,
        "weekdays": _weekdays(),
        "heads": [(full, _short(day.day)) for full, day in zip(_weekdays(), days, strict=False)],
        "live": LIVE,
        "again": again,
    }
    return render(request, "booking/calendar.html", status, error=error, **facts)


async def _visits(session: AsyncSession, actor: Actor, start: datetime, end: datetime) -> list[queries.Booked]:
    return [row for row in await queries.appointments(session, actor, start, end) if row.practitioner.id == actor.account_id]


async def _hours(session: AsyncSession, person: Practitioner, today: date) -> list[WorkingHours]:
    current = or_(col(WorkingHours.valid_to).is_(None), col(WorkingHours.valid_to) > today)
    wanted = select(WorkingHours).where(WorkingHours.practitioner_id == person.id, current)
    return list(await session.exec(wanted.order_by(col(WorkingHours.weekday), col(WorkingHours.start_time))))


async def _single_days(session: AsyncSession, person: Practitioner, today: date) -> list[tuple[date, list[DayOverride]]]:
    wanted = select(DayOverride).where(DayOverride.practitioner_id == person.id, DayOverride.day >= today)
    rows = await session.exec(wanted.order_by(col(DayOverride.day), col(DayOverride.start_time)))
    return [(day, list(spans)) for day, spans in groupby(rows, key=lambda row: row.day)]


async def _away(session: AsyncSession, person: Practitioner, now: datetime) -> list[TimeOff]:
    wanted = select(TimeOff).where(TimeOff.practitioner_id == person.id, TimeOff.end_at > now)
    return list(await session.exec(wanted.order_by(col(TimeOff.start_at))))


def _weekdays() -> list[str]:
    return [_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday")]


def _short(day: date) -> str:
    """T2 … CN, Mo … Su."""
    return format_date(day, "EEEEEE", locale=language.get())


async def _change(request: Request, session: AsyncSession, actor: Actor, change: Awaitable[object]) -> Response:
    """Do it, or show the page with what stands against it; booked visits ask for a second, knowing yes."""
    try:
        async with session.begin_nested():
            await change
    except DomainError as error:
        visits = [datetime.fromisoformat(start) for start in error.facts.get("visits", [])]
        if not visits:
            return await _page(request, session, actor, status_of(error), _(error.title))
        booked = await _visits(session, actor, visits[0], visits[-1] + timedelta(seconds=1))
        fields = {name: str(value) for name, value in (await request.form()).items()} | {"confirm": "yes"}
        again = Again(request.url.path, fields, [row for row in booked if row.appointment.start_at in visits])
        return await _page(request, session, actor, status_of(error), again=again)
    return RedirectResponse("/calendar", 303)


def _me(actor: Actor) -> UUID:
    return actor.account_id or UUID(int=0)


@router.post("/calendar/hours")
async def add_hours(
    request: Request,
    session: Work,
    actor: CurrentActor,
    weekday: Annotated[int, Form(ge=0, le=6)],
    start: Annotated[time, Form()],
    end: Annotated[time, Form()],
) -> Response:
    return await _change(request, session, actor, hours.add_hours(session, actor, _me(actor), weekday, start, end))


@router.post("/calendar/hours/{hours_id}/remove")
async def end_hours(hours_id: UUID, request: Request, session: Work, actor: CurrentActor, confirm: Confirm = "") -> Response:
    return await _change(request, session, actor, hours.end_hours(session, actor, hours_id, confirmed=confirm == "yes"))


@router.post("/calendar/day")
async def set_day(
    request: Request,
    session: Work,
    actor: CurrentActor,
    day: Day,
    start: OptionalTime = "",
    end: OptionalTime = "",
    confirm: Confirm = "",
) -> Response:
    """Other hours on one day; both times empty: a day off."""
    spans = [(time.fromisoformat(start or "00:00"), time.fromisoformat(end or "00:00"))] if start or end else []
    change = hours.set_day(session, actor, _me(actor), day, spans, confirmed=confirm == "yes")
    return await _change(request, session, actor, change)


@router.post("/calendar/day/remove")
async def clear_day(request: Request, session: Work, actor: CurrentActor, day: Day, confirm: Confirm = "") -> Response:
    change = hours.clear_day(session, actor, _me(actor), day, confirmed=confirm == "yes")
    return await _change(request, session, actor, change)


@router.post("/calendar/away")
async def add_time_off(
    request: Request, session: Work, actor: CurrentActor, first: Day, last: Day, confirm: Confirm = ""
) -> Response:
    """Whole days, both included, by the specialist's own clock."""
    person = await fetch(session, Practitioner, _me(actor))
    zone = ZoneInfo(person.zone)
    start, end = (datetime.combine(day, time.min, zone) for day in (first, last + timedelta(days=1)))
    change = hours.add_time_off(session, actor, person.id, start, end, confirmed=confirm == "yes")
    return await _change(request, session, actor, change)


@router.post("/calendar/away/{time_off_id}/remove")
async def end_time_off(time_off_id: UUID, request: Request, session: Work, actor: CurrentActor) -> Response:
    return await _change(request, session, actor, hours.end_time_off(session, actor, time_off_id))
