"""What whoever leads a visit may do beside ending it: hand it over, call for help."""

from dataclasses import dataclass
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from signaling import passes
from telehealth.consultations import errors, service
from telehealth.consultations.service import VisitFacts
from telehealth.core import audit, clock
from telehealth.core.actor import Actor
from telehealth.core.db import fetch
from telehealth.identity import access
from telehealth.identity.access import Action
from telehealth.patients.models import Patient

AMBULANCE = "115"
"""Vietnam's emergency number. Source: PRODUCT 6."""


@dataclass(frozen=True)
class Help:
    """What is read out to 115: for staff only."""

    number: str
    patient_name: str
    address: str
    phone: str


async def hand_over(session: AsyncSession, actor: Actor, appointment_id: UUID, account_id: UUID) -> VisitFacts:
    """A colleague who was invited, or the appointment's own specialist, leads from now on. Raises NotInvited."""
    facts = await _leading(session, actor, appointment_id)
    invited = {one.account_id for one in await passes.of_room(session, facts.visit.room, clock.now())}
    if account_id not in invited | {facts.appointment.practitioner_id}:
        raise errors.NotInvited()
    facts.visit.led_by = account_id
    session.add(facts.visit)
    audit.record(
        session,
        actor,
        "visit.handed_over",
        facts.visit.id,
        patient_id=facts.appointment.patient_id,
        to=str(account_id),
    )
    return facts


async def call_emergency(session: AsyncSession, actor: Actor, appointment_id: UUID) -> tuple[VisitFacts, Help]:
    """The visit is marked, and whoever leads it gets the address to read out. Pressed twice, it says the same again."""
    facts = await _leading(session, actor, appointment_id)
    facts.visit.emergency_at = facts.visit.emergency_at or clock.now()
    session.add(facts.visit)
    patient = await fetch(session, Patient, facts.appointment.patient_id)
    audit.record(session, actor, "visit.emergency_called", facts.visit.id, patient_id=patient.id, purpose="emergency")
    return facts, Help(AMBULANCE, patient.full_name, patient.address, patient.phone)


async def _leading(session: AsyncSession, actor: Actor, appointment_id: UUID) -> VisitFacts:
    """Raises VisitOver; Forbidden for everybody who does not lead."""
    facts = await service.seen_by(session, actor, appointment_id)
    access.ensure(actor, Action.ADMIT, service.leader_scope(facts))
    service.ensure_not_over(facts, clock.now())
    return facts
