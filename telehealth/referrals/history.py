"""The one way a referral changes: state, history, audit and the right to its images move together."""

from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.reports.queries import studies_of_referral
from telehealth.core import audit, clock
from telehealth.core.actor import Actor
from telehealth.core.db import fetch
from telehealth.identity import access
from telehealth.identity.access import Action
from telehealth.identity.models import Organisation
from telehealth.referrals import due, orders, queries
from telehealth.referrals.lifecycle import OPEN_FOR_READING, REFERRAL, ReferralStatus, Step, advance
from telehealth.referrals.models import Priority, Referral, ReferralEvent
from telehealth.scheduling.holidays import CLOSED


async def hold(session: AsyncSession, actor: Actor, referral_id: UUID, action: Action) -> Referral:
    """The row, locked against other writers, if the actor may do `action` with it."""
    referral = await fetch(session, Referral, referral_id, lock=True)
    access.ensure(actor, action, queries.scope_of(referral), hidden=True)
    return referral


async def hold_as_asker(session: AsyncSession, actor: Actor, referral_id: UUID, action: Action) -> Referral:
    """As `hold`, for acts of the side that asks: readers are parties to the question, but it is not theirs."""
    referral = await hold(session, actor, referral_id, action)
    access.ensure(actor, action, queries.asking_side(referral))
    return referral


async def move(session: AsyncSession, actor: Actor, referral: Referral, step: Step, text: str = "", **facts: Any) -> None:
    """Take the step, write it down, and keep the studies' readers in step."""
    referral.status = advance(REFERRAL, ReferralStatus(referral.status), step)
    await note(session, actor, referral, step, text, **facts)
    await open_images(session, referral)


async def note(session: AsyncSession, actor: Actor, referral: Referral, step: Step, text: str = "", **facts: Any) -> None:
    """Write a line of history and of the audit log. facts: ids and codes only."""
    session.add(referral)
    session.add(
        ReferralEvent(
            referral_id=referral.id,
            at=clock.now(),
            account_id=actor.account_id,
            actor_name=actor.name,
            event=step,
            text=text,
            facts=facts,
        )
    )
    await session.flush()
    await orders.follow(session, referral)
    audit.record(
        session, actor, f"referral.{step.value}", referral.id, patient_id=referral.patient_id, purpose=referral.id, **facts
    )


async def open_images(session: AsyncSession, referral: Referral) -> None:
    """Write on each study who may read it now: imaging does not know referrals."""
    is_open = referral.submitted_at is not None and referral.status in OPEN_FOR_READING
    for study in await studies_of_referral(session, referral.id):
        study.reading_unit_id = referral.to_organisation_id if referral.submitted_at else None
        study.reader_ids = [str(referral.reader_id)] if referral.reader_id else []
        study.open_for_reading = is_open
        study.priority = referral.priority
        session.add(study)
    await session.flush()


async def reckon(session: AsyncSession, referral: Referral) -> None:
    """Set the due time and its reasons from the history: the same log always gives the same instant."""
    assert referral.submitted_at is not None
    unit = await fetch(session, Organisation, referral.to_organisation_id)
    log = [(event.event, event.at) for event in await queries.history(session, referral.id)]
    calendar = due.WorkingCalendar(zone=unit.zone, holidays=frozenset(CLOSED))
    reckoned = due.due(Priority(referral.priority), referral.submitted_at, calendar, due.pauses_of(log))
    referral.due_at, referral.due_because = reckoned.at, list(reckoned.steps)
    session.add(referral)
    await session.flush()
