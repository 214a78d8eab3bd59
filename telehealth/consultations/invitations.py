"""Who else may come to a visit: a colleague with an account, or somebody by a one-time link.

Source: PRODUCT 4.1.8 (the grandson joins by his own link); SECURITY: a link's secret is hashed, for one visit, expires,
and is exchanged for a cookie by POST, so that it stays in no address.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from pydantic import TypeAdapter
from sqlmodel.ext.asyncio.session import AsyncSession

from signaling import passes
from signaling.models import RoomPass
from telehealth.consultations import errors, service
from telehealth.consultations.service import Entrance, VisitFacts
from telehealth.core import audit, clock
from telehealth.core.actor import Actor, Role
from telehealth.core.db import fetch
from telehealth.core.errors import Forbidden, NotFound
from telehealth.core.settings import Settings
from telehealth.identity.models import Account
from telehealth.identity.sessions import describe
from telehealth.patients.models import Patient
from telehealth.scheduling.models import Appointment, Practitioner

LinkRole = Literal["relative", "interpreter", "guest"]
LINK_ROLE: TypeAdapter[LinkRole] = TypeAdapter(LinkRole)
MOST = 8
"""Invitations that hold at the same time for one visit."""
DOCTORS = (Role.SPECIALIST, Role.REFERRING_DOCTOR)


@dataclass(frozen=True)
class Invitation:
    """link: the address with its secret, known only now; None for a colleague, who signs in."""

    invited: RoomPass
    link: str | None = None


async def by_link(session: AsyncSession, actor: Actor, appointment_id: UUID, role: LinkRole, name: str, base: str) -> Invitation:
    """The patient or whoever leads asks somebody without an account in. Raises TooManyInvitations."""
    facts = await _inviting(session, actor, appointment_id)
    invited = RoomPass(room=facts.visit.room, role=role, name=name, created_by=actor.account_id, expires_at=facts.closes_at)
    secret = await passes.add_link(session, invited)
    _record(session, actor, "visit.invited", facts, invited)
    return Invitation(invited, f"{base}/guests/{invited.id}#{secret}")


async def colleague(session: AsyncSession, actor: Actor, appointment_id: UUID, account_id: UUID) -> Invitation:
    """Whoever leads asks a doctor in, who may take the visit over. Raises NotADoctor."""
    facts = await _inviting(session, actor, appointment_id)
    if facts.role != "host":
        raise Forbidden()
    account = await fetch(session, Account, account_id)
    if not (await describe(session, account)).has(*DOCTORS):
        raise errors.NotADoctor()
    invited = RoomPass(
        room=facts.visit.room,
        role="colleague",
        name=account.full_name,
        account_id=account.id,
        created_by=actor.account_id,
        expires_at=facts.closes_at,
    )
    session.add(invited)
    await session.flush()
    _record(session, actor, "visit.invited", facts, invited)
    return Invitation(invited)


async def take_back(session: AsyncSession, actor: Actor, appointment_id: UUID, invitation_id: UUID) -> RoomPass:
    """Their socket is closed within two seconds."""
    facts = await _facts(session, actor, appointment_id)
    invited = await fetch(session, RoomPass, invitation_id)
    if invited.room != facts.visit.room:
        raise NotFound()
    if facts.role != "host" and invited.created_by != actor.account_id:
        raise Forbidden()
    invited.revoked_at = invited.revoked_at or clock.now()
    session.add(invited)
    _record(session, actor, "visit.invitation_revoked", facts, invited)
    return invited


async def of_visit(session: AsyncSession, actor: Actor, appointment_id: UUID) -> list[RoomPass]:
    facts = await _facts(session, actor, appointment_id)
    return await passes.of_room(session, facts.visit.room, clock.now())


async def enter(session: AsyncSession, secret: str) -> tuple[RoomPass, str]:
    """The link is used up; the secret is of a cookie for this one visit. Raises InvitationGone."""
    found = await passes.exchange(session, secret, clock.now())
    if found is None:
        raise errors.InvitationGone()
    invited, cookie = found
    visit = await service.visit_in(session, invited.room)
    audit.record(session, _as_actor(invited), "visit.link_used", visit.id, invitation=str(invited.id))
    return invited, cookie


async def facts_of(session: AsyncSession, cookie: str) -> tuple[VisitFacts, RoomPass]:
    """The visit to which a guest's cookie leads. Raises InvitationGone."""
    invited = await passes.of_cookie(session, cookie, clock.now())
    if invited is None:
        raise errors.InvitationGone()
    visit = await service.visit_in(session, invited.room)
    appointment = await fetch(session, Appointment, visit.appointment_id)
    practitioner = await fetch(session, Practitioner, appointment.practitioner_id)
    name = f"{practitioner.title} {practitioner.full_name}".strip()
    return VisitFacts(visit, appointment, "guest", invited.name, name), invited


async def join(session: AsyncSession, cookie: str, config: Settings) -> Entrance:
    """A ticket for a guest. Raises InvitationGone, TooEarly, VisitOver, AppointmentNotLive."""
    facts, invited = await facts_of(session, cookie)
    now = clock.now()
    service.ensure_open(facts, now)
    patient = await fetch(session, Patient, facts.appointment.patient_id)
    audit.record(session, _as_actor(invited), "visit.joined", facts.visit.id, patient_id=patient.id, role=invited.role)
    role: LinkRole = LINK_ROLE.validate_python(invited.role)
    return service.entrance(facts, role, invited.id, invited.id, config, now)


def _as_actor(invited: RoomPass) -> Actor:
    return Actor(account_id=None, name=invited.name)


async def _facts(session: AsyncSession, actor: Actor, appointment_id: UUID) -> VisitFacts:
    """Only for the patient's side and whoever leads."""
    facts = await service.seen_by(session, actor, appointment_id)
    if facts.role == "colleague":
        raise Forbidden()
    return facts


async def _inviting(session: AsyncSession, actor: Actor, appointment_id: UUID) -> VisitFacts:
    facts = await _facts(session, actor, appointment_id)
    service.ensure_not_over(facts, clock.now())
    if len(await passes.of_room(session, facts.visit.room, clock.now())) >= MOST:
        raise errors.TooManyInvitations()
    return facts


def _record(session: AsyncSession, actor: Actor, act: str, facts: VisitFacts, invited: RoomPass) -> None:
    audit.record(
        session,
        actor,
        act,
        facts.visit.id,
        patient_id=facts.appointment.patient_id,
        invitation=str(invited.id),
        role=invited.role,
    )
