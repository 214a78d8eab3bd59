"""Which study is next: the urgent first, and yet nobody waits for ever.

Messages only wake a worker; which study it takes is decided here, from the rows. So urgency works alike on every
broker, and a study that was queued as routine and became urgent overtakes at once.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, exists, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.pipeline.models import RunState, StepRun
from imaging.pipeline.service import FIRST_LOOK, LOOKED_AT, SETTLE, STEPS, UNDECIDED
from imaging.store.lifecycle import HeldBecause, StudyState
from imaging.store.models import Study
from telehealth.core import clock

RANKS = {"stat": 0, "urgent": 1}
"""Everything else comes after these."""
TURNS = 5
"""One turn in so many goes to the study that waits longest, whatever its urgency: a fifth of the work at least."""


def rank() -> ColumnElement[int]:
    return case(RANKS, value=col(Study.priority), else_=len(RANKS))


async def due_studies(session: AsyncSession, most: int = 200) -> list[UUID]:
    """Studies for which somebody should look now, the urgent first: nothing running, parked or waiting for its time."""
    return await _due(session, most, rank(), col(Study.last_instance_at), col(Study.id))


async def next_study(session: AsyncSession, turn: int) -> UUID | None:
    """The study for this turn of a worker (0, 1, 2, …), or None."""
    longest_waiting = (col(Study.last_instance_at), col(Study.id))
    found = await _due(session, 1, *longest_waiting) if turn % TURNS == TURNS - 1 else await due_studies(session, 1)
    return found[0] if found else None


async def _due(session: AsyncSession, most: int, *order: Any) -> list[UUID]:
    due = select(Study.id).where(or_(_whole(), _first_look(), _filed()))
    return list((await session.exec(due.order_by(*order).limit(most))).all())


def _whole() -> ColumnElement[bool]:
    """Settled, and its present version is not done."""
    still = or_(col(Study.last_instance_at) <= clock.now() - SETTLE, col(Study.settled_version) == col(Study.version))
    return and_(col(Study.state).in_(LOOKED_AT), still, ~_runs(col(Study.version), STEPS[-1]))


def _first_look() -> ColumnElement[bool]:
    """Somebody's, still arriving, and nobody has compared the patient."""
    return and_(col(Study.state).in_(UNDECIDED), col(Study.patient_id).is_not(None), ~_runs(FIRST_LOOK, "identity"), _arriving())


def _arriving() -> ColumnElement[bool]:
    return and_(col(Study.last_instance_at) > clock.now() - SETTLE, col(Study.settled_version) != col(Study.version))


def _filed() -> ColumnElement[bool]:
    """Held for want of a patient, and a later arrival has named one."""
    unfiled = and_(col(Study.state) == StudyState.HELD, col(Study.held_because) == HeldBecause.UNFILED)
    return and_(unfiled, col(Study.patient_id).is_not(None))


def _runs(version: Any, last: str) -> ColumnElement[bool]:
    """A step of this version is busy (running, parked, waiting for its next attempt), or its last one is done."""
    now = clock.now()
    busy = or_(
        col(StepRun.state) == RunState.PARKED,
        and_(col(StepRun.state) == RunState.RUNNING, col(StepRun.lease_until) > now),
        and_(col(StepRun.state) == RunState.FAILED, col(StepRun.due_at) > now),
    )
    finished = and_(col(StepRun.step) == last, col(StepRun.state) == RunState.DONE)
    return exists().where(col(StepRun.study_id) == col(Study.id), col(StepRun.study_version) == version, or_(busy, finished))
