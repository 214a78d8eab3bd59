"""The whole pipeline on one page: the steps in their order, each files and facts in, a result out.

A step reads rows in one short transaction, works outside any, and gives back what to write: `Outcome` for the study
and `keep` for rows of its own. It may run twice; writing happens once (`service.record`).
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dicom import sandbox
from imaging.dicom.burned_in import BurnedIn, judge, worst
from imaging.dicom.errors import Undecodable
from imaging.pipeline.completeness import findings, placed
from imaging.pipeline.identity_check import check, person_in_file
from imaging.pipeline.models import RunState, StepRun
from imaging.pipeline.priors import Compared
from imaging.pipeline.priors import priors as ranked
from imaging.pipeline.routing import subspecialty
from imaging.pipeline.service import Claim, Decision, Outcome
from imaging.store.lifecycle import HeldBecause, StudyState
from imaging.store.models import Instance, Series, Study
from telehealth.core.blobs import Blobs, put_bytes
from telehealth.core.db import fetch, reading_engine
from telehealth.patients.matching import PersonFacts, Verdict
from telehealth.patients.models import Patient, PatientIdentifier

Keep = Callable[[AsyncSession, Study], Awaitable[None]]
OVERLAP = timedelta(minutes=10)
"""How far before an earlier look an instance may carry its time and yet be new to us: longer than any transaction."""


THUMBNAIL_PIXELS = 256


@dataclass(frozen=True)
class Result:
    outcome: Outcome
    keep: Keep | None = None


@dataclass(frozen=True)
class Bench:
    """What a step works with."""

    engine: AsyncEngine
    blobs: Blobs

    def reading(self) -> AsyncSession:
        return AsyncSession(reading_engine(self.engine), expire_on_commit=False)


async def validate(bench: Bench, claim: Claim) -> Result:
    """Can every picture be unpacked? What cannot is marked, the rest goes on; nothing at all holds the study."""
    async with bench.reading() as session:
        study = await fetch(session, Study, claim.study_id)
        new = await _not_yet_checked(session, study)
        decided = study.identity.get("decided", {})
    broken: dict[UUID, str] = {}
    for instance_id, key, frames in new:
        try:
            await _unpack(await bench.blobs.local(key), frames)
        except Undecodable as error:
            broken[instance_id] = error.detail or error.code
    async with bench.reading() as session:
        pictures, already = await _pictures(session, claim.study_id, {instance_id for instance_id, _, _ in new})
    lost = len(broken) + already
    facts = {"checked": len(new), "undecodable": lost, "pictures": pictures}

    async def keep(session: AsyncSession, study: Study) -> None:
        for instance_id, why in broken.items():
            await session.exec(update(Instance).where(col(Instance.id) == instance_id).values(undecodable=why))
        note(study, "validate", [{"code": "undecodable", "count": lost}] if lost else [])

    accepted = decided.get("decision") == Decision.ACCEPT and decided.get("because") == HeldBecause.UNREADABLE
    held = HeldBecause.UNREADABLE if pictures and lost == pictures and not accepted else None
    return Result(Outcome(facts, held, {"undecodable": lost} if held else None), keep)


async def _unpack(path: Path, frames: int) -> None:
    """First, middle and last frame, in a process that may die of it. Raises Undecodable."""
    for frame in sorted({1, (frames + 1) // 2, frames}):
        await asyncio.to_thread(sandbox.check, path, frame)


async def _not_yet_checked(session: AsyncSession, study: Study) -> list[tuple[UUID, str, int]]:
    """(id, blob key, frames) of instances with pixels that no earlier version's check has seen."""
    earlier = select(func.max(StepRun.started_at)).where(
        StepRun.study_id == study.id,
        StepRun.step == "validate",
        StepRun.state == RunState.DONE,
        StepRun.study_version < study.version,
    )
    since = (await session.exec(earlier)).one()
    instances = select(Instance.id, Instance.blob_key, Instance.frames).where(Instance.study_id == study.id, Instance.frames > 0)
    if since is not None:
        instances = instances.where(col(Instance.received_at) > since - OVERLAP)
    return [(row[0], row[1], row[2]) for row in await session.exec(instances.order_by(col(Instance.received_at)))]


