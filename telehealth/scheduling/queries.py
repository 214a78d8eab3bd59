"""Reads of the calendar: who can be seen, when, and what is booked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, literal
from sqlmodel import and_, col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import clock
from telehealth.core.actor import Actor
from telehealth.core.db import fetch
from telehealth.core.errors import NotFound
from telehealth.core.names import fold
from telehealth.identity import access
from telehealth.identity.access import Action, Scope
from telehealth.identity.models import Organisation
from telehealth.patients.models import Patient
from telehealth.scheduling.holidays import CLOSED, WORKED_INSTEAD
from telehealth.scheduling.lifecycle import LIVE
from telehealth.scheduling.models import Appointment, DayOverride, Practitioner, TimeOff, WorkingHours
from telehealth.scheduling.slots import Availability, Block, Day, Override, Slot, nearest, plan

PAGE = 200


@dataclass(frozen=True)
class Booked:
    """An appointment with the names that its pages show."""

    appointment: Appointment
    practitioner: Practitioner
    patient: Patient


async def practitioners(session: AsyncSession, specialty: str = "", text: str = "") -> Sequence[Practitioner]:
    """Bookable specialists by specialty and by name, without marks and in any order; by given name."""
    wanted = select(Practitioner).where(col(Practitioner.bookable))
    if specialty:
        wanted = wanted.where(Practitioner.specialty == specialty)
    for word in fold(text).split():
        wanted = wanted.where(col(Practitioner.name_fold).contains(word, autoescape=True))
    found = (await session.exec(wanted.limit(PAGE))).all()
    return sorted(found, key=lambda practitioner: fold(practitioner.full_name).split()[::-1])


async def zone_of(session: AsyncSession, practitioner: Practitioner) -> str:
    """The facility's zone: the one that every text about a visit uses."""
    return (await fetch(session, Organisation, practitioner.organisation_id)).zone


async def availability(session: AsyncSession, practitioner: Practitioner) -> Availability:
    """Everything that decides about this practitioner's times from today on."""
    [of] = await availabilities(session, [practitioner])
    return of


async def availabilities(session: AsyncSession, people: Sequence[Practitioner]) -> list[Availability]:
    """The same for several, in their order, in as many queries as for one."""
    since = clock.now() - timedelta(days=1)
    hours = await _of_each(session, people, WorkingHours)
    overrides = await _of_each(session, people, DayOverride)
    away = await _of_each(session, people, TimeOff, TimeOff.end_at > since)
    busy = await _of_each(session, people, Appointment, col(Appointment.status).in_(LIVE), Appointment.end_at > since)
    places = select(Organisation.id, Organisation.zone).where(col(Organisation.id).in_({one.organisation_id for one in people}))
    zones = dict((await session.exec(places)).all())
    return [
        Availability(
            zone=one.zone,
            facility_zone=zones[one.organisation_id],
            visit_minutes=one.visit_minutes,
            buffer_minutes=one.buffer_minutes,
            hours=tuple(Block(h.weekday, h.start_time, h.end_time, h.valid_from, h.valid_to) for h in hours[one.id]),
            overrides=tuple(Override(row.day, row.start_time, row.end_time) for row in overrides[one.id]),
            away=tuple(Slot(row.start_at, row.end_at) for row in away[one.id]),
            busy=tuple(Slot(row.start_at, row.end_at) for row in busy[one.id]),
            closed=CLOSED,
            worked_instead=WORKED_INSTEAD,
        )
        for one in people
    ]


Dated = TypeVar("Dated", WorkingHours, DayOverride, TimeOff, Appointment)


async def _of_each(
    session: AsyncSession, people: Sequence[Practitioner], model: type[Dated], *only: ColumnElement[bool] | bool
) -> dict[UUID, list[Dated]]:
    """The rows of each practitioner."""
    ids = [one.id for one in people]
    found: dict[UUID, list[Dated]] = {id_: [] for id_ in ids}
    for row in await session.exec(select(model).where(col(model.practitioner_id).in_(ids), *only)):
        found[row.practitioner_id].append(row)
    return found


@dataclass(frozen=True)
class Offer:
    """A specialist with the next free time, if there is one, and the zone to say it in."""

    practitioner: Practitioner
    next_free: Slot | None
    zone: str


async def offers(session: AsyncSession, specialty: str = "", text: str = "") -> list[Offer]:
    """Who can be booked, whoever is free first at the head, the fully booked last."""
    people, now = await practitioners(session, specialty, text), clock.now()
    found = []
    for one, of in zip(people, await availabilities(session, people), strict=True):
        free = nearest(of, now, now, 1)
        found.append(Offer(one, free[0] if free else None, of.facility_zone))
    return sorted(found, key=lambda offer: (offer.next_free is None, offer.next_free))


async def free_days(session: AsyncSession, practitioner: Practitioner, first: date, count: int) -> list[Day]:
    """`count` days of the facility's calendar from `first` on, each with its free times or the reason for none."""
    return plan(await availability(session, practitioner), first, count, clock.now())


async def next_free(session: AsyncSession, practitioner: Practitioner, after: datetime, count: int = 3) -> list[Slot]:
    """The next free times from an instant on."""
    return nearest(await availability(session, practitioner), after, clock.now(), count)


def scope_of(appointment: Appointment) -> Scope:
    """The patient, the practitioner, the facility, and the clinic that booked for its patient."""
    return Scope(
        patients=frozenset({appointment.patient_id}),
        accounts=frozenset({appointment.practitioner_id}),
        units=frozenset(filter(None, (appointment.organisation_id, appointment.booked_from_id))),
    )


async def booked(session: AsyncSession, actor: Actor, appointment_id: UUID) -> Booked:
    """One appointment that the actor may see. Raises NotFound."""
    appointment = await fetch(session, Appointment, appointment_id)
    access.ensure(actor, Action.SEE_APPOINTMENT, scope_of(appointment), hidden=True)
    return await _with_names(session, appointment)


async def _with_names(session: AsyncSession, appointment: Appointment) -> Booked:
    practitioner = await fetch(session, Practitioner, appointment.practitioner_id)
    return Booked(appointment, practitioner, await fetch(session, Patient, appointment.patient_id))


async def appointments(session: AsyncSession, actor: Actor, start: datetime, end: datetime) -> list[Booked]:
    """What the actor is a party to or looks after, that begins in [start, end), in order."""
    if not access.holds(actor, Action.SEE_APPOINTMENT):
        raise NotFound()
    units = access.units_for(actor, Action.SEE_APPOINTMENT)
    visible = or_(
        col(Appointment.patient_id).in_(actor.patients),
        Appointment.practitioner_id == actor.account_id,
        col(Appointment.organisation_id).in_(units),
        col(Appointment.booked_from_id).in_(units),
        literal(access.province_wide(actor, Action.SEE_APPOINTMENT)),
    )
    rows = await session.exec(
        select(Appointment, Practitioner, Patient)
        .join(Practitioner, col(Practitioner.id) == col(Appointment.practitioner_id))
        .join(Patient, col(Patient.id) == col(Appointment.patient_id))
        .where(and_(visible, col(Appointment.start_at) >= start, col(Appointment.start_at) < end))
        .order_by(col(Appointment.start_at))
        .limit(PAGE)
    )
    return [Booked(*row) for row in rows]
