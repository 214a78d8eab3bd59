"""Which step a study needs now, who does it, and what came of it. The rows know; messages only wake somebody up.

A step is claimed in one short transaction (lease), done outside any, and recorded in another. The unique row per
(study, version, step) makes its effect happen once; a worker that lost its lease finds its result refused.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.pipeline.errors import FiledElsewhere, NotHeld, ReasonMissing
from imaging.pipeline.models import RunState, StepRun
from imaging.store.access import scope_of
from imaging.store.lifecycle import STUDY, HeldBecause, StudyEvent, StudyState, advance
from imaging.store.models import Study
from telehealth.core import audit, clock, jobs
from telehealth.core.actor import SYSTEM, Actor
from telehealth.core.db import fetch
from telehealth.core.jobs import Job
from telehealth.core.lifecycle import NotPossible
from telehealth.identity import access
from telehealth.identity.access import Action
from telehealth.notifications.models import Channel
from telehealth.notifications.service import notify

STEPS = ("validate", "identity", "completeness", "representations", "burned_in", "priors", "routing", "ready")
"""The order; `steps.py` has the code of each."""
FIRST_LOOK = 0
"""The version of the one step that does not wait for the rest: whose study is it? Its answer holds while more comes."""
SETTLE = timedelta(seconds=3)
"""A study without a new instance for so long is looked at."""
LEASE = timedelta(seconds=30)
"""Renewed by the worker while it works: a killed worker's step is free after this."""
MOST_ATTEMPTS = 5
UNDECIDED = (StudyState.RECEIVING, StudyState.CHECKING)
LOOKED_AT = (*UNDECIDED, StudyState.AVAILABLE)
"""States in which steps are due."""


@dataclass(frozen=True)
class Claim:
    """A step that this owner may do now, for the version it saw."""

    run_id: UUID
    study_id: UUID
    version: int
    step: str
    attempts: int
    owner: str


@dataclass(frozen=True)
class Outcome:
    """What a step found, as values for the rows. held: stop here until a person has decided."""

    facts: dict[str, Any]
    held: HeldBecause | None = None
    held_facts: dict[str, Any] | None = None


class Decision(StrEnum):
    ACCEPT = "accept"
    REJECT = "reject"


# claiming ---------------------------------------------------------------------------------------------------------


async def claim_next_step(session: AsyncSession, study_id: UUID, owner: str) -> Claim | None:
    """The study's next due step for this owner, or None: nothing due, or somebody else is at it."""
    study = await session.get(Study, study_id, with_for_update=True, populate_existing=True)
    now = clock.now()
    if study is None:
        return None
    if _was_filed(study):
        _move(study, StudyEvent.FILED)
        study.held_because, study.held_facts = None, {}
        session.add(study)
    if _is_settled(study, now) and study.state in LOOKED_AT:
        if study.state == StudyState.RECEIVING:
            _move(study, StudyEvent.SETTLED)
            session.add(study)
        return await _first_open(session, study, study.version, STEPS, owner, now)
    if study.state in UNDECIDED and study.patient_id is not None:
        return await _first_open(session, study, FIRST_LOOK, ("identity",), owner, now)
    return None


async def _first_open(
    session: AsyncSession, study: Study, version: int, steps: tuple[str, ...], owner: str, now: datetime
) -> Claim | None:
    """The first step that is not done, if it is free; one that used up its attempts is parked instead."""
    runs = await _runs(session, study, version)
    for step in steps:
        run = runs.get(step)
        if run is None:
            return _claim(_take(session, StepRun(study_id=study.id, study_version=version, step=step), owner, now))
        if run.state == RunState.DONE:
            continue
        if not _is_free(run, now):
            return None
        if run.attempts >= MOST_ATTEMPTS:
            _park(session, run, run.message or "the worker did not come back", now)
            return None
        run.attempts += 1
        return _claim(_take(session, run, owner, now))
    return None


def _was_filed(study: Study) -> bool:
    """Held for want of a patient, and a later arrival has named one."""
    return study.state == StudyState.HELD and study.held_because == HeldBecause.UNFILED and study.patient_id is not None


