"""Specialists, free times and appointments over HTTP."""

from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response

from telehealth.core import clock
from telehealth.core.db import fetch
from telehealth.core.i18n import gettext
from telehealth.core.problems import responses
from telehealth.core.settings import settings
from telehealth.identity.deps import CurrentActor, Work
from telehealth.scheduling import queries, service
from telehealth.scheduling.ical import calendar
from telehealth.scheduling.invitations import event_of
from telehealth.scheduling.models import Appointment, Practitioner
from telehealth.scheduling.schemas import (
    AppointmentOut,
    BookingIn,
    CancelIn,
    FreeTimesOut,
    MoveIn,
    PractitionerOut,
    SpecialtyOut,
)
from telehealth.scheduling.slots import HORIZON_DAYS
from telehealth.scheduling.specialties import SPECIALTIES

router = APIRouter(prefix="/api/v1", tags=["scheduling"])

LONGEST_AGO = timedelta(days=365)


@router.get("/specialties")
async def list_specialties() -> list[SpecialtyOut]:
    """What a specialist can be found by, in the reader's language."""
    return [SpecialtyOut(code=code, name=gettext(name)) for code, name in SPECIALTIES.items()]


@router.get("/practitioners", responses=responses(422))
async def list_practitioners(
    session: Work,
    specialty: Annotated[str, Query(max_length=40)] = "",
    q: Annotated[str, Query(max_length=100, description="Name without marks, in any order")] = "",
) -> list[PractitionerOut]:
    """Bookable specialists, each with the next free time; whoever is free first comes first."""
    return [
        PractitionerOut.of(offer.practitioner, clock.in_zone(offer.zone, offer.next_free.start_at) if offer.next_free else None)
        for offer in await queries.offers(session, specialty, q)
    ]


@router.get("/practitioners/{practitioner_id}/free-times", responses=responses(404, 422))
async def list_free_times(
    practitioner_id: UUID,
    session: Work,
    first: Annotated[date | None, Query(alias="from")] = None,
    days: Annotated[int, Query(ge=1, le=31)] = 7,
) -> FreeTimesOut:
    """Free times by day at the facility. Everything listed can be booked."""
    practitioner = await fetch(session, Practitioner, practitioner_id)
    zone = await queries.zone_of(session, practitioner)
    today = clock.day_in(zone, clock.now())
    start = min(max(first or today, today), today + timedelta(days=HORIZON_DAYS))
    return FreeTimesOut.of(zone, await queries.free_days(session, practitioner, start, days))


@router.post("/appointments", status_code=201, responses=responses(401, 403, 404, 409, 422))
async def book_appointment(
    wish: BookingIn,
    session: Work,
    actor: CurrentActor,
    response: Response,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> AppointmentOut:
    """Book a free time. 409 `slot-taken` and `not-offered` name the next three free times in `next_free`."""
    appointment = await service.book(session, actor, idempotency_key=idempotency_key, **dict(wish))
    response.headers["Location"] = f"/api/v1/appointments/{appointment.id}"
    return await _shown(session, actor, appointment)


@router.get("/appointments", responses=responses(401, 404))
async def list_appointments(session: Work, actor: CurrentActor) -> list[AppointmentOut]:
    """Yours: as a patient, as a specialist, or of your facility; of the last year and all to come."""
    start = clock.now() - LONGEST_AGO
    found = await queries.appointments(session, actor, start, clock.now() + LONGEST_AGO)
    return [AppointmentOut.of(booked) for booked in found]


@router.get("/appointments/{appointment_id}", responses=responses(401, 403, 404, 422))
async def get_appointment(appointment_id: UUID, session: Work, actor: CurrentActor) -> AppointmentOut:
    """One appointment."""
    return AppointmentOut.of(await queries.booked(session, actor, appointment_id))


@router.post("/appointments/{appointment_id}/move", responses=responses(401, 403, 404, 409, 422))
async def move_appointment(appointment_id: UUID, wish: MoveIn, session: Work, actor: CurrentActor) -> AppointmentOut:
    """Another time for the same visit: same id and calendar UID, sequence one higher."""
    return await _shown(session, actor, await service.move(session, actor, appointment_id, wish.start))


@router.post("/appointments/{appointment_id}/cancel", responses=responses(401, 403, 404, 409, 422))
async def cancel_appointment(appointment_id: UUID, why: CancelIn, session: Work, actor: CurrentActor) -> AppointmentOut:
    """Give the time back."""
    return await _shown(session, actor, await service.cancel(session, actor, appointment_id, why.reason))


@router.get("/appointments/{appointment_id}/calendar.ics", responses=responses(401, 403, 404, 422))
async def calendar_file(appointment_id: UUID, session: Work, actor: CurrentActor) -> Response:
    """The visit for a phone's calendar (RFC 5545)."""
    booked = await queries.booked(session, actor, appointment_id)
    text = calendar(event_of(booked, settings().address))
    name = f'attachment; filename="visit-{appointment_id}.ics"'
    return Response(text, media_type="text/calendar; charset=utf-8", headers={"Content-Disposition": name})


async def _shown(session: Work, actor: CurrentActor, appointment: Appointment) -> AppointmentOut:
    return AppointmentOut.of(await queries.booked(session, actor, appointment.id))
