"""The visit: look, enter, end; what its room left behind becomes its outcome."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from signaling import passes, tickets, turn
from signaling import service as rooms
from signaling.messages import Role
from signaling.statistics import service as statistics
from signaling.statistics.schemas import StatisticsIn
from telehealth.consultations import conclusion, errors
from telehealth.consultations.lifecycle import VisitState
from telehealth.consultations.models import Visit
from telehealth.consultations.outcome import VisitOutcome
from telehealth.core import audit, clock
from telehealth.core.actor import SYSTEM, Actor
from telehealth.core.db import fetch
from telehealth.core.errors import Forbidden
from telehealth.core.ids import new_id
from telehealth.core.settings import Settings, settings
from telehealth.identity import access
from telehealth.identity.access import Action
from telehealth.patients.models import Patient
from telehealth.scheduling.lifecycle import LIVE
from telehealth.scheduling.lifecycle import Event as AppointmentEvent
from telehealth.scheduling.models import Appointment, Practitioner

OPENS_BEFORE = timedelta(minutes=30)
GRACE = timedelta(minutes=30)
SWEPT_AT_ONCE = 100
SOCKET = "/ws/calls"

Side = Literal["host", "colleague", "patient", "guest"]


@dataclass(frozen=True)
class VisitFacts:
    """A visit as one of its sides sees it. guest: came by a link, has no account."""

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


def leader_scope(facts: VisitFacts) -> access.Scope:
    """One person leads: the appointment's specialist, or the colleague to whom the visit was handed over."""
    return access.Scope(
        patients=frozenset({facts.appointment.patient_id}),
        accounts=frozenset({facts.visit.led_by or facts.appointment.practitioner_id}),
    )


async def visit_of(session: AsyncSession, actor: Actor, appointment_id: UUID) -> VisitFacts:
    """The visit of an appointment, its state brought up to now. Raises NotFound for everybody else."""
    facts = await seen_by(session, actor, appointment_id)
    stretches = conclusion.stretches_of(await rooms.presence_of(session, facts.visit.room), clock.now())
    conclusion.refresh(session, facts.visit, stretches)
    audit.record(session, actor, "visit.read", facts.visit.id, patient_id=facts.appointment.patient_id)
    return facts


async def phone_of(session: AsyncSession, actor: Actor, facts: VisitFacts) -> str:
    """Where the specialist reaches the patient when the connection does not come back; empty for everybody else."""
    if facts.role != "host":
        return ""
    access.ensure(actor, Action.ADMIT, leader_scope(facts))
    return (await fetch(session, Patient, facts.appointment.patient_id)).phone


async def join(session: AsyncSession, actor: Actor, appointment_id: UUID, config: Settings | None = None) -> Entrance:
    """A ticket to the room; the patient's first one counts as arrival. Raises TooEarly, VisitOver, AppointmentNotLive."""
    now = clock.now()
    facts = await seen_by(session, actor, appointment_id)
    if actor.account_id is None or actor.session_id is None:
        raise Forbidden()  # a room has seats for people who signed in
    ensure_open(facts, now)
    if facts.role == "patient":
        _arrive(session, facts, now)
    audit.record(session, actor, "visit.joined", facts.visit.id, patient_id=facts.appointment.patient_id, role=facts.role)
    return entrance(facts, facts.role, actor.account_id, actor.session_id, config or settings(), now)


def entrance(facts: VisitFacts, role: Role, account: UUID, login: UUID, config: Settings, now: datetime) -> Entrance:
    """A ticket for one person. login: the sign-in, or the invitation, with whose end the socket closes."""
    ticket = tickets.Ticket(
        id=new_id(),
        room=facts.visit.room,
        account=account,
        name=facts.own_name,
        role=role,
        login=login,
        expires_at=now + tickets.LONGEST,
        expected_at=facts.appointment.start_at if role == "patient" else None,
    )
    return Entrance(
        ticket=tickets.sign(rooms.signing_key(), ticket, now),
        url=SOCKET,
        ice_servers=_ice_servers(config, account, now),
        relay_only=_relay_only(config, facts.appointment),
        facts=facts,
    )


async def line_check(
    session: AsyncSession, actor: Actor, appointment_id: UUID, config: Settings | None = None
) -> list[dict[str, Any]]:
    """ICE servers for the check before a visit; the relay only while the room is open. Raises NotFound."""
    facts = await seen_by(session, actor, appointment_id)
    now = clock.now()
    if actor.account_id is None or not facts.opens_at <= now <= facts.closes_at or facts.visit.state == VisitState.ENDED:
        return []
    return _ice_servers(config or settings(), actor.account_id, now)


async def keep_statistics(session: AsyncSession, actor: Actor, appointment_id: UUID, report: StatisticsIn) -> None:
    """Figures of the line and nothing of the visit, so they leave no entry in the audit log. Raises NotFound."""
    facts = await seen_by(session, actor, appointment_id)
    if actor.account_id:
        await statistics.keep(session, facts.visit.room, actor.account_id, report)


