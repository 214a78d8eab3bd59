"""Ask first: a sender names what it has by digest and learns what is here, what is partly here and what is wanted.

What was announced for a question (or, without one, for a unit) is remembered across uploads, computers and days: from
it come the truthful "142 of 200" and the places where half-sent files go on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, case, cast
from sqlalchemy import select as sql_select
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dicom.refusals import Code
from imaging.intake import service
from imaging.intake.bounds import ensure_room, ensure_size, expiry
from imaging.intake.files import shown
from imaging.intake.models import FileVerdict, Parcel, ParcelState, Upload, UploadFile
from imaging.pipeline import service as pipeline
from imaging.store.models import Instance, Study
from telehealth.core import jobs
from telehealth.core.jobs import Job

HERE = (FileVerdict.STORED, FileVerdict.DUPLICATE)
NOT_TAKEN = (FileVerdict.REFUSED, FileVerdict.QUARANTINED)
NOT_SETTLED = ("not_for_you", Code.FILED_ELSEWHERE.value)
"""Refusals that may be different tomorrow: asked again."""


Known = tuple[Parcel, UploadFile | None]
"""An announced file and its answer, where it has one."""
Stored = dict[str, tuple[Instance, Study]]
"""By SOP UID."""


@dataclass(frozen=True)
class Announced:
    """One file as its sender describes it. length: bytes on the wire, packed by `encoding`."""

    name: str
    sha256: str
    size: int
    length: int
    encoding: str = ""
    study_uid: str = ""
    series_uid: str = ""
    sop_uid: str = ""
    hints: dict[str, Any] = field(default_factory=dict)


async def announce(session: AsyncSession, upload: Upload, files: Sequence[Announced]) -> list[Known]:
    """A parcel for every file, in their order, with its answer where it has one. Announcing again changes nothing.

    Raises TooLarge, TooMuchWaiting.
    """
    for file in files:
        ensure_size(file.length, file.size)
    before = await _announced_before(session, upload, {file.sha256 for file in files})
    stored = await _stored(session, upload, [file.sop_uid for file in files if file.sop_uid])
    found: list[Known] = []
    for file in files:
        earlier = before.setdefault(file.sha256, [])
        known = _settled(earlier, stored) or await _here(session, upload, file, stored)
        if known is None:
            parcel = _open(earlier, file) or _parcel(upload, file)
            parcel.upload_id = upload.id  # whoever goes on with it, from whatever computer
            known = parcel, None
            earlier.append(known)
        session.add(known[0])
        found.append(known)
    await session.flush()
    await ensure_room(session, upload.organisation_id)
    return found


def _parcel(upload: Upload, file: Announced, **more: Any) -> Parcel:
    return Parcel(
        upload_id=upload.id,
        name=shown(file.name),
        sha256=file.sha256,
        size=file.size,
        encoding=file.encoding,
        length=file.length,
        study_uid=file.study_uid,
        series_uid=file.series_uid,
        sop_uid=file.sop_uid,
        hints=file.hints,
        expires_at=expiry(),
        **more,
    )


async def _announced_before(session: AsyncSession, upload: Upload, digests: set[str]) -> dict[str, list[Known]]:
    rows = select(Parcel, UploadFile).join(Upload, col(Parcel.upload_id) == Upload.id)
    rows = rows.outerjoin(UploadFile, col(Parcel.file_id) == UploadFile.id)
    rows = rows.where(col(Parcel.sha256).in_(digests), same_place(upload)).order_by(col(Parcel.at))
    found: dict[str, list[Known]] = {}
    for parcel, file in await session.exec(rows):
        found.setdefault(parcel.sha256, []).append((parcel, file))
    return found


def same_place(upload: Upload) -> ColumnElement[bool]:
    """Uploads for the same question, or of the same unit where there is none."""
    return (col(Upload.organisation_id) == upload.organisation_id) & col(Upload.referral_id).is_not_distinct_from(
        upload.referral_id
    )


async def _stored(session: AsyncSession, upload: Upload, sop_uids: Sequence[str]) -> Stored:
    """Instances of this unit by SOP UID; what others hold is nobody's business here."""
    rows = select(Instance, Study).join(Study, col(Instance.study_id) == Study.id)
    rows = rows.where(col(Instance.sop_uid).in_(sop_uids), Study.organisation_id == upload.organisation_id)
    return {instance.sop_uid: (instance, study) for instance, study in await session.exec(rows)}


def _settled(before: Iterable[Known], stored: Stored) -> Known | None:
    """An earlier answer to the same bytes that still holds."""
    for parcel, answer in before:
        if answer is None or answer.reason in NOT_SETTLED:
            continue
        if answer.verdict in HERE and parcel.sop_uid and parcel.sop_uid not in stored:
            continue  # it has been removed since
        return parcel, answer
    return None


def _open(before: Iterable[Known], file: Announced) -> Parcel | None:
    """The half-sent one that has most, packed the same way."""
    same = [
        parcel
        for parcel, answer in before
        if answer is None and (parcel.encoding, parcel.length, parcel.size) == (file.encoding, file.length, file.size)
    ]
    return max(same, key=lambda parcel: parcel.received, default=None)


