"""The visit: look, enter, end; what its room left behind becomes its outcome."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from signaling import service as rooms
from signaling import tickets, turn
from signaling.models import Presence
from signaling.statistics import service as statistics
from signaling.statistics.schemas import StatisticsIn
from telehealth.consultations import errors
from telehealth.consultations.lifecycle import VISIT, VisitState, VisitStep
from telehealth.consultations.models import Visit
from telehealth.consultations.outcome import Cause, Stretch, VisitOutcome, outcome_of, step_of
from telehealth.core import audit, clock
from telehealth.core.actor import SYSTEM, Actor
from telehealth.core.db import fetch
from telehealth.core.errors import Forbidden
from telehealth.core.ids import new_id
from telehealth.core.lifecycle import advance
from telehealth.core.settings import Settings, settings
from telehealth.identity import access
from telehealth.identity.access import Action
from telehealth.patients.models import Patient
from telehealth.scheduling.lifecycle import APPOINTMENT, LIVE, AppointmentStatus
from telehealth.scheduling.lifecycle import Event as AppointmentEvent
from telehealth.scheduling.models import Appointment, Practitioner

OPENS_BEFORE = timedelta(minutes=30)
GRACE = timedelta(minutes=30)
SILENT = timedelta(seconds=35)
"""Three missed heartbeats: the process that kept this stretch is gone."""
ABANDONED = timedelta(seconds=120)
"""As long as a lost line keeps its seat."""
SWEPT_AT_ONCE = 100
SOCKET = "/ws/calls"

WHAT_FOLLOWS = {
    VisitOutcome.COMPLETED: (AppointmentEvent.ARRIVE, AppointmentEvent.FULFIL),
    VisitOutcome.EMERGENCY_TRANSFER: (AppointmentEvent.ARRIVE, AppointmentEvent.FULFIL),
    VisitOutcome.PATIENT_ABSENT: (AppointmentEvent.MISS,),
}
"""The other outcomes leave the appointment as it is: nobody missed it, and it waits for a new time."""

Side = Literal["host", "patient"]


@dataclass(frozen=True)
class VisitFacts:
    """A visit as one of its two sides sees it."""

    visit: Visit
    appointment: Appointment
    role: Side
    own_name: str
    peer_name: str

    @property
    def opens_at(self) -> datetime:
        return self.appointment.start_at - OPENS_BEFORE

    @property
    def closes_at(self) -> datetime:
        return self.appointment.end_at + GRACE


@dataclass(frozen=True)
class Entrance:
    """What a page needs to reach the room."""

    ticket: str
    url: str
    ice_servers: list[dict[str, Any]]
    relay_only: bool
    facts: VisitFacts


def scope_of(appointment: Appointment) -> access.Scope:
    """A visit has two parties: the patient (and whoever acts for them) and the specialist."""
    return access.Scope(
        patients=frozenset({appointment.patient_id}),
        accounts=frozenset({appointment.practitioner_id}),
    )


async def visit_of(session: AsyncSession, actor: Actor, appointment_id: UUID) -> VisitFacts:
    """The visit of an appointment, its state brought up to now. Raises NotFound for everybody else."""
    facts = await _facts(session, actor, appointment_id)
    stretches = _stretches(await rooms.presence_of(session, facts.visit.room), clock.now())
    _refresh(session, facts.visit, stretches)
    audit.record(session, actor, "visit.read", facts.visit.id, patient_id=facts.appointment.patient_id)
    return facts


async def phone_of(session: AsyncSession, actor: Actor, facts: VisitFacts) -> str:
    """Where the specialist reaches the patient when the connection does not come back; empty for everybody else."""
    if facts.role != "host":
        return ""
    access.ensure(actor, Action.ADMIT, scope_of(facts.appointment))
    return (await fetch(session, Patient, facts.appointment.patient_id)).phone


async def join(session: AsyncSession, actor: Actor, appointment_id: UUID, config: Settings | None = None) -> Entrance:
    """A ticket to the room; the patient's first one counts as arrival. Raises TooEarly, VisitOver, AppointmentNotLive."""
    now = clock.now()
    facts = await _facts(session, actor, appointment_id)
    if actor.account_id is None or actor.session_id is None:
        raise Forbidden()  # a room has seats for people who signed in
    _ensure_open(facts, now)
    if facts.role == "patient":
        _arrive(session, facts, now)
    audit.record(session, actor, "visit.joined", facts.visit.id, patient_id=facts.appointment.patient_id, role=facts.role)
    ticket = tickets.Ticket(
        id=new_id(),
        room=facts.visit.room,
        account=actor.account_id,
        name=facts.own_name,
        role=facts.role,
        login=actor.session_id,
        expires_at=now + tickets.LONGEST,
    )
    return Entrance(
        ticket=tickets.sign(rooms.signing_key(), ticket, now),
        url=SOCKET,
        ice_servers=_ice_servers(config or settings(), actor.account_id, now),
        relay_only=_relay_only(config or settings(), facts.appointment),
        facts=facts,
    )


