"""Pages: find a specialist, choose a time, confirm, one's own visits."""

from datetime import date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import AfterValidator, AwareDatetime
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.consultations.service import GRACE, OPENS_BEFORE
from telehealth.core import audit, clock
from telehealth.core.actor import Actor
from telehealth.core.db import fetch
from telehealth.core.errors import DomainError
from telehealth.core.i18n import gettext as _
from telehealth.core.problems import status_of
from telehealth.core.settings import settings
from telehealth.identity.deps import CurrentActor, Visitor, Work
from telehealth.identity.models import Account, LoginSession
from telehealth.identity.sessions import describe
from telehealth.patients import service as patients
from telehealth.patients.schemas import PatientIn
from telehealth.scheduling import queries, service
from telehealth.scheduling.ical import calendar
from telehealth.scheduling.invitations import event_of
from telehealth.scheduling.lifecycle import LIVE
from telehealth.scheduling.models import Appointment, Practitioner
from telehealth.scheduling.slots import HORIZON_DAYS
from telehealth.scheduling.specialties import SPECIALTIES
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)

SHOWN_DAYS = 7
PAST = timedelta(days=365)
EARLIEST, LATEST = date(2000, 1, 1), date(2200, 1, 1)
"""Days outside of it are slips of the keyboard, and the ends of the calendar cannot be shifted to a zone."""


def _without_nul(text: str) -> str:
    return text.replace("\0", "")  # PostgreSQL stores none


def _in_reach(at: datetime) -> datetime:
    if not EARLIEST <= at.date() <= LATEST:
        raise ValueError("this time lies too far away")
    return at


Text = Annotated[str, Form(max_length=2000), AfterValidator(_without_nul)]
Start = Annotated[AwareDatetime, AfterValidator(_in_reach)]


@router.get("/specialists")
async def find_specialists(
    request: Request,
    session: Work,
    _visitor: Visitor,
    q: Annotated[str, Query(max_length=100), AfterValidator(_without_nul)] = "",
    specialty: Annotated[str, Query(max_length=40), AfterValidator(_without_nul)] = "",
) -> HTMLResponse:
    """Open to everybody: a person chooses before signing in."""
    found = await queries.offers(session, specialty, q)
    return render(request, "booking/specialists.html", found=found, q=q, specialty=specialty, specialties=SPECIALTIES)


@router.get("/specialists/{practitioner_id}")
async def choose_time(
    request: Request,
    session: Work,
    _visitor: Visitor,
    practitioner_id: UUID,
    first: Annotated[date | None, Query(alias="from")] = None,
    move: UUID | None = None,
) -> HTMLResponse:
    """A week of days, each with its free times or the reason why there are none. move: the visit that gets a new time."""
    person = await fetch(session, Practitioner, practitioner_id)
    facts = await _week(session, person, first)
    return render(
        request, "booking/times.html", 200, person=person, specialty=SPECIALTIES.get(person.specialty, ""), move=move, **facts
    )


async def _week(session: AsyncSession, person: Practitioner, first: date | None) -> dict[str, object]:
    zone = await queries.zone_of(session, person)
    today = clock.day_in(zone, clock.now())
    last = today + timedelta(days=HORIZON_DAYS)
    begin = min(max(first or today, today), last)
    week = timedelta(days=SHOWN_DAYS)
    return {
        "days": await queries.free_days(session, person, begin, SHOWN_DAYS),
        "zone": zone,
        "earlier": max(begin - week, today) if begin > today else None,
        "later": begin + week if begin + week <= last else None,
    }


@router.get("/book")
async def confirm(
    request: Request, session: Work, actor: CurrentActor, practitioner: UUID, start: Annotated[Start, Query()]
) -> HTMLResponse:
    """Who it is for, whether it is suitable, why, consent. Choice kept in the address, so signing in comes back here."""
    return await _form(request, session, actor, practitioner, start)


async def _form(
    request: Request,
    session: AsyncSession,
    actor: CurrentActor,
    practitioner: UUID,
    start: datetime,
    status: int = 200,
    **kept: object,
) -> HTMLResponse:
    person = await fetch(session, Practitioner, practitioner)
    facts: dict[str, object] = {
        "error": "",
        "others": [],
        "reason": "",
        "chosen": "",
        "errors": {},
        "name": "",
        "year": "",
    } | kept
    own = await patients.own_patients(session, actor)
    zone = await queries.zone_of(session, person)
    return render(request, "booking/book.html", status, person=person, start=start, zone=zone, own=own, **facts)


@router.post("/book")
async def book(
    request: Request,
    session: Work,
    actor: CurrentActor,
    practitioner: Annotated[UUID, Form()],
    start: Annotated[Start, Form()],
    patient: Text = "",
    name: Text = "",
    year: Text = "",
    urgent: Text = "",
    reason: Text = "",
    consent: Text = "",
) -> Response:
    """Book, or show the form again with everything that was typed."""
    if urgent == "yes":
        audit.record(session, actor, "booking.red_flag", practitioner)
        return render(request, "booking/emergency.html")
    kept: dict[str, object] = {"reason": reason, "chosen": patient, "name": name, "year": year}
    errors = {}
    if urgent != "no":
        errors["urgent"] = _("Please answer this question first")
    if not consent:
        errors["consent"] = _("Please agree to the remote visit first")
    whom: UUID | PatientIn | None = None
    try:
        whom = _person(patient, name, year)
    except ValueError:
        is_new = patient == "new"
        errors["patient"] = _("Please check the name and the year of birth") if is_new else _("Please choose or add the person")
    if errors or whom is None:
        return await _form(request, session, actor, practitioner, start, 422, errors=errors, **kept)
    try:
        async with session.begin_nested():  # a person added together with a visit that fails is not kept
            row = await _book(session, actor, practitioner, whom, start, reason.strip())
    except DomainError as error:
        kept |= {"error": _(error.title), "others": _times(error)}
        return await _form(request, session, actor, practitioner, start, status_of(error), **kept)
    return RedirectResponse(f"/visits/{row.id}?new=1", 303)


