"""The answer: written, signed, opened, acknowledged with a decision, closed with what became of it. None dies unread."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.reports import queries as report_queries
from imaging.reports import service as reports
from imaging.reports.errors import DraftMoved, ReportIncomplete
from imaging.reports.models import Report, ReportVersion
from imaging.reports.schemas import ReportText, SignedContext
from telehealth.core import clock
from telehealth.core.actor import SYSTEM, Actor
from telehealth.core.db import fetch
from telehealth.core.errors import Forbidden
from telehealth.identity import access, organisations
from telehealth.identity.access import Action
from telehealth.identity.models import Organisation
from telehealth.identity.service import confirm_second_factor
from telehealth.referrals import history, notices, queries
from telehealth.referrals.lifecycle import REFERRAL, ReferralStatus, Step, advance
from telehealth.referrals.models import Decision, Outcome, Priority, Referral
from telehealth.referrals.reading import LOCK, held

UNREAD_LIMIT = {
    Priority.STAT: timedelta(hours=1),
    Priority.URGENT: timedelta(hours=4),
    Priority.ROUTINE: timedelta(hours=24),
}
CRITICAL_LIMIT = timedelta(minutes=30)
"""How long an answer may stay without a decision before the next person is called."""
LAST_LEVEL = 9


async def save_draft(
    session: AsyncSession, actor: Actor, referral_id: UUID, said: ReportText, revision: int, *, preliminary: bool = False
) -> Report:
    """Keep what the reader wrote; the claim is a sign of life as well. Raises DraftMoved, NotYourClaim."""
    referral = await held(session, actor, referral_id, Action.WRITE_REPORT)
    if referral.status == ReferralStatus.ASSIGNED:
        referral.lock_until = max(referral.lock_until or clock.now(), clock.now() + LOCK)
        session.add(referral)
    scope = queries.scope_of(referral)
    report = await reports.save_draft(session, actor, referral.id, referral.patient_id, said, revision, scope)
    if preliminary:
        await reports.mark_preliminary(session, actor, report.id, scope)
    return report


async def sign_answer(
    session: AsyncSession, actor: Actor, referral_id: UUID, otp: str, draft_revision: int | None = None
) -> ReportVersion:
    """Sign with a fresh second factor: the referral is answered, the clinic is told. Raises WrongSecret, DraftMoved."""
    referral = await held(session, actor, referral_id, Action.SIGN_REPORT)
    advance(REFERRAL, ReferralStatus(referral.status), Step.ANSWERED)
    report = await report_queries.report_of_referral(session, referral.id)
    if report is None:
        raise ReportIncomplete(missing=["findings", "impression"])
    if draft_revision is not None and draft_revision != report.draft_revision:
        raise DraftMoved(draft_revision=report.draft_revision)
    await confirm_second_factor(session, actor, otp)
    version = await reports.sign(session, actor, report.id, await _context(session, referral), queries.scope_of(referral))
    await _answered(session, actor, referral, report, version, Step.ANSWERED)
    return version


async def correct_answer(
    session: AsyncSession, actor: Actor, report_id: UUID, said: ReportText, reason: str, otp: str
) -> ReportVersion:
    """A new signed version by the reader who answered; the clinic must read and acknowledge again."""
    report = await fetch(session, Report, report_id)
    referral = await history.hold(session, actor, report.referral_id, Action.SIGN_REPORT)
    if referral.reader_id != actor.account_id:
        raise Forbidden()
    advance(REFERRAL, ReferralStatus(referral.status), Step.CORRECTED)
    await confirm_second_factor(session, actor, otp)
    context = await _context(session, referral)
    version = await reports.correct(session, actor, report.id, said, reason, context, queries.scope_of(referral))
    await _answered(session, actor, referral, report, version, Step.CORRECTED)
    return version


async def _context(session: AsyncSession, referral: Referral) -> SignedContext:
    unit = await fetch(session, Organisation, referral.to_organisation_id)
    today = clock.day_in(unit.zone, clock.now())
    return SignedContext(
        referral_code=referral.code,
        question=referral.question,
        history=referral.history,
        priority=referral.priority,
        clinic=await organisations.name_of(session, referral.from_organisation_id, today),
        reading_unit=await organisations.name_of(session, referral.to_organisation_id, today),
        zone=unit.zone,
    )


async def _answered(
    session: AsyncSession, actor: Actor, referral: Referral, report: Report, version: ReportVersion, step: Step
) -> None:
    referral.answered_at, referral.critical = version.signed_at, report.critical
    referral.opened_at = referral.acknowledged_at = referral.lock_until = referral.escalated_at = None
    referral.escalation_level = 0
    await history.move(session, actor, referral, step, version=version.version, content_hash=version.content_hash)
    await notices.answered(session, referral, version.version)


async def open_answer(session: AsyncSession, actor: Actor, referral_id: UUID) -> tuple[Referral, Report]:
    """Read the answer. The first look of the clinic is kept as the time it was opened."""
    referral = await fetch(session, Referral, referral_id)
    report = await report_queries.report_of_referral(session, referral.id)
    access.ensure(actor, Action.SEE_REFERRAL, queries.scope_of(referral), hidden=True)
    if report is None or referral.opened_at is None:
        advance(REFERRAL, ReferralStatus(referral.status), Step.OPENED)
    assert report is not None  # every answered question has one
    await queries.see_report(session, actor, report.id)
    if referral.opened_at is None and not actor.units.isdisjoint({referral.from_organisation_id}):
        referral.opened_at = clock.now()
        await history.note(session, actor, referral, Step.OPENED)
    return referral, report


async def acknowledge(session: AsyncSession, actor: Actor, referral_id: UUID, decision: Decision, note: str = "") -> Referral:
    """The clinic's doctor has read it and decides. From now on the patient may see report and images."""
    referral = await history.hold(session, actor, referral_id, Action.ACKNOWLEDGE)
    now = clock.now()
    referral.opened_at = referral.opened_at or now
    referral.decision, referral.decision_note = decision, note.strip()
    referral.acknowledged_by, referral.acknowledged_at = actor.account_id, now
    await history.move(session, actor, referral, Step.ACKNOWLEDGED, note.strip(), decision=decision.value)
    for study in await report_queries.studies_of_referral(session, referral.id):
        study.released_to_patient_at = study.released_to_patient_at or now
        session.add(study)
    await session.flush()
    return referral