async def end(session: AsyncSession, actor: Actor, appointment_id: UUID, stated: VisitOutcome | None = None) -> Visit:
    """The specialist ends the visit; what they state stands, otherwise presence says. Raises VisitOver."""
    facts = await seen_by(session, actor, appointment_id)
    access.ensure(actor, Action.ADMIT, leader_scope(facts))
    if facts.visit.state == VisitState.ENDED:
        raise errors.VisitOver(outcome=facts.visit.outcome)
    await conclusion.conclude(session, actor, facts.visit, facts.appointment, clock.now(), stated)
    return facts.visit


async def call_ended(session: AsyncSession, room: UUID) -> None:
    """The room is closed: its visit gets an outcome. A second word about the same room changes nothing."""
    found = (await session.exec(select(Visit).where(Visit.room == room))).first()
    if found is None:
        return
    appointment = await fetch(session, Appointment, found.appointment_id, lock=True)
    visit = await fetch(session, Visit, found.id, lock=True)
    if visit.state != VisitState.ENDED:
        await conclusion.conclude(session, SYSTEM, visit, appointment, clock.now())


async def sweep(session: AsyncSession) -> int:
    """Conclude visits whose time has passed, and calls that went silent because their process died. How many."""
    now = clock.now()
    concluded = 0
    for appointment_id in await _due(session, now):
        appointment = await fetch(session, Appointment, appointment_id, lock=True)
        visit = await _visit_row(session, appointment)
        presence = await rooms.presence_of(session, visit.room)
        conclusion.refresh(session, visit, conclusion.stretches_of(presence, now))
        over = appointment.end_at + GRACE <= now
        if visit.state != VisitState.ENDED and (
            conclusion.abandoned(visit, presence, now) or (over and not conclusion.occupied(presence, now))
        ):
            await conclusion.conclude(session, SYSTEM, visit, appointment, now)
            concluded += 1
    return concluded


# Parts


async def seen_by(session: AsyncSession, actor: Actor, appointment_id: UUID) -> VisitFacts:
    """The visit as the actor sees it. Raises NotFound for everybody who is no party to it."""
    appointment = await fetch(session, Appointment, appointment_id, lock=True)
    visit = await _visit_row(session, appointment)
    doctors = await _doctors(session, appointment, visit)
    scope = access.Scope(patients=frozenset({appointment.patient_id}), accounts=frozenset(doctors))
    access.ensure(actor, Action.ENTER_CALL, scope, hidden=True)
    practitioner = await fetch(session, Practitioner, appointment.practitioner_id)
    patient = await fetch(session, Patient, appointment.patient_id)
    specialist_name = f"{practitioner.title} {practitioner.full_name}".strip()
    if actor.account_id not in doctors:
        return VisitFacts(visit, appointment, "patient", actor.name or patient.full_name, specialist_name)
    own_name = specialist_name if actor.account_id == practitioner.id else actor.name
    leads = actor.account_id == (visit.led_by or practitioner.id)
    return VisitFacts(visit, appointment, "host" if leads else "colleague", own_name, patient.full_name)


async def _doctors(session: AsyncSession, appointment: Appointment, visit: Visit) -> set[UUID]:
    """The specialist, who leads now, and the colleagues who were asked in."""
    invited = await passes.of_room(session, visit.room, clock.now())
    doctors = {appointment.practitioner_id, *(one.account_id for one in invited if one.account_id)}
    return doctors | {visit.led_by} if visit.led_by else doctors


async def visit_in(session: AsyncSession, room: UUID) -> Visit:
    """The visit whose room this is."""
    return (await session.exec(select(Visit).where(Visit.room == room))).one()


async def _visit_row(session: AsyncSession, appointment: Appointment) -> Visit:
    """One a appointment; the caller holds the appointment's lock."""
    visit = (await session.exec(select(Visit).where(Visit.appointment_id == appointment.id))).first()
    if visit is None:
        visit = Visit(appointment_id=appointment.id)
        session.add(visit)
        await session.flush()
    return visit


def ensure_not_over(facts: VisitFacts, now: datetime) -> None:
    """Raises VisitOver, AppointmentNotLive."""
    if facts.visit.state == VisitState.ENDED:
        raise errors.VisitOver(outcome=facts.visit.outcome)
    if facts.appointment.status not in LIVE:
        raise errors.AppointmentNotLive()
    if now > facts.closes_at:
        raise errors.VisitOver()


def ensure_open(facts: VisitFacts, now: datetime) -> None:
    """Raises TooEarly, VisitOver, AppointmentNotLive."""
    ensure_not_over(facts, now)
    if now < facts.opens_at:
        raise errors.TooEarly(opens_at=facts.opens_at.isoformat())


def _arrive(session: AsyncSession, facts: VisitFacts, now: datetime) -> None:
    if facts.visit.knocked_at is None:
        facts.visit.knocked_at = now
        session.add(facts.visit)
        conclusion.take(session, facts.appointment, AppointmentEvent.ARRIVE, now)


def _ice_servers(config: Settings, who: UUID, now: datetime) -> list[dict[str, Any]]:
    relay = config.turn
    return turn.ice_servers(config.ice_servers, relay.urls, relay.secret.get_secret_value(), str(who), now, relay.lifetime_s)


def _relay_only(config: Settings, appointment: Appointment) -> bool:
    """A facility's policy: addresses of its people are not shown to the other side. Without a relay it cannot be kept."""
    relay = config.turn
    chosen = "*" in relay.only_for or str(appointment.organisation_id) in relay.only_for
    return chosen and bool(relay.urls)


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
