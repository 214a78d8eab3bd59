"""What an operator sees of the pipeline: how much waits, for how long, what fails and why. Figures, never names."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any
from uuid import UUID

from sqlmodel import and_, col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.pipeline.due import due_studies
from imaging.pipeline.models import RunState, StepRun
from imaging.pipeline.service import UNDECIDED
from imaging.representations import service as representations
from imaging.representations.models import Representation
from imaging.store import integrity
from imaging.store.access import visible
from imaging.store.models import Study, StudyState, Verification
from telehealth.core import audit, clock
from telehealth.core.actor import Actor
from telehealth.core.errors import Forbidden
from telehealth.identity import access
from telehealth.identity.access import Action

RECENT = timedelta(hours=24)
MOST_ROWS = 100


@dataclass(frozen=True)
class Case:
    """One step of one study that runs, waits for another attempt, or is parked. No patient: an operator mends machines."""

    study_id: UUID
    step: str
    state: str
    attempts: int
    message: str
    since: datetime
    next_at: datetime | None
    priority: str
    modalities: str
    instances: int


@dataclass(frozen=True)
class Overview:
    """waiting: studies by urgency that are due and nobody is at. Ages and durations in seconds."""

    waiting: dict[str, int]
    oldest_wait_s: float
    arriving: int
    held: int
    running: int
    failing: int
    parked: int
    ready_today: int
    median_s: float
    reasons: list[tuple[str, str, int]]
    """(step, reason, how often) of what fails or is parked now."""
    bare: int
    """Checked studies whose forms for narrow lines are not made yet."""
    not_offered: list[tuple[str, str, int]]
    """(form, reason, how many images) without such a form."""
    verification: Verification | None
    """The last whole walk over the stored objects."""
    cases: list[Case]
    """Empty for those who only count."""


async def overview(session: AsyncSession, actor: Actor, *, first_look: bool = True) -> Overview:
    """Administrators count their units' studies, coordinators see the cases as well. Raises Forbidden.

    first_look: not the same page drawn anew, so it goes on record.
    """
    if not access.holds(actor, Action.SEE_OPERATIONS):
        raise Forbidden()
    now, mine = clock.now(), visible(actor, Action.SEE_OPERATIONS)
    due = await _due(session, mine)
    runs = await _open_runs(session, mine)
    opens = may_open(actor)
    ready = await _ready(session, mine, now - RECENT)
    if first_look:
        audit.record(session, actor, "pipeline.read", "", cases=len(runs) if opens else 0)
    states = Counter(run.state for run, _ in runs)
    return Overview(
        waiting=dict(Counter(study.priority for study in due)),
        oldest_wait_s=max(((now - study.last_instance_at).total_seconds() for study in due), default=0),
        arriving=await _count(session, mine, col(Study.state).in_(UNDECIDED)),
        held=await _count(session, mine, col(Study.state) == StudyState.HELD),
        running=states[RunState.RUNNING],
        failing=states[RunState.FAILED],
        parked=states[RunState.PARKED],
        ready_today=len(ready),
        median_s=median(ready) if ready else 0,
        reasons=_reasons(runs),
        bare=len(await representations.due_studies(session, MOST_ROWS)),
        not_offered=await _not_offered(session),
        verification=await integrity.newest(session),
        cases=[_case(run, study) for run, study in runs] if opens else [],
    )


def may_open(actor: Actor) -> bool:
    """Whether this person may see and mend single studies, or counts only."""
    return access.province_wide(actor, Action.SEE_OPERATIONS) and access.holds(actor, Action.RESOLVE_IDENTITY)


async def _due(session: AsyncSession, mine: Any) -> Sequence[Study]:
    ids = await due_studies(session, 1000)
    return (await session.exec(select(Study).where(col(Study.id).in_(ids), mine))).all()


async def _open_runs(session: AsyncSession, mine: Any) -> list[tuple[StepRun, Study]]:
    """Of the present versions: parked first, then failing, then running."""
    current = or_(StepRun.study_version == Study.version, StepRun.study_version == 0)
    rows = (
        select(StepRun, Study)
        .join(Study, and_(col(StepRun.study_id) == col(Study.id), current))
        .where(col(StepRun.state) != RunState.DONE, mine)
        .order_by(col(StepRun.state) == RunState.PARKED, col(StepRun.started_at))
    )
    found = list((await session.exec(rows.limit(MOST_ROWS))).all())
    order = (RunState.PARKED, RunState.FAILED, RunState.RUNNING)
    return sorted(found, key=lambda row: order.index(RunState(row[0].state)))


def _case(run: StepRun, study: Study) -> Case:
    return Case(
        study_id=study.id,
        step=run.step,
        state=run.state,
        attempts=run.attempts,
        message=run.message,
        since=run.started_at,
        next_at=run.due_at,
        priority=study.priority,
        modalities=study.modalities.replace("\\", ", "),
        instances=study.instance_count,
    )


def _reasons(runs: list[tuple[StepRun, Study]]) -> list[tuple[str, str, int]]:
    found = Counter((run.step, run.message) for run, _ in runs if run.message)
    return [(step, message, count) for (step, message), count in found.most_common(10)]


async def _count(session: AsyncSession, mine: Any, condition: Any) -> int:
    return (await session.exec(select(func.count()).select_from(Study).where(mine, condition))).one()


async def _ready(session: AsyncSession, mine: Any, since: datetime) -> list[float]:
    """Seconds from the last image to `ready`, of what became ready since then."""
    rows = select(Study.available_at, Study.last_instance_at).where(mine, col(Study.available_at) > since).limit(1000)
    return [max((ready - last).total_seconds(), 0.0) for ready, last in await session.exec(rows) if ready]


async def _not_offered(session: AsyncSession) -> list[tuple[str, str, int]]:
    rows = (
        select(Representation.form, Representation.not_offered, func.count())
        .where(Representation.not_offered != "")
        .group_by(col(Representation.form), col(Representation.not_offered))
    )
    return [(form, why, count) for form, why, count in await session.exec(rows.limit(20))]