async def close(session: AsyncSession, actor: Actor, referral_id: UUID, outcome: Outcome, note: str = "") -> Referral:
    """What became of it; the reader learns. Only after an acknowledgement."""
    referral = await history.hold(session, actor, referral_id, Action.ACKNOWLEDGE)
    referral.outcome, referral.outcome_note, referral.closed_at = outcome, note.strip(), clock.now()
    await history.move(session, actor, referral, Step.CLOSED, note.strip(), outcome=outcome.value)
    if referral.reader_id:
        await notices.tell(session, referral.reader_id, "referral_closed", referral, "/worklist")
    return referral


async def escalate(session: AsyncSession, now: datetime | None = None) -> int:
    """Call the next person for every answer that waits too long for a decision. Returns how many."""
    now = now or clock.now()
    waiting = await session.exec(select(Referral.id).where(Referral.status == ReferralStatus.ANSWERED))
    called = 0
    for referral_id in list(waiting):
        referral = await fetch(session, Referral, referral_id, lock=True)
        if not is_unread_too_long(referral, now):
            continue
        referral.escalation_level += 1
        referral.escalated_at = now
        people = await notices.unread(session, referral, referral.escalation_level)
        await history.move(session, SYSTEM, referral, Step.ESCALATED, level=referral.escalation_level, called=people)
        called += 1
    return called


def is_unread_too_long(referral: Referral, now: datetime) -> bool:
    """Whether the present level's time is over."""
    since = referral.escalated_at or referral.answered_at
    if referral.status != ReferralStatus.ANSWERED or since is None or referral.escalation_level >= LAST_LEVEL:
        return False
    limit = CRITICAL_LIMIT if referral.critical else UNREAD_LIMIT[Priority(referral.priority)]
    return now - since >= limit
