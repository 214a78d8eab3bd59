"""Uploads: begun for a referral, one answer a file, finished once. Every file ends in `store.receive`."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, func, or_, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.intake.errors import TooManyFiles, UploadFinished
from imaging.intake.models import FileVerdict, Parcel, ParcelState, Upload, UploadFile, UploadState
from imaging.pipeline import service as pipeline
from imaging.store.models import Study
from imaging.store.service import Filing
from telehealth.core import audit, clock, jobs
from telehealth.core.actor import Actor
from telehealth.core.db import fetch
from telehealth.core.errors import Forbidden, Invalid
from telehealth.core.jobs import Job
from telehealth.core.settings import settings
from telehealth.identity import access
from telehealth.identity.access import Action, Scope

UNPACK_LEASE = timedelta(seconds=60)
MOST_UNPACKINGS = 5
FORGOTTEN = timedelta(hours=24)
"""An open upload without a file for so long is finished by the sweep."""


async def begin(session: AsyncSession, actor: Actor, filing: Filing, expected_files: int | None = None) -> Upload:
    """Open an upload. The caller has checked referral and patient of the filing."""
    access.ensure(actor, Action.UPLOAD_IMAGES, Scope(units=frozenset({filing.organisation_id})))
    if expected_files is not None and expected_files > settings().limits.upload_files:
        raise TooManyFiles(limit=settings().limits.upload_files)
    assert actor.account_id is not None
    upload = Upload(
        account_id=actor.account_id,
        organisation_id=filing.organisation_id,
        referral_id=filing.referral_id,
        patient_id=filing.patient_id,
        expected_files=expected_files,
    )
    session.add(upload)
    await session.flush()
    audit.record(session, actor, "upload.begun", upload.id, patient_id=upload.patient_id, purpose=upload.referral_id or "")
    return upload


def unit_of(actor: Actor, wanted: UUID | None) -> UUID:
    """The unit for which a person uploads without a question. Raises Forbidden, Invalid where it must be said."""
    units = access.units_for(actor, Action.UPLOAD_IMAGES)
    if not units or (wanted is not None and wanted not in units):
        raise Forbidden()
    homes = units & actor.homes
    if wanted is None and len(homes) != 1:
        raise Invalid("organisation_id is needed: this person works in several units")
    return wanted or next(iter(homes))


async def opened(session: AsyncSession, actor: Actor, upload_id: UUID | str) -> Upload:
    """An upload of the actor's own unit that still takes files."""
    upload = await see(session, actor, upload_id)
    if upload.state != UploadState.OPEN:
        raise UploadFinished()
    count = select(func.count()).select_from(UploadFile).where(UploadFile.upload_id == upload.id)
    if (await session.exec(count)).one() >= settings().limits.upload_files:
        raise TooManyFiles(limit=settings().limits.upload_files)
    return upload


async def see(session: AsyncSession, actor: Actor, upload_id: UUID | str) -> Upload:
    """Raises NotFound to strangers."""
    upload = await fetch(session, Upload, upload_id)
    scope = Scope(units=frozenset({upload.organisation_id}), accounts=frozenset({upload.account_id}))
    access.ensure(actor, Action.UPLOAD_IMAGES, scope, hidden=True)
    return upload


def filing_of(upload: Upload, expected: int | None = None) -> Filing:
    return Filing(upload.organisation_id, upload.patient_id, upload.referral_id, expected)


async def answer(session: AsyncSession, upload: Upload, file: UploadFile) -> UploadFile:
    """Write a file's answer. The same name and bytes again (a lost answer, an unpacking begun anew): the first answer."""
    try:
        async with session.begin_nested():
            session.add(file)
            await session.flush()
    except IntegrityError:
        same = select(UploadFile).where(
            UploadFile.upload_id == file.upload_id, UploadFile.name == file.name, UploadFile.sha256 == file.sha256
        )
        return (await session.exec(same)).one()
    if file.study_id is not None:
        mine = (col(Study.id) == file.study_id, col(Study.sent_by_id).is_(None))
        await session.exec(update(Study).where(*mine).values(sent_by_id=upload.account_id))
    if file.verdict == FileVerdict.WAITING:
        jobs.enqueue(session, Job.UNPACK_UPLOAD, file_id=file.id)
    return file


async def finish(session: AsyncSession, actor: Actor, upload_id: UUID | str) -> Upload:
    """That was all: look at its studies now. Finishing twice is fine."""
    upload = await see(session, actor, upload_id)
    if upload.state == UploadState.OPEN:
        upload.state, upload.finished_at = UploadState.FINISHED, clock.now()
        session.add(upload)
        audit.record(session, actor, "upload.finished", upload.id, patient_id=upload.patient_id, purpose=upload.referral_id or "")
    await _settle_if_whole(session, upload)
    return upload