async def line_check(
    session: AsyncSession, actor: Actor, appointment_id: UUID, config: Settings | None = None
) -> list[dict[str, Any]]:
    """ICE servers for the check before a visit; the relay only while the room is open. Raises NotFound."""
    facts = await _facts(session, actor, appointment_id)
    now = clock.now()
    if actor.account_id is None or not facts.opens_at <= now <= facts.closes_at or facts.visit.state == VisitState.ENDED:
        return []
    return _ice_servers(config or settings(), actor.account_id, now)


async def keep_statistics(session: AsyncSession, actor: Actor, appointment_id: UUID, report: StatisticsIn) -> None:
    """Figures of the line and nothing of the visit, so they leave no entry in the audit log. Raises NotFound."""
    facts = await _facts(session, actor, appointment_id)
    if actor.account_id:
        await statistics.keep(session, facts.visit.room, actor.account_id, report)


async def end(session: AsyncSession, actor: Actor, appointment_id: UUID, stated: VisitOutcome | None = None) -> Visit:
    """The specialist ends the visit; what they state stands, otherwise presence says. Raises VisitOver."""
    facts = await _facts(session, actor, appointment_id)
    access.ensure(actor, Action.ADMIT, scope_of(facts.appointment))
    if facts.visit.state == VisitState.ENDED:
        raise errors.VisitOver(outcome=facts.visit.outcome)
    await _conclude(session, actor, facts.visit, facts.appointment, clock.now(), stated)
    return facts.visit


async def call_ended(session: AsyncSession, room: UUID) -> None:
    """The room is closed: its visit gets an outcome. A second word about the same room changes nothing."""
    found = (await session.exec(select(Visit).where(Visit.room == room))).first()
    if found is None:
        return
    appointment = await fetch(session, Appointment, found.appointment_id, lock=True)
    visit = await fetch(session, Visit, found.id, lock=True)
    if visit.state != VisitState.ENDED:
        await _conclude(session, SYSTEM, visit, appointment, clock.now())


async def sweep(session: AsyncSession) -> int:
    """Conclude visits whose time has passed, and calls that went silent because their process died. How many."""
    now = clock.now()
    concluded = 0
    for appointment_id in await _due(session, now):
        appointment = await fetch(session, Appointment, appointment_id, lock=True)
        visit = await _visit_row(session, appointment)
        presence = await rooms.presence_of(session, visit.room)
        _refresh(session, visit, _stretches(presence, now))
        over = appointment.end_at + GRACE <= now
        if visit.state != VisitState.ENDED and (_abandoned(visit, presence, now) or (over and not _occupied(presence, now))):
            await _conclude(session, SYSTEM, visit, appointment, now)
            concluded += 1
    return concluded


# Parts


async def _facts(session: AsyncSession, actor: Actor, appointment_id: UUID) -> VisitFacts:
    appointment = await fetch(session, Appointment, appointment_id, lock=True)
    access.ensure(actor, Action.ENTER_CALL, scope_of(appointment), hidden=True)
    visit = await _visit_row(session, appointment)
    practitioner = await fetch(session, Practitioner, appointment.practitioner_id)
    patient = await fetch(session, Patient, appointment.patient_id)
    specialist_name = f"{practitioner.title} {practitioner.full_name}".strip()
    if actor.account_id == appointment.practitioner_id:
        return VisitFacts(visit, appointment, "host", specialist_name, patient.full_name)
    return VisitFacts(visit, appointment, "patient", actor.name or patient.full_name, specialist_name)


async def _visit_row(session: AsyncSession, appointment: Appointment) -> Visit:
    """One a appointment; the caller holds the appointment's lock."""
    visit = (await session.exec(select(Visit).where(Visit.appointment_id == appointment.id))).first()
    if visit is None:
        visit = Visit(appointment_id=appointment.id)
        session.add(visit)
        await session.flush()
    return visit


