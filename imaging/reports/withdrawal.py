"""A study is taken out of sight, with a reason; its bytes are kept as long as the law wants records kept.

This room knows what was signed about a study, so it decides: what a signed report cites stays.
"""

from sqlmodel import or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.reports.errors import CitedByReport
from imaging.reports.models import Report
from imaging.store.access import ensure
from imaging.store.lifecycle import STUDY, StudyEvent, StudyState, advance
from imaging.store.models import Study, WithdrawnBecause
from imaging.store.retention import ensure_not_on_hold, kept_until
from telehealth.core import audit, clock
from telehealth.core.actor import Actor
from telehealth.core.errors import NotFound
from telehealth.core.settings import settings
from telehealth.identity.access import Action


async def withdraw(session: AsyncSession, actor: Actor, study_uid: str, reason: WithdrawnBecause) -> Study:
    """Close the study everywhere. Raises NotFound, Forbidden, CitedByReport, NotPossible where it is withdrawn already."""
    found = select(Study).where(Study.uid == study_uid[:64]).with_for_update().execution_options(populate_existing=True)
    study = (await session.exec(found)).first()
    if study is None:
        raise NotFound()
    ensure(actor, study, Action.WITHDRAW_STUDY)
    ensure_not_on_hold(study)
    if await _is_cited(session, study):
        raise CitedByReport()
    now = clock.now()
    study.state = advance(STUDY, StudyState(study.state), StudyEvent.WITHDRAWN)
    study.withdrawn_at, study.withdrawn_because, study.withdrawn_by_id = now, reason, actor.account_id
    study.kept_until = kept_until(study, clock.day_in(settings().zone, now))
    study.version += 1
    session.add(study)
    audit.record(session, actor, "study.withdrawn", study.id, patient_id=study.patient_id, reason=reason.value)
    return study


async def _is_cited(session: AsyncSession, study: Study) -> bool:
    """Whether a signed version answers the question that the study was filed under, or was written about it."""
    about = Report.study_id == study.id
    if study.referral_id is not None:
        about = or_(about, Report.referral_id == study.referral_id)  # type: ignore[assignment]
    signed = select(Report.id).where(about, Report.signed_version > 0)
    return (await session.exec(signed.limit(1))).first() is not None