async def _pictures(session: AsyncSession, study_id: UUID, fresh: set[UUID]) -> tuple[int, int]:
    """How many instances have pixels, and how many of those that were checked earlier cannot be unpacked."""
    rows = select(Instance.id, Instance.undecodable).where(Instance.study_id == study_id, Instance.frames > 0)
    found = list(await session.exec(rows))
    return len(found), sum(1 for instance_id, why in found if why and instance_id not in fresh)


async def identity(bench: Bench, claim: Claim) -> Result:
    """Is the patient in the file the patient of the question? If not, a person decides before anybody reads."""
    async with bench.reading() as session:
        study = await fetch(session, Study, claim.study_id)
        if study.patient_id is None:
            return Result(Outcome({"verdict": "unfiled"}, HeldBecause.UNFILED, {}))
        ours = await _person_filed(session, study.patient_id)
    theirs = person_in_file(study.dicom_patient_name, study.dicom_patient_id, study.dicom_birth_date, study.dicom_sex)
    found = check(ours, theirs)
    decided = study.identity.get("decided", {})
    accepted = decided.get("decision") == Decision.ACCEPT and decided.get("about") == found["about"]

    async def keep(_session: AsyncSession, study: Study) -> None:
        study.identity = {name: study.identity[name] for name in ("decided", "proposal") if name in study.identity} | found
        doubt = (
            [] if found["verdict"] == Verdict.MATCH else [{"code": f"identity_{found['verdict']}", "reasons": found["reasons"]}]
        )
        note(study, "identity", doubt)

    mismatch = found["verdict"] == Verdict.MISMATCH and not accepted
    return Result(Outcome(found, HeldBecause.MISMATCH if mismatch else None, {"reasons": found["reasons"]}), keep)


async def _person_filed(session: AsyncSession, patient_id: UUID) -> PersonFacts:
    patient = await fetch(session, Patient, patient_id)
    numbers = await session.exec(select(PatientIdentifier).where(PatientIdentifier.patient_id == patient_id))
    return PersonFacts(
        name=patient.full_name,
        birth_date=patient.birth_date,
        birth_year_only=patient.birth_year_only,
        sex=patient.sex,
        identifiers=frozenset((number.system, number.value) for number in numbers),
    )