def _ensure_open(facts: VisitFacts, now: datetime) -> None:
    if facts.visit.state == VisitState.ENDED:
        raise errors.VisitOver(outcome=facts.visit.outcome)
    if facts.appointment.status not in LIVE:
        raise errors.AppointmentNotLive()
    if now < facts.opens_at:
        raise errors.TooEarly(opens_at=facts.opens_at.isoformat())
    if now > facts.closes_at:
        raise errors.VisitOver()


def _arrive(session: AsyncSession, facts: VisitFacts, now: datetime) -> None:
    if facts.visit.knocked_at is None:
        facts.visit.knocked_at = now
        session.add(facts.visit)
        _take(session, facts.appointment, AppointmentEvent.ARRIVE, now)


def _take(session: AsyncSession, appointment: Appointment, event: AppointmentEvent, now: datetime) -> None:
    appointment.status = advance(APPOINTMENT, AppointmentStatus(appointment.status), event)
    appointment.updated_at = now
    session.add(appointment)


def _ice_servers(config: Settings, who: UUID, now: datetime) -> list[dict[str, Any]]:
    relay = config.turn
    return turn.ice_servers(config.ice_servers, relay.urls, relay.secret.get_secret_value(), str(who), now, relay.lifetime_s)


def _relay_only(config: Settings, appointment: Appointment) -> bool:
    """A facility's policy: addresses of its people are not shown to the other side. Without a relay it cannot be kept."""
    relay = config.turn
    chosen = "*" in relay.only_for or str(appointment.organisation_id) in relay.only_for
    return chosen and bool(relay.urls)


def _refresh(session: AsyncSession, visit: Visit, stretches: list[Stretch]) -> None:
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


async def _conclude(
    session: AsyncSession,
    actor: Actor,
    visit: Visit,
    appointment: Appointment,
    now: datetime,
    stated: VisitOutcome | None = None,
) -> None:
    """Ended, with outcome and cause; the appointment follows."""
    stretches = _stretches(await rooms.presence_of(session, visit.room), now)
    found, cause = outcome_of(stretches, patient_tried=visit.knocked_at is not None)
    outcome, cause = (stated, Cause.STATED) if stated else (found, cause)
    visit.state = advance(VISIT, VisitState(visit.state), VisitStep.END)
    visit.ended_at, visit.ended_by = now, actor.account_id
    visit.admitted_at = visit.admitted_at or _first_meeting(stretches)
    visit.outcome, visit.cause = outcome, cause
    session.add(visit)
    for event in WHAT_FOLLOWS.get(outcome, ()) if appointment.status in LIVE else ():
        _take(session, appointment, event, now)
    audit.record(
        session,
        actor,
        "visit.ended",
        visit.id,
        patient_id=appointment.patient_id,
        outcome=outcome.value,
        cause=cause.value,
    )


def _stretches(presence: list[Presence], now: datetime) -> list[Stretch]:
    return [_stretch(row, now) for row in presence]


def _stretch(row: Presence, now: datetime) -> Stretch:
    """A row whose heartbeat stopped ended when it was last seen: its line is lost, whatever the row still says."""
    silent = row.left_at is None and now - row.seen_at > SILENT
    return Stretch(
        is_host=row.role == "host",
        admitted=row.admitted,
        start=row.joined_at,
        end=row.seen_at if silent else row.left_at,
        because="lost" if silent else row.left_because,
        media_connected=row.media_connected,
    )


def _occupied(presence: list[Presence], now: datetime) -> bool:
    return any(row.left_at is None and now - row.seen_at <= SILENT for row in presence)


def _abandoned(visit: Visit, presence: list[Presence], now: datetime) -> bool:
    """They had met, and for longer than seats are kept nobody has been there."""
    met = visit.state in (VisitState.LIVE, VisitState.INTERRUPTED)
    return met and all(now - row.seen_at > ABANDONED for row in presence)


async def _due(session: AsyncSession, now: datetime) -> list[UUID]:
    """Appointments whose window has passed or whose visit has begun, and which have no outcome yet."""
    rows = await session.exec(
        select(Appointment.id)
        .join(Visit, col(Visit.appointment_id) == col(Appointment.id), isouter=True)
        .where(
            col(Appointment.status).in_(LIVE),
            col(Appointment.start_at) < now + OPENS_BEFORE,
            (col(Visit.id).is_(None) & (col(Appointment.end_at) < now - GRACE)) | (col(Visit.state) != VisitState.ENDED),
        )
        .order_by(col(Appointment.start_at))
        .limit(SWEPT_AT_ONCE)
    )
    return list(rows)