async def _here(session: AsyncSession, upload: Upload, file: Announced, stored: Stored) -> Known | None:
    """The archive holds the same bytes, by whatever door they came: an answer without a byte sent."""
    instance, study = stored.get(file.sop_uid, (None, None))
    if instance is None or study is None or file.sha256 not in (instance.sha256, instance.received_sha256):
        return None
    row = UploadFile(
        upload_id=upload.id,
        name=shown(file.name),
        size=file.size,
        sha256=file.sha256,
        verdict=FileVerdict.DUPLICATE,
        sop_uid=instance.sop_uid,
        study_id=study.id,
    )
    if upload.patient_id is not None and study.patient_id is not None and upload.patient_id != study.patient_id:
        row.verdict, row.reason, row.study_id = FileVerdict.REFUSED, Code.FILED_ELSEWHERE.value, None
    else:
        _file_under_question(session, upload, study)
    answer = await service.answer(session, upload, row)
    return _parcel(upload, file, state=ParcelState.DONE, received=file.length, file_id=answer.id), answer


def _file_under_question(session: AsyncSession, upload: Upload, study: Study) -> None:
    """What came without a question gets the one for which it is announced now, as if it had been sent again."""
    if study.referral_id is None and upload.referral_id is not None:
        study.referral_id, study.patient_id = upload.referral_id, study.patient_id or upload.patient_id
        study.version += 1
        session.add(study)
        jobs.enqueue(session, Job.PROCESS_STUDY, study_id=study.id)


# what is here of what was announced ----------------------------------------------------------------------------------


async def announced(session: AsyncSession, upload: Upload, study_uid: str) -> int | None:
    """How many instances of a study were announced; None where nobody said."""
    if not study_uid:
        return None
    rows = select(func.count(func.distinct(Parcel.sha256))).join(Upload, col(Parcel.upload_id) == Upload.id)
    return int((await session.exec(rows.where(Parcel.study_uid == study_uid, same_place(upload)))).one()) or None


async def look_if_whole(session: AsyncSession, upload: Upload, parcel: Parcel) -> None:
    """Everything announced of a study is here: the pipeline need not wait to see whether more comes."""
    if not parcel.study_uid:
        return
    awaited = select(Parcel.id).join(Upload, col(Parcel.upload_id) == Upload.id)
    awaited = awaited.where(Parcel.study_uid == parcel.study_uid, Parcel.state == ParcelState.OPEN, same_place(upload))
    if (await session.exec(awaited.limit(1))).first() is None:
        study = (await session.exec(select(Study.id).where(Study.uid == parcel.study_uid))).first()
        if study is not None:
            await pipeline.settle(session, study)


@dataclass(frozen=True)
class SeriesTruth:
    """Files announced and files here, of one series or (without UIDs) of all that is not DICOM."""

    study_uid: str
    series_uid: str
    modality: str
    description: str
    number: int | None
    announced: int
    here: int
    refused: int
    bytes: int
    """Of the files themselves, however they were packed."""
    bytes_here: int


async def series_of(session: AsyncSession, upload: Upload) -> list[SeriesTruth]:
    """Every series announced for the same question, in the order in which they were announced first."""
    return await _truths(session, same_place(upload))


async def series_of_question(session: AsyncSession, referral_id: UUID) -> list[SeriesTruth]:
    """The same for a page that has no upload at hand. The caller has checked the question."""
    return await _truths(session, col(Upload.referral_id) == referral_id)


async def _truths(session: AsyncSession, where: ColumnElement[bool]) -> list[SeriesTruth]:
    """Counted in the database: a disc may have twenty thousand files. A digest that was announced twice counts once."""
    one, done, hints = Parcel, UploadFile, col(Parcel.hints)
    share = case((col(one.length) > 0, col(one.size) * col(one.received) / col(one.length)), else_=0)
    files = (
        sql_select(
            col(one.study_uid),
            col(one.series_uid),
            func.min(one.at).label("at"),
            func.max(hints["modality"].as_string()).label("modality"),
            func.max(hints["description"].as_string()).label("description"),
            func.max(hints["series_number"].as_integer()).label("number"),
            func.max(one.size).label("size"),
            func.max(case((col(done.verdict).in_(HERE), 1), else_=0)).label("here"),
            func.max(case((col(done.verdict).in_(NOT_TAKEN), 1), else_=0)).label("refused"),
            func.max(case((col(done.verdict).in_(HERE), one.size), (col(one.file_id).is_(None), share), else_=0)).label(
                "bytes_here"
            ),
        )
        .join(Upload, col(one.upload_id) == Upload.id)
        .outerjoin(done, col(one.file_id) == done.id)
        .where(where)
        .group_by(col(one.study_uid), col(one.series_uid), case((col(one.sha256) == "", cast(one.id, String)), else_=one.sha256))
        .subquery()
    )
    series = (
        sql_select(
            files.c.study_uid,
            files.c.series_uid,
            func.coalesce(func.max(files.c.modality), ""),
            func.coalesce(func.max(files.c.description), ""),
            func.max(files.c.number),
            func.count(),
            func.sum(files.c.here),
            func.sum(files.c.refused),
            func.sum(files.c.size),
            func.sum(files.c.bytes_here),
        )
        .group_by(files.c.study_uid, files.c.series_uid)
        .order_by(func.min(files.c.at))
    )
    rows = await session.exec(series)  # type: ignore[call-overload]
    return [SeriesTruth(*row[:5], *(int(number) for number in row[5:])) for row in rows]