def _person(patient: str, name: str, year: str) -> UUID | PatientIn:
    """Who was chosen, or who is to be added. Raises ValueError for what the form cannot have meant."""
    if patient != "new":
        return UUID(patient)
    return PatientIn.model_validate({"full_name": name, "birth_year": year.strip() or None})


async def _book(
    session: AsyncSession, actor: Actor, practitioner: UUID, whom: UUID | PatientIn, start: datetime, reason: str
) -> Appointment:
    if isinstance(whom, PatientIn):
        whom = (await patients.register(session, actor, whom)).id
        actor = await _described_anew(session, actor)
    return await service.book(
        session, actor, practitioner_id=practitioner, patient_id=whom, start=start, reason=reason, consent=True
    )


async def _described_anew(session: AsyncSession, actor: Actor) -> Actor:
    """The same person with the people that this account may act for by now."""
    account = await fetch(session, Account, actor.account_id or "")
    return await describe(session, account, await session.get(LoginSession, actor.session_id) if actor.session_id else None)


def _times(error: DomainError) -> list[datetime]:
    return [datetime.fromisoformat(text) for text in error.facts.get("next_free", [])]


@router.get("/visits")
async def my_visits(request: Request, session: Work, actor: CurrentActor) -> HTMLResponse:
    """The next visit first, then the later ones, then what is over."""
    now = clock.now()
    rows = await queries.appointments(session, actor, now - PAST, now + PAST)
    coming = [row for row in rows if row.appointment.status in LIVE and row.appointment.end_at + GRACE > now]
    past = [row for row in reversed(rows) if row not in coming]
    return render(request, "booking/visits.html", coming=coming, past=past, opens=OPENS_BEFORE, grace=GRACE)


@router.get("/visits/{appointment_id}")
async def one_visit(
    request: Request, session: Work, actor: CurrentActor, appointment_id: UUID, new: bool = False
) -> HTMLResponse:
    row = await queries.booked(session, actor, appointment_id)
    return render(request, "booking/visit.html", row=row, new=new, live=LIVE, opens=OPENS_BEFORE, grace=GRACE, error="")


@router.get("/visits/{appointment_id}/move")
async def move_page(session: Work, actor: CurrentActor, appointment_id: UUID) -> RedirectResponse:
    """The same page of times; a time chosen there moves this visit."""
    row = await queries.booked(session, actor, appointment_id)
    return RedirectResponse(f"/specialists/{row.practitioner.id}?{urlencode({'move': str(appointment_id)})}", 303)


@router.post("/visits/{appointment_id}/move")
async def move(
    request: Request, session: Work, actor: CurrentActor, appointment_id: UUID, start: Annotated[Start, Form()]
) -> Response:
    try:
        await service.move(session, actor, appointment_id, start)
    except DomainError as error:
        return await _refused(request, session, actor, appointment_id, error)
    return RedirectResponse(f"/visits/{appointment_id}", 303)


@router.get("/visits/{appointment_id}/cancel")
async def cancel_page(request: Request, session: Work, actor: CurrentActor, appointment_id: UUID) -> HTMLResponse:
    return render(request, "booking/cancel.html", row=await queries.booked(session, actor, appointment_id))


@router.post("/visits/{appointment_id}/cancel")
async def cancel(request: Request, session: Work, actor: CurrentActor, appointment_id: UUID, reason: Text = "") -> Response:
    try:
        await service.cancel(session, actor, appointment_id, reason.strip())
    except DomainError as error:
        return await _refused(request, session, actor, appointment_id, error)
    return RedirectResponse(f"/visits/{appointment_id}", 303)


async def _refused(
    request: Request, session: AsyncSession, actor: CurrentActor, appointment_id: UUID, error: DomainError
) -> HTMLResponse:
    """The visit as it still is, with the reason."""
    row = await queries.booked(session, actor, appointment_id)
    await session.refresh(row.appointment)
    facts = {"new": False, "live": LIVE, "opens": OPENS_BEFORE, "grace": GRACE, "error": _(error.title)}
    return render(request, "booking/visit.html", status_of(error), row=row, **facts)


@router.get("/visits/{appointment_id}/calendar.ics")
async def calendar_file(session: Work, actor: CurrentActor, appointment_id: UUID) -> Response:
    text = calendar(event_of(await queries.booked(session, actor, appointment_id), settings().address))
    headers = {"Content-Disposition": f'attachment; filename="visit-{appointment_id}.ics"', "Cache-Control": "no-store"}
    return Response(text, media_type="text/calendar; charset=utf-8", headers=headers)