async def _settle_if_whole(session: AsyncSession, upload: Upload) -> None:
    waiting = select(UploadFile.id).where(UploadFile.upload_id == upload.id, UploadFile.verdict == FileVerdict.WAITING)
    if upload.state != UploadState.FINISHED or (await session.exec(waiting.limit(1))).first():
        return
    for study in await studies_of(session, upload):
        await pipeline.settle(session, study.id)


async def studies_of(session: AsyncSession, upload: Upload) -> Sequence[Study]:
    """The studies that its files belong to."""
    ids = select(UploadFile.study_id).where(UploadFile.upload_id == upload.id).distinct()
    return (await session.exec(select(Study).where(col(Study.id).in_(ids)).order_by(col(Study.received_at)))).all()


async def counts(session: AsyncSession, upload: Upload) -> dict[str, int]:
    """How many files got which answer."""
    rows = select(UploadFile.verdict, func.count()).where(UploadFile.upload_id == upload.id).group_by(col(UploadFile.verdict))
    found = dict((await session.exec(rows)).all())
    return {verdict.value: found.get(verdict, 0) for verdict in FileVerdict}


async def files_of(session: AsyncSession, upload: Upload, limit: int = 1000) -> Sequence[UploadFile]:
    """Answers, newest first."""
    rows = select(UploadFile).where(UploadFile.upload_id == upload.id).order_by(col(UploadFile.at).desc())
    return (await session.exec(rows.limit(limit))).all()


async def of_referral(session: AsyncSession, referral_id: UUID) -> Sequence[Upload]:
    """Newest first. The caller has checked the referral."""
    rows = select(Upload).where(Upload.referral_id == referral_id).order_by(col(Upload.created_at).desc())
    return (await session.exec(rows.limit(20))).all()


async def truth(session: AsyncSession, upload: Upload) -> dict[str, Any]:
    """Where an upload stands: counts, and for each study what was done and what waits."""
    studies = []
    for study in await studies_of(session, upload):
        studies.append(await study_truth(session, study))
    return {"counts": await counts(session, upload), "studies": studies}


async def study_truth(session: AsyncSession, study: Study) -> dict[str, Any]:
    return {
        "id": study.id,
        "uid": study.uid,
        "state": study.state,
        "held_because": study.held_because,
        "description": study.description,
        "modalities": study.modalities,
        "received": study.instance_count,
        "expected": study.expected_instances,
        "findings": study.findings,
        "progress": await pipeline.progress_of(session, study),
    }


# unpacking -----------------------------------------------------------------------------------------------------------


async def claim_unpacking(session: AsyncSession, file_id: UUID) -> tuple[Upload, UploadFile] | None:
    """Take a waiting zip for this worker; None if it is done or somebody else is at it."""
    now = clock.now()
    free = (
        col(UploadFile.id) == file_id,
        col(UploadFile.verdict) == FileVerdict.WAITING,
        or_(col(UploadFile.lease_until).is_(None), col(UploadFile.lease_until) <= now),
    )
    values = {"lease_until": now + UNPACK_LEASE, "attempts": UploadFile.attempts + 1}
    if not (await session.exec(update(UploadFile).where(*free).values(**values))).rowcount:
        return None
    file = await fetch(session, UploadFile, file_id)
    return await fetch(session, Upload, file.upload_id), file


async def renew_unpacking(session: AsyncSession, file_id: UUID) -> None:
    await session.exec(update(UploadFile).where(col(UploadFile.id) == file_id).values(lease_until=clock.now() + UNPACK_LEASE))


async def unpacked(session: AsyncSession, file_id: UUID, verdict: FileVerdict, reason: str, facts: dict[str, Any]) -> None:
    """The zip's own answer; its members have theirs. Then the studies may be looked at."""
    file = await fetch(session, UploadFile, file_id, lock=True)
    file.verdict, file.reason, file.facts, file.lease_until, file.at = verdict, reason, facts, None, clock.now()
    session.add(file)
    await session.flush()
    await _settle_if_whole(session, await fetch(session, Upload, file.upload_id))


async def due_unpackings(session: AsyncSession) -> list[UUID]:
    """Zips that nobody is at."""
    free = or_(col(UploadFile.lease_until).is_(None), col(UploadFile.lease_until) <= clock.now())
    rows = select(UploadFile.id).where(UploadFile.verdict == FileVerdict.WAITING, free).order_by(col(UploadFile.at))
    return list((await session.exec(rows.limit(50))).all())


async def forgotten(session: AsyncSession) -> list[UUID]:
    """Open uploads that nobody goes on with."""
    late = clock.now() - FORGOTTEN
    newest = select(UploadFile.id).where(UploadFile.upload_id == Upload.id, col(UploadFile.at) > late).exists()
    awaited = select(Parcel.id).where(Parcel.upload_id == Upload.id, Parcel.state == ParcelState.OPEN).exists()
    rows = select(Upload.id).where(Upload.state == UploadState.OPEN, col(Upload.created_at) < late, ~newest, ~awaited)
    return list((await session.exec(rows.limit(50))).all())