def _is_settled(study: Study, now: datetime) -> bool:
    """Nothing new for a while, or the sender said that this version was all."""
    return study.last_instance_at <= now - SETTLE or study.settled_version == study.version


async def _runs(session: AsyncSession, study: Study, version: int) -> dict[str, StepRun]:
    of_version = select(StepRun).where(StepRun.study_id == study.id, StepRun.study_version == version)
    return {run.step: run for run in await session.exec(of_version.execution_options(populate_existing=True))}


def _is_free(run: StepRun, now: datetime) -> bool:
    if run.state == RunState.RUNNING:
        return run.lease_until is None or run.lease_until <= now
    return run.state == RunState.FAILED and (run.due_at is None or run.due_at <= now)


def _take(session: AsyncSession, run: StepRun, owner: str, now: datetime) -> StepRun:
    run.state, run.owner, run.lease_until, run.due_at = RunState.RUNNING, owner, now + LEASE, None
    session.add(run)
    return run


def _claim(run: StepRun) -> Claim:
    return Claim(run.id, run.study_id, run.study_version, run.step, run.attempts, run.owner)


async def renew(session: AsyncSession, claim: Claim) -> bool:
    """Keep the lease while the work goes on; False once somebody else has the step."""
    done = await session.exec(update(StepRun).where(*_mine(claim)).values(lease_until=clock.now() + LEASE))
    return int(done.rowcount) == 1


def _mine(claim: Claim) -> tuple[Any, ...]:
    return (
        col(StepRun.id) == claim.run_id,
        col(StepRun.owner) == claim.owner,
        col(StepRun.state) == RunState.RUNNING,
        col(StepRun.attempts) == claim.attempts,
    )


# recording --------------------------------------------------------------------------------------------------------


async def record(session: AsyncSession, claim: Claim, outcome: Outcome) -> Study | None:
    """Write what the step found. None if the claim was lost or the study grew: then nothing else may be written.

    The caller writes the step's own rows in the same transaction, only after this has returned the study.
    """
    study = await session.get(Study, claim.study_id, with_for_update=True, populate_existing=True)
    done = await session.exec(
        update(StepRun)
        .where(*_mine(claim))
        .values(state=RunState.DONE, finished_at=clock.now(), lease_until=None, message="", facts=outcome.facts)
    )
    if study is None or not done.rowcount:
        return None
    if claim.version == FIRST_LOOK:
        return await _looked_at(session, study, outcome)
    if study.version != claim.version:
        return None  # where it grew meanwhile, the newer version has steps of its own
    if outcome.held:
        await _hold(session, study, outcome.held, outcome.held_facts or {})
    elif claim.step == STEPS[-1]:
        await _make_available(session, study)
    session.add(study)
    return study


async def _looked_at(session: AsyncSession, study: Study, outcome: Outcome) -> Study | None:
    """The first look is over: readable from here on, while the rest still comes; or held at once. None if too late."""
    if study.state not in UNDECIDED:
        return None
    if outcome.held:
        await _hold(session, study, outcome.held, outcome.held_facts or {})
    else:
        _move(study, StudyEvent.OPENED)
        audit.record(session, SYSTEM, "study.readable", study.id, patient_id=study.patient_id, version=study.version)
        jobs.enqueue(session, Job.FILE_STUDY, study_id=study.id)
    session.add(study)
    return study


async def _hold(session: AsyncSession, study: Study, because: HeldBecause, facts: dict[str, Any]) -> None:
    _move(study, StudyEvent.HELD)
    study.held_because, study.held_facts = because, facts
    audit.record(session, SYSTEM, "study.held", study.id, patient_id=study.patient_id, because=because.value)
    await _tell(session, study, "study_held")
    if because == HeldBecause.UNFILED:
        jobs.enqueue(session, Job.FILE_STUDY, study_id=study.id)  # its accession number may be a question's code


