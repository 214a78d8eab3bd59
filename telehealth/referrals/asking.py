"""The clinic's side: write the question, send it, answer what the reader asks back, take it back."""

from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import clock, ids
from telehealth.core.actor import Actor
from telehealth.core.db import fetch
from telehealth.core.errors import Invalid
from telehealth.identity import access
from telehealth.identity.access import Action, Scope
from telehealth.patients import queries as patient_queries
from telehealth.patients import service as patients
from telehealth.patients.models import Patient, Purpose
from telehealth.referrals import history, notices, queries
from telehealth.referrals.errors import ConsentMissing, NoReadingUnit, QuestionMissing, StatNeedsMore, WordsMissing
from telehealth.referrals.lifecycle import REFERRAL, ReferralStatus, Step, advance
from telehealth.referrals.models import Priority, Referral
from telehealth.referrals.reading import LOCK_AFTER_ANSWER
from telehealth.referrals.schemas import ReferralIn, ReferralPatch

CONSENT_TEXT = "second-opinion-1"


async def create(session: AsyncSession, actor: Actor, given: ReferralIn) -> Referral:
    """A draft of the own clinic for a patient it knows. Raises NoReadingUnit, NotFound for somebody else's patient."""
    clinic = given.from_organisation_id or own_clinic(actor)
    access.ensure(actor, Action.CREATE_REFERRAL, Scope(units=frozenset({clinic}), accounts=_self(actor)))
    patient = await fetch(session, Patient, given.patient_id)
    access.ensure(actor, Action.SEE_PATIENT, await patient_queries.scope_of_patient(session, patient.id), hidden=True)
    if given.to_organisation_id not in await queries.reading_units(session):
        raise NoReadingUnit()
    assert actor.account_id is not None
    referral = Referral(
        code=ids.short_code("HC"),
        patient_id=patient.id,
        from_organisation_id=clinic,
        to_organisation_id=given.to_organisation_id,
        created_by=actor.account_id,
        **given.model_dump(exclude={"patient_id", "from_organisation_id", "to_organisation_id"}),
    )
    session.add(referral)
    await session.flush()
    await history.note(session, actor, referral, Step.CREATED)
    return referral


def own_clinic(actor: Actor) -> UUID:
    """The clinic of somebody who works in one. Raises Invalid where it must be said."""
    units = access.units_for(actor, Action.CREATE_REFERRAL) & actor.homes
    if len(units) != 1:
        raise Invalid("from_organisation_id is needed")
    return next(iter(units))


def _self(actor: Actor) -> frozenset[UUID]:
    return frozenset({actor.account_id} if actor.account_id else ())


async def update_draft(session: AsyncSession, actor: Actor, referral_id: UUID, given: ReferralPatch) -> Referral:
    """Change what is named, while it is a draft."""
    referral = await history.hold_as_asker(session, actor, referral_id, Action.CREATE_REFERRAL)
    advance(REFERRAL, ReferralStatus(referral.status), Step.CHANGED)
    changes = given.model_dump(exclude_unset=True, exclude_none=True)
    for name, value in changes.items():
        setattr(referral, name, value)
    await history.note(session, actor, referral, Step.CHANGED, fields=sorted(changes))
    return referral


async def submit(session: AsyncSession, actor: Actor, referral_id: UUID, *, consent: bool = False) -> Referral:
    """A doctor sends the question: from now on the reading unit sees it and the clock runs."""
    referral = await history.hold_as_asker(session, actor, referral_id, Action.SUBMIT_REFERRAL)
    await _ensure_ready(session, actor, referral, consent)
    referral.submitted_at, referral.submitted_by = clock.now(), actor.account_id
    await history.move(session, actor, referral, Step.SUBMITTED, priority=referral.priority)
    await history.reckon(session, referral)
    await notices.to_readers(session, referral)
    return referral


async def _ensure_ready(session: AsyncSession, actor: Actor, referral: Referral, consent: bool) -> None:
    advance(REFERRAL, ReferralStatus(referral.status), Step.SUBMITTED)
    if not referral.question.strip():
        raise QuestionMissing()
    if referral.priority == Priority.STAT:
        access.ensure(actor, Action.SUBMIT_STAT, queries.scope_of(referral))
        if not referral.stat_reason.strip() or not referral.callback_phone.strip():
            raise StatNeedsMore()
    if consent:
        await patients.give_consent(
            session, actor, referral.patient_id, Purpose.SECOND_OPINION, CONSENT_TEXT, given=True, subject_id=referral.id
        )
    elif not await queries.has_consent(session, referral):
        raise ConsentMissing()


async def answer_question(session: AsyncSession, actor: Actor, referral_id: UUID, text: str) -> Referral:
    """The clinic gives what the reader asked for: the clock runs on, the reader keeps the question."""
    referral = await history.hold_as_asker(session, actor, referral_id, Action.CREATE_REFERRAL)
    if not text.strip():
        raise WordsMissing()
    await history.move(session, actor, referral, Step.INFO_GIVEN, text.strip())
    referral.info_request = ""
    referral.lock_until = clock.now() + LOCK_AFTER_ANSWER
    await history.reckon(session, referral)
    await notices.info_given(session, referral)
    return referral


async def cancel(session: AsyncSession, actor: Actor, referral_id: UUID, reason: str) -> Referral:
    """Take the question back; not after an answer. What was saved stays."""
    referral = await history.hold_as_asker(session, actor, referral_id, Action.CANCEL_REFERRAL)
    if not reason.strip():
        raise WordsMissing()
    reader = referral.reader_id
    referral.cancelled_reason, referral.lock_until = reason.strip(), None
    await history.move(session, actor, referral, Step.CANCELLED, reason.strip())
    if reader:
        await notices.tell(session, reader, "referral_cancelled", referral, f"/reading/{referral.id}")
    return referral
