"""Write, sign and correct a report. The caller, who knows the question, hands down its scope.

A signed version never changes: the database refuses (migration 0002), and a changed byte shows as a broken seal.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.reports import canonical, queries
from imaging.reports.errors import AlreadySigned, DraftMoved, NotSigned, ReasonMissing, ReportIncomplete
from imaging.reports.lifecycle import REPORT, SIGNED, ReportEvent, ReportStatus, advance
from imaging.reports.models import Report, ReportVersion
from imaging.reports.schemas import ReportText, SignedContext
from telehealth.core import audit, clock, jobs
from telehealth.core.actor import Actor
from telehealth.core.db import fetch
from telehealth.core.jobs import Job
from telehealth.identity import access
from telehealth.identity.access import Action, Scope
from telehealth.patients.models import Patient


async def save_draft(
    session: AsyncSession, actor: Actor, referral_id: UUID, patient_id: UUID, said: ReportText, revision: int, scope: Scope
) -> Report:
    """Keep the text. revision: the one the page began with. Raises DraftMoved, AlreadySigned."""
    access.ensure(actor, Action.WRITE_REPORT, scope)
    report = await _of_referral(session, referral_id)
    if report is None:
        report = await _begin(session, actor, referral_id, patient_id)
    if report.status in SIGNED:
        raise AlreadySigned()
    if revision != report.draft_revision:
        raise DraftMoved(draft_revision=report.draft_revision)
    report.status = advance(REPORT, ReportStatus(report.status), ReportEvent.SAVE)
    _write(report, said)
    report.draft_revision += 1
    session.add(report)
    await session.flush()
    audit.record(
        session,
        actor,
        "report.draft_saved",
        report.id,
        patient_id=patient_id,
        purpose=referral_id,
        revision=report.draft_revision,
    )
    return report


async def _of_referral(session: AsyncSession, referral_id: UUID) -> Report | None:
    """The report of a question, locked."""
    found = select(Report).where(Report.referral_id == referral_id).with_for_update()
    return (await session.exec(found.execution_options(populate_existing=True))).first()


async def _begin(session: AsyncSession, actor: Actor, referral_id: UUID, patient_id: UUID) -> Report:
    assert actor.account_id is not None
    studies = await queries.studies_of_referral(session, referral_id)
    report = Report(
        referral_id=referral_id,
        study_id=studies[0].id if studies else None,
        patient_id=patient_id,
        author_id=actor.account_id,
    )
    try:
        async with session.begin_nested():
            session.add(report)
    except IntegrityError:  # another page began it a moment ago
        raise DraftMoved(draft_revision=1) from None
    return report


def _write(report: Report, said: ReportText) -> None:
    report.findings, report.impression = said.findings, said.impression
    report.recommendation, report.critical = said.recommendation, said.critical
    report.updated_at = clock.now()


async def mark_preliminary(session: AsyncSession, actor: Actor, report_id: UUID, scope: Scope) -> Report:
    """Let the clinic read the draft as preliminary."""
    access.ensure(actor, Action.WRITE_REPORT, scope)
    report = await fetch(session, Report, report_id, lock=True)
    report.status = advance(REPORT, ReportStatus(report.status), ReportEvent.MARK_PRELIMINARY)
    session.add(report)
    audit.record(session, actor, "report.made_preliminary", report.id, patient_id=report.patient_id, purpose=report.referral_id)
    return report


async def sign(session: AsyncSession, actor: Actor, report_id: UUID, context: SignedContext, scope: Scope) -> ReportVersion:
    """Bind what the draft says now. The second factor was confirmed by the caller, in this same transaction."""
    access.ensure(actor, Action.SIGN_REPORT, scope)
    report = await fetch(session, Report, report_id, lock=True)
    if report.status in SIGNED:
        raise AlreadySigned()
    report.status = advance(REPORT, ReportStatus(report.status), ReportEvent.SIGN)
    return await _bind(session, actor, report, context)


async def correct(
    session: AsyncSession, actor: Actor, report_id: UUID, said: ReportText, reason: str, context: SignedContext, scope: Scope
) -> ReportVersion:
    """A new version beside the signed ones, with the reason in it. Raises NotSigned, ReasonMissing."""
    access.ensure(actor, Action.SIGN_REPORT, scope)
    if not reason.strip():
        raise ReasonMissing()
    report = await fetch(session, Report, report_id, lock=True)
    if report.status not in SIGNED:
        raise NotSigned()
    report.status = advance(REPORT, ReportStatus(report.status), ReportEvent.CORRECT)
    _write(report, said)
    return await _bind(session, actor, report, context, reason.strip())


async def _bind(session: AsyncSession, actor: Actor, report: Report, context: SignedContext, reason: str = "") -> ReportVersion:
    assert actor.account_id is not None
    missing = [name for name in ("findings", "impression") if not getattr(report, name).strip()]
    if missing:
        raise ReportIncomplete(missing=missing)
    at = clock.now()
    correction_of = report.signed_version or None
    report.signed_version += 1
    text = canonical.canonical(await _content(session, actor, report, context, at, correction_of, reason))
    content_hash = canonical.digest(text)
    version = ReportVersion(
        report_id=report.id,
        version=report.signed_version,
        status=report.status,
        content=text,
        content_hash=content_hash,
        seal=canonical.seal(content_hash, actor.account_id, at),
        key_id=canonical.key_id(),
        signed_by=actor.account_id,
        signer_name=actor.name,
        signed_at=at,
        correction_of=correction_of,
        correction_reason=reason,
    )
    session.add_all([report, version])
    try:
        await session.flush()
    except IntegrityError:
        raise AlreadySigned() from None
    act = "report.corrected" if correction_of else "report.signed"
    audit.record(
        session,
        actor,
        act,
        report.id,
        patient_id=report.patient_id,
        purpose=report.referral_id,
        version=version.version,
        content_hash=content_hash,
    )
    jobs.enqueue(session, Job.RENDER_REPORT, version_id=version.id)
    return version


async def _content(
    session: AsyncSession,
    actor: Actor,
    report: Report,
    context: SignedContext,
    at: datetime,
    correction_of: int | None,
    reason: str,
) -> dict[str, Any]:
    """Everything that is signed, so that documents are made from it alone."""
    patient = await fetch(session, Patient, report.patient_id)
    key_images, measurements = queries.split_marks(await queries.marks_of_referral(session, report.referral_id))
    studies = await queries.studies_of_referral(session, report.referral_id)
    return {
        "schema": canonical.SCHEMA,
        "report_id": str(report.id),
        "version": report.signed_version,
        "status": report.status,
        "referral": {"id": str(report.referral_id), **context.model_dump(exclude={"zone"})},
        "zone": context.zone,
        "patient": {
            "id": str(patient.id),
            "name": patient.full_name,
            "birth_date": patient.birth_date.isoformat() if patient.birth_date else "",
            "birth_year_only": patient.birth_year_only,
            "sex": patient.sex,
        },
        "findings": report.findings,
        "impression": report.impression,
        "recommendation": report.recommendation,
        "critical": report.critical,
        "studies": [
            {"uid": s.uid, "modalities": s.modalities, "date": s.study_date, "description": s.description} for s in studies
        ],
        "key_images": key_images,
        "measurements": measurements,
        "signer": {"id": str(actor.account_id), "name": actor.name},
        "signed_at": at.isoformat(),
        "correction_of": correction_of,
        "correction_reason": reason,
    }


def verify(version: ReportVersion) -> bool:
    """True while the signed version is intact; False where a byte, the signer or the time was changed."""
    return canonical.is_sealed(version.content, version.content_hash, version.seal, version.signed_by, version.signed_at)