async def _make_available(session: AsyncSession, study: Study) -> None:
    """The one place where a study becomes readable: said once, whatever runs twice."""
    _move(study, StudyEvent.PASSED)
    study.held_because, study.held_facts = None, {}
    jobs.enqueue(session, Job.REPRESENT_STUDY, study_id=study.id)
    if study.available_at is not None:
        audit.record(session, SYSTEM, "study.extended", study.id, patient_id=study.patient_id, version=study.version)
        return
    study.available_at = clock.now()
    audit.record(session, SYSTEM, "study.available", study.id, patient_id=study.patient_id, version=study.version)
    await _tell(session, study, "study_available")
    jobs.enqueue(session, Job.FILE_STUDY, study_id=study.id)


async def _tell(session: AsyncSession, study: Study, template: str) -> None:
    """A line in the application for whoever sent it."""
    if study.sent_by_id is None:
        return
    link = f"/clinic/referrals/{study.referral_id}/upload" if study.referral_id else "/clinic/unfiled"
    await notify(
        session,
        template=template,
        channel=Channel.IN_APP,
        account_id=study.sent_by_id,
        link=link,
        facts={"code": study.accession_number},
        subject_id=study.id,
        dedupe_key=f"{template}:{study.id}:{study.version if template == 'study_held' else 0}",
    )


async def fail(session: AsyncSession, claim: Claim, message: str) -> None:
    """The step did not work: again after 2, 4, 8, 16 s; after the fifth time a person must look."""
    run = await session.get(StepRun, claim.run_id, with_for_update=True, populate_existing=True)
    if run is None or run.owner != claim.owner or run.attempts != claim.attempts or run.state != RunState.RUNNING:
        return
    now = clock.now()
    if run.attempts >= MOST_ATTEMPTS:
        _park(session, run, message, now)
        return
    run.state, run.message, run.lease_until = RunState.FAILED, message[:500], None
    run.due_at = now + timedelta(seconds=2**run.attempts)
    session.add(run)


def _park(session: AsyncSession, run: StepRun, message: str, now: datetime) -> None:
    run.state, run.message, run.lease_until, run.finished_at = RunState.PARKED, message[:500], None, now
    session.add(run)
    audit.record(session, SYSTEM, "study.parked", run.study_id, step=run.step)


async def unpark(session: AsyncSession, actor: Actor, study_id: UUID) -> int:
    """Try a study's parked steps anew. Returns how many."""
    study = await _to_mend(session, actor, study_id)
    parked = (col(StepRun.study_id) == study.id, col(StepRun.state) == RunState.PARKED)
    done = await session.exec(update(StepRun).where(*parked).values(state=RunState.FAILED, attempts=0, due_at=clock.now()))
    audit.record(session, actor, "study.unparked", study.id, patient_id=study.patient_id)
    jobs.enqueue(session, Job.PROCESS_STUDY, study_id=study.id)
    return int(done.rowcount)


async def run_again(session: AsyncSession, actor: Actor, study_id: UUID) -> None:
    """Every step of the present version once more; what is readable stays readable meanwhile."""
    study = await _to_mend(session, actor, study_id)
    if study.state not in LOOKED_AT:
        raise NotPossible(state=study.state)
    idle = (col(StepRun.study_id) == study.id, col(StepRun.state) != RunState.RUNNING)
    await session.exec(delete(StepRun).where(*idle))
    audit.record(session, actor, "study.run_again", study.id, patient_id=study.patient_id)
    jobs.enqueue(session, Job.PROCESS_STUDY, study_id=study.id)


async def _to_mend(session: AsyncSession, actor: Actor, study_id: UUID) -> Study:
    study = await fetch(session, Study, study_id, lock=True)
    for action in (Action.RESOLVE_IDENTITY, Action.SEE_OPERATIONS):  # a case of the operator, as `overview.may_open` says
        access.ensure(actor, action, scope_of(study), hidden=True)
    return study


# people's decisions -----------------------------------------------------------------------------------------------


async def settle(session: AsyncSession, study_id: UUID) -> None:
    """The sender says that this was all: look at once."""
    study = await fetch(session, Study, study_id, lock=True)
    if study.state == StudyState.RECEIVING:
        _move(study, StudyEvent.SETTLED)
    study.settled_version = study.version
    session.add(study)
    jobs.enqueue(session, Job.PROCESS_STUDY, study_id=study.id)


