"""How a visit's end is written down: presence becomes stretches, stretches an outcome, and the appointment follows."""

from datetime import datetime, timedelta

from sqlmodel.ext.asyncio.session import AsyncSession

from signaling import service as rooms
from signaling.models import Presence
from telehealth.consultations.lifecycle import VISIT, VisitState, VisitStep
from telehealth.consultations.models import Visit
from telehealth.consultations.outcome import Cause, Stretch, VisitOutcome, outcome_of, step_of
from telehealth.core import audit
from telehealth.core.actor import Actor
from telehealth.core.lifecycle import advance
from telehealth.scheduling.lifecycle import APPOINTMENT, LIVE, AppointmentStatus
from telehealth.scheduling.lifecycle import Event as AppointmentEvent
from telehealth.scheduling.models import Appointment

PROVIDERS, PATIENT = ("host", "colleague"), "patient"
"""Relatives, interpreters and guests make no visit: they are on nobody's side. Source: PRODUCT 2, row 11."""
SILENT = timedelta(seconds=35)
"""Three missed heartbeats: the process that kept this stretch is gone."""
ABANDONED = timedelta(seconds=120)
"""As long as a lost line keeps its seat."""

WHAT_FOLLOWS = {
    VisitOutcome.COMPLETED: (AppointmentEvent.ARRIVE, AppointmentEvent.FULFIL),
    VisitOutcome.EMERGENCY_TRANSFER: (AppointmentEvent.ARRIVE, AppointmentEvent.FULFIL),
    VisitOutcome.PATIENT_ABSENT: (AppointmentEvent.MISS,),
    VisitOutcome.PROVIDER_ABSENT: (AppointmentEvent.FALL_THROUGH,),
    VisitOutcome.TECHNICAL: (AppointmentEvent.FALL_THROUGH,),
}
"""What did not take place through no fault of the patient is cancelled with its reason: it is no no-show, and it must
not stand as booked or arrived for ever."""


def take(session: AsyncSession, appointment: Appointment, event: AppointmentEvent, now: datetime) -> None:
    appointment.status = advance(APPOINTMENT, AppointmentStatus(appointment.status), event)
    appointment.updated_at = now
    session.add(appointment)


def refresh(session: AsyncSession, visit: Visit, stretches: list[Stretch]) -> None:
    """Take the steps that presence shows, where the visit is not there yet."""
    step = step_of(stretches)
    # a meeting may have come and gone since somebody last looked
    missed = step is VisitStep.PART and visit.state in (VisitState.SCHEDULED, VisitState.LOBBY)
    for taken in (VisitStep.MEET, step) if missed else (step,):
        if taken and (VisitState(visit.state), taken) in VISIT:
            visit.state = advance(VISIT, VisitState(visit.state), taken)
    if visit.admitted_at is None and step in (VisitStep.MEET, VisitStep.PART):
        visit.admitted_at = _first_meeting(stretches)
    session.add(visit)


def _first_meeting(stretches: list[Stretch]) -> datetime | None:
    host = [s.start for s in stretches if s.is_host and s.admitted]
    guest = [s.start for s in stretches if not s.is_host and s.admitted]
    return max(min(host), min(guest)) if host and guest else None


async def conclude(
    session: AsyncSession,
    actor: Actor,
    visit: Visit,
    appointment: Appointment,
    now: datetime,
    stated: VisitOutcome | None = None,
) -> None:
    """Ended, with outcome and cause; the appointment follows."""
    stretches = stretches_of(await rooms.presence_of(session, visit.room), now)
    found, cause = outcome_of(stretches, patient_tried=visit.knocked_at is not None)
    if visit.emergency_at:
        found, cause = VisitOutcome.EMERGENCY_TRANSFER, Cause.EMERGENCY_CALLED
    outcome, cause = (stated, Cause.STATED) if stated else (found, cause)
    visit.state = advance(VISIT, VisitState(visit.state), VisitStep.END)
    visit.ended_at, visit.ended_by = now, actor.account_id
    visit.admitted_at = visit.admitted_at or _first_meeting(stretches)
    visit.outcome, visit.cause = outcome, cause
    session.add(visit)
    for event in WHAT_FOLLOWS.get(outcome, ()) if appointment.status in LIVE else ():
        take(session, appointment, event, now)
    if appointment.status == AppointmentStatus.CANCELLED and not appointment.cancelled_reason:
        appointment.cancelled_reason = outcome.value
    audit.record(
        session,
        actor,
        "visit.ended",
        visit.id,
        patient_id=appointment.patient_id,
        outcome=outcome.value,
        cause=cause.value,
    )


def stretches_of(presence: list[Presence], now: datetime) -> list[Stretch]:
    return [_stretch(row, now) for row in presence if row.role == PATIENT or row.role in PROVIDERS]


def _stretch(row: Presence, now: datetime) -> Stretch:
    """A row whose heartbeat stopped ended when it was last seen: its line is lost, whatever the row still says."""
    silent = row.left_at is None and now - row.seen_at > SILENT
    return Stretch(
        is_host=row.role in PROVIDERS,
        admitted=row.admitted,
        start=row.joined_at,
        end=row.seen_at if silent else row.left_at,
        because="lost" if silent else row.left_because,
        media_connected=row.media_connected,
    )


def occupied(presence: list[Presence], now: datetime) -> bool:
    return any(row.left_at is None and now - row.seen_at <= SILENT for row in presence)


def abandoned(visit: Visit, presence: list[Presence], now: datetime) -> bool:
    """They had met, and for longer than seats are kept nobody has been there."""
    met = visit.state in (VisitState.LIVE, VisitState.INTERRUPTED)
    return met and all(now - row.seen_at > ABANDONED for row in presence)