async def representations(bench: Bench, claim: Claim) -> Result:
    """A small picture for each series: its middle image's middle frame. The larger ones are made later, after `ready`."""
    async with bench.reading() as session:
        rows = select(Instance).where(Instance.study_id == claim.study_id, Instance.frames > 0, Instance.undecodable == "")
        by_series: dict[UUID, list[Instance]] = {}
        for instance in await session.exec(rows.order_by(col(Instance.number), col(Instance.sop_uid))):
            by_series.setdefault(instance.series_id, []).append(instance)
    keys: dict[UUID, str] = {}
    for series_id, members in by_series.items():
        middle = members[len(members) // 2]
        try:
            jpeg = await sandbox.thumbnail(await bench.blobs.local(middle.blob_key), middle.frames // 2 + 1, THUMBNAIL_PIXELS)
        except Undecodable:
            continue
        keys[series_id], _ = await put_bytes(bench.blobs, "thumbnail", jpeg)

    async def keep(session: AsyncSession, _study: Study) -> None:
        for series_id, key in keys.items():
            await session.exec(update(Series).where(col(Series.id) == series_id).values(thumbnail_key=key))

    return Result(Outcome({"made": len(keys), "series": len(by_series)}), keep)


async def completeness(bench: Bench, claim: Claim) -> Result:
    """Announced against received, gaps between slices, mixed directions: said, never a reason to stop."""
    async with bench.reading() as session:
        study = await fetch(session, Study, claim.study_id)
        rows = select(Series.uid, Instance.metadata_json).join(Series, col(Instance.series_id) == Series.id)
        found = await session.exec(rows.where(Instance.study_id == study.id, Instance.frames > 0))
        images = [placed(series_uid, metadata) for series_uid, metadata in found]
    noticed = findings(images, study.expected_instances, study.instance_count)

    async def keep(_session: AsyncSession, study: Study) -> None:
        note(study, "completeness", noticed)

    return Result(Outcome({"findings": len(noticed)}), keep)


async def burned_in(bench: Bench, claim: Claim) -> Result:
    """Which pictures may hold text about the patient: nobody may share those without a look."""
    async with bench.reading() as session:
        rows = select(Instance.metadata_json).where(Instance.study_id == claim.study_id)
        found = [judge(json.loads(metadata or "{}")) for metadata in await session.exec(rows)]
    verdict = worst(found)

    async def keep(_session: AsyncSession, study: Study) -> None:
        study.burned_in = verdict

    return Result(Outcome({"verdict": verdict, "suspects": sum(one is not BurnedIn.NO for one in found)}), keep)


async def priors(bench: Bench, claim: Claim) -> Result:
    """Earlier studies of the same patient, for comparison."""
    async with bench.reading() as session:
        study = await fetch(session, Study, claim.study_id)
        rows = select(Study).where(
            Study.patient_id == study.patient_id, Study.state == StudyState.AVAILABLE, Study.id != study.id
        )
        others = list(await session.exec(rows.limit(500)))
        parts: dict[UUID, set[str]] = {}
        in_parts = col(Series.study_id).in_([study.id, *(one.id for one in others)])
        for study_id, part in await session.exec(select(Series.study_id, Series.body_part).where(in_parts)):
            parts.setdefault(study_id, set()).add(part.upper())
    earlier = ranked(_compared(study, parts), [_compared(one, parts) for one in others])

    async def keep(_session: AsyncSession, study: Study) -> None:
        study.prior_ids = [str(one) for one in earlier]

    return Result(Outcome({"priors": len(earlier)}), keep)


def _compared(study: Study, parts: dict[UUID, set[str]]) -> Compared:
    machines = frozenset(study.modalities.split("\\")) - {""}
    return Compared(study.id, study.study_date, machines, frozenset(parts.get(study.id, ())) - {""})


async def routing(bench: Bench, claim: Claim) -> Result:
    """Whose eyes it wants. How urgent it is its question says, which referrals write on the study."""
    async with bench.reading() as session:
        study = await fetch(session, Study, claim.study_id)
        rows = select(Series.body_part, Series.description).where(Series.study_id == study.id)
        texts = [study.description, *(text for row in await session.exec(rows) for text in row)]
    wanted = subspecialty(frozenset(study.modalities.split("\\")) - {""}, texts)

    async def keep(_session: AsyncSession, study: Study) -> None:
        study.subspecialty = wanted

    return Result(Outcome({"subspecialty": wanted}), keep)


async def ready(_bench: Bench, _claim: Claim) -> Result:
    """Nothing left to do: `service.record` makes it readable, once."""
    return Result(Outcome({}))


def note(study: Study, step: str, noticed: list[dict[str, Any]]) -> None:
    """Replace what this step said of the study before."""
    others = [finding for finding in study.findings if finding.get("step") != step]
    study.findings = others + [{"step": step, **finding} for finding in noticed]


STEPS: dict[str, Callable[[Bench, Claim], Awaitable[Result]]] = {
    "validate": validate,
    "identity": identity,
    "completeness": completeness,
    "representations": representations,
    "burned_in": burned_in,
    "priors": priors,
    "routing": routing,
    "ready": ready,
}