async def propose_identity(session: AsyncSession, actor: Actor, study_id: UUID, decision: Decision, note: str) -> Study:
    """What the technician thinks; the doctor decides."""
    study = await _held(session, study_id)
    access.ensure(actor, Action.PROPOSE_IDENTITY, scope_of(study), hidden=True)
    study.identity = study.identity | {"proposal": {"decision": decision.value, "by": actor.name, "note": note}}
    session.add(study)
    audit.record(session, actor, "study.identity_proposed", study.id, patient_id=study.patient_id, decision=decision.value)
    return study


async def resolve_identity(session: AsyncSession, actor: Actor, study_id: UUID, decision: Decision, note: str) -> Study:
    """A held study belongs here after all, or it does not. The decision carries a name, a time and a reason."""
    study = await _held(session, study_id)
    access.ensure(actor, Action.RESOLVE_IDENTITY, scope_of(study), hidden=True)
    if study.held_because == HeldBecause.UNFILED and decision == Decision.ACCEPT:
        raise NotHeld("it has no patient yet: file it first")
    if not note.strip():
        raise ReasonMissing()
    decided = {
        "decision": decision.value,
        "about": study.identity.get("about", ""),
        "because": study.held_because,
        "by": actor.name,
        "by_id": str(actor.account_id),
        "at": clock.now().isoformat(),
        "note": note.strip(),
    }
    study.identity = study.identity | {"decided": decided}
    _move(study, StudyEvent.ACCEPTED if decision == Decision.ACCEPT else StudyEvent.REJECTED)
    session.add(study)
    act = "study.identity_accepted" if decision == Decision.ACCEPT else "study.identity_rejected"
    audit.record(session, actor, act, study.id, patient_id=study.patient_id, because=study.held_because)
    jobs.enqueue(session, Job.PROCESS_STUDY, study_id=study.id)
    return study


async def file_under(session: AsyncSession, actor: Actor, study_id: UUID, referral_id: UUID | None, patient_id: UUID) -> Study:
    """Say whose study this is. The caller has checked the referral; the identity check comes (again) afterwards."""
    study = await fetch(session, Study, study_id, lock=True)
    scope = scope_of(study)
    if not access.may(actor, Action.PROPOSE_IDENTITY, scope):
        access.ensure(actor, Action.RESOLVE_IDENTITY, scope, hidden=True)
    if study.referral_id == referral_id and study.patient_id == patient_id:
        return study
    if study.patient_id is not None and (study.patient_id != patient_id or study.referral_id is not None):
        raise FiledElsewhere()
    study.referral_id, study.patient_id = referral_id, patient_id
    _move(study, StudyEvent.FILED)
    study.held_because, study.held_facts = None, {}
    session.add(study)
    again = (col(StepRun.study_id) == study.id, col(StepRun.study_version) == study.version, col(StepRun.step) == "identity")
    await session.exec(delete(StepRun).where(*again))
    audit.record(session, actor, "study.filed", study.id, patient_id=patient_id, purpose=referral_id or "")
    jobs.enqueue(session, Job.PROCESS_STUDY, study_id=study.id)
    jobs.enqueue(session, Job.FILE_STUDY, study_id=study.id)
    return study


async def _held(session: AsyncSession, study_id: UUID) -> Study:
    study = await fetch(session, Study, study_id, lock=True)
    if study.state != StudyState.HELD:
        raise NotHeld(state=study.state)
    return study


def _move(study: Study, event: StudyEvent) -> None:
    study.state = advance(STUDY, StudyState(study.state), event)


# how far it is -----------------------------------------------------------------------------------------------------


async def progress_of(session: AsyncSession, study: Study) -> dict[str, Any]:
    """How far the newest version is: steps done, of how many, and what stands still."""
    runs = await _runs(session, study, study.version)
    done = [step for step in STEPS if step in runs and runs[step].state == RunState.DONE]
    parked = next((step for step, run in runs.items() if run.state == RunState.PARKED), "")
    return {"done": len(done), "of": len(STEPS), "step": next((s for s in STEPS if s not in done), ""), "parked": parked}
