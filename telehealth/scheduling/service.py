"""Verbs of booking. The same function that offers a time accepts it; the database decides who was first."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import audit, clock
from telehealth.core.actor import Actor
from telehealth.core.db import fetch
from telehealth.core.errors import NotFound
from telehealth.core.ids import new_id
from telehealth.core.lifecycle import advance
from telehealth.identity import access
from telehealth.identity.access import Action
from telehealth.patients import queries as patient_queries
from telehealth.patients import service as patients
from telehealth.patients.models import Patient, Purpose
from telehealth.scheduling import orders, queries, reminders
from telehealth.scheduling.errors import (
    ConsentMissing,
    KeyReused,
    MovedTooOften,
    NotOffered,
    PatientBusy,
    SlotTaken,
    TooLate,
)
from telehealth.scheduling.lifecycle import APPOINTMENT, AppointmentStatus, Event
from telehealth.scheduling.models import Appointment, Practitioner
from telehealth.scheduling.queries import scope_of
from telehealth.scheduling.slots import free_at, is_working_time

CUT_OFF = timedelta(hours=2)
"""Until then a patient moves and cancels without a call."""
MOST_MOVES = 5
CONSENT_TEXT = "remote-visit-1"


async def book(
    session: AsyncSession,
    actor: Actor,
    *,
    practitioner_id: UUID,
    patient_id: UUID,
    start: datetime,
    reason: str = "",
    consent: bool = False,
    idempotency_key: str | None = None,
) -> Appointment:
    """Give a free time to a patient. The same idempotency key again gives the same appointment.

    Raises SlotTaken and NotOffered (with the next three free times), PatientBusy, ConsentMissing,
    NotFound, and KeyReused for a key that came with another wish.
    """
    scope = await patient_queries.scope_of_patient(session, patient_id)
    access.ensure(actor, Action.BOOK, scope, hidden=True)
    key = _key(actor, idempotency_key)
    if key and (before := (await session.exec(select(Appointment).where(Appointment.idempotency_key == key))).first()):
        if (before.practitioner_id, before.patient_id) != (practitioner_id, patient_id) or before.start_at != start:
            raise KeyReused()
        return before
    if not consent:
        raise ConsentMissing()
    practitioner = await _locked(session, practitioner_id)
    # then the patient, always in this order: two visits of one person with two specialists would else deadlock
    await session.exec(select(Patient.id).where(Patient.id == patient_id).with_for_update(key_share=True))
    await _ensure_free(session, practitioner, start)
    appointment_id = new_id()
    appointment = Appointment(
        id=appointment_id,
        practitioner_id=practitioner.id,
        patient_id=patient_id,
        organisation_id=practitioner.organisation_id,
        booked_by=actor.account_id,
        booked_from_id=next(iter(sorted(scope.units & actor.units)), None),
        start_at=start,
        end_at=start + timedelta(minutes=practitioner.visit_minutes),
        zone=await queries.zone_of(session, practitioner),
        reason=reason,
        ics_uid=f"{appointment_id}@telehealth",
        idempotency_key=key,
    )
    async with _first_wins(session, practitioner, start):
        session.add(appointment)
        await session.flush()
    await patients.give_consent(
        session, actor, patient_id, Purpose.REMOTE_VISIT, CONSENT_TEXT, given=True, subject_id=appointment.id
    )
    audit.record(session, actor, "appointment.booked", appointment.id, patient_id=patient_id)
    await reminders.booked(session, appointment)
    await orders.follow(session, appointment)
    return appointment


async def move(session: AsyncSession, actor: Actor, appointment_id: UUID, start: datetime) -> Appointment:
    """Another time for the same visit: the new one is taken and the old one freed in one step, the UID stays.

    Raises SlotTaken, NotOffered, TooLate, MovedTooOften, NotPossible.
    """
    appointment = await _changeable(session, actor, appointment_id)
    appointment.status = advance(APPOINTMENT, AppointmentStatus(appointment.status), Event.MOVE)
    if appointment.moved_count >= MOST_MOVES and not access.may(actor, Action.OVERRIDE_CUTOFF, scope_of(appointment)):
        raise MovedTooOften()
    practitioner = await _locked(session, appointment.practitioner_id)
    await session.exec(select(Patient.id).where(Patient.id == appointment.patient_id).with_for_update(key_share=True))
    await _ensure_free(session, practitioner, start)
    async with _first_wins(session, practitioner, start):
        appointment.start_at = start
        appointment.end_at = start + timedelta(minutes=practitioner.visit_minutes)
        appointment.moved_count += 1
        _changed(session, appointment)
        await session.flush()
    audit.record(session, actor, "appointment.moved", appointment.id, patient_id=appointment.patient_id)
    await reminders.moved(session, appointment)
    await orders.follow(session, appointment)
    return appointment


async def cancel(session: AsyncSession, actor: Actor, appointment_id: UUID, reason: str) -> Appointment:
    """Free the time. Raises TooLate for a patient past the cut-off, NotPossible where it is over."""
    appointment = await _changeable(session, actor, appointment_id)
    appointment.status = advance(APPOINTMENT, AppointmentStatus(appointment.status), Event.CANCEL)
    appointment.cancelled_reason = reason
    _changed(session, appointment)
    audit.record(session, actor, "appointment.cancelled", appointment.id, patient_id=appointment.patient_id)
    await reminders.cancelled(session, appointment)
    await orders.follow(session, appointment)
    return appointment


async def _changeable(session: AsyncSession, actor: Actor, appointment_id: UUID) -> Appointment:
    """The row, locked, if this actor may still change it."""
    appointment = await fetch(session, Appointment, appointment_id, lock=True)
    scope = scope_of(appointment)
    access.ensure(actor, Action.BOOK, scope, hidden=True)
    is_late = appointment.start_at - clock.now() < CUT_OFF
    if is_late and not access.may(actor, Action.OVERRIDE_CUTOFF, scope):
        raise TooLate()
    return appointment


def _changed(session: AsyncSession, appointment: Appointment) -> None:
    appointment.ics_sequence += 1
    appointment.updated_at = clock.now()
    session.add(appointment)


def _key(actor: Actor, sent: str | None) -> str | None:
    return sha256(f"{actor.account_id}:{sent}".encode()).hexdigest() if sent else None


async def _locked(session: AsyncSession, practitioner_id: UUID) -> Practitioner:
    """The practitioner's row held against other bookers: on PostgreSQL overlapping inserts would else deadlock."""
    rows = select(Practitioner).where(Practitioner.id == practitioner_id).with_for_update(key_share=True)
    practitioner = (await session.exec(rows)).first()
    if practitioner is None or not practitioner.bookable:
        raise NotFound()
    return practitioner


