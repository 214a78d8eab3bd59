"""How long images are kept, and what may never be deleted while a court or an inspection needs it. Pure, but for the verbs.

Source: law 40/2009/QH12, 59: ordinary records ten years, accidents at work and in life fifteen, mental illness and
death twenty.
"""

from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.store.access import ensure
from imaging.store.errors import OnHold, ReasonForHoldMissing
from imaging.store.models import Study
from telehealth.core import audit
from telehealth.core.actor import Actor
from telehealth.core.db import fetch
from telehealth.identity.access import Action


class Retention(StrEnum):
    ORDINARY = "ordinary"
    ACCIDENT = "accident"
    LASTING = "lasting"
    """Mental illness, and of those who died."""


YEARS = {Retention.ORDINARY: 10, Retention.ACCIDENT: 15, Retention.LASTING: 20}


def kept_until(study: Study, day: date) -> date:
    """Until when a study that is taken out of sight on this day must be kept."""
    return day + timedelta(days=366 * YEARS[Retention(study.retention)])


def ensure_not_on_hold(study: Study) -> None:
    """Every way to delete or withdraw asks here first. Raises OnHold."""
    if study.hold_because:
        raise OnHold()


async def hold(session: AsyncSession, actor: Actor, study_id: UUID, reason: str) -> Study:
    """Nobody may take it away until the hold is lifted. The reason is kept, with a name."""
    study = await _mine(session, actor, study_id)
    if not reason.strip():
        raise ReasonForHoldMissing()
    study.hold_because = reason.strip()
    audit.record(session, actor, "study.held_for_law", study.id, patient_id=study.patient_id)
    return study


async def lift_hold(session: AsyncSession, actor: Actor, study_id: UUID) -> Study:
    study = await _mine(session, actor, study_id)
    study.hold_because = ""
    audit.record(session, actor, "study.hold_lifted", study.id, patient_id=study.patient_id)
    return study


async def classify(session: AsyncSession, actor: Actor, study_id: UUID, retention: Retention) -> Study:
    study = await _mine(session, actor, study_id)
    study.retention = retention
    audit.record(session, actor, "study.classified", study.id, patient_id=study.patient_id, retention=retention.value)
    return study


async def _mine(session: AsyncSession, actor: Actor, study_id: UUID) -> Study:
    study = await fetch(session, Study, study_id, lock=True)
    ensure(actor, study, Action.WITHDRAW_STUDY)
    session.add(study)
    return study