async def _ensure_free(session: AsyncSession, practitioner: Practitioner, start: datetime) -> None:
    """By the same rule that offers. Raises SlotTaken for a time of ours that is booked, NotOffered for any other."""
    of = await queries.availability(session, practitioner)
    if free_at(of, start, clock.now()) is None:
        refusal = SlotTaken if is_working_time(of, start, clock.now()) else NotOffered
        raise refusal(next_free=await _next_three(session, practitioner, start))


@asynccontextmanager
async def _first_wins(session: AsyncSession, practitioner: Practitioner, start: datetime) -> AsyncIterator[None]:
    """The database's constraint, or its trigger, as a refusal that offers the next times."""
    try:
        async with session.begin_nested():
            yield
    except IntegrityError as error:
        if "appointment_patient_overlap" in str(error.orig):
            raise PatientBusy() from None
        if "appointment_practitioner_overlap" not in str(error.orig):
            raise
        raise SlotTaken(next_free=await _next_three(session, practitioner, start)) from None


async def _next_three(session: AsyncSession, practitioner: Practitioner, start: datetime) -> list[str]:
    zone = await queries.zone_of(session, practitioner)
    found = await queries.next_free(session, practitioner, max(start, clock.now()))
    return [clock.in_zone(zone, slot.start_at).isoformat() for slot in found]
