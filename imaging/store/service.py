"""Taking instances into the index: once each, whatever arrives twice, at the same time or with other bytes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dicom.read import InstanceHeader
from imaging.dicom.refusals import Code, Refusal, Refused
from imaging.store.models import Instance, NameWord, Quarantined, Series, Study
from telehealth.core import audit, clock, jobs
from telehealth.core.actor import Actor
from telehealth.core.ids import new_id
from telehealth.core.jobs import Job
from telehealth.core.names import fold, name_key
from telehealth.identity import access
from telehealth.identity.access import Action, Scope

Row = TypeVar("Row", bound=SQLModel)


@dataclass(frozen=True)
class Filing:
    """Where an instance goes: the clinic that sends it, and the referral and patient where they are known."""

    organisation_id: UUID
    patient_id: UUID | None = None
    referral_id: UUID | None = None
    expected_instances: int | None = None


@dataclass(frozen=True)
class StagedInstance:
    """A judged instance whose bytes are already durable under `blob_key`."""

    header: InstanceHeader
    blob_key: str
    sha256: str
    received_sha256: str
    size: int
    preamble_cleared: bool = False


class Outcome(StrEnum):
    STORED = "stored"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"


@dataclass(frozen=True)
class Ingested:
    """refusal: why it was set aside, for `quarantined` only. study_id: None where no study of ours is concerned."""

    outcome: Outcome
    sop_uid: str
    sop_class: str
    study_uid: str
    study_id: UUID | None
    instance_id: UUID | None = None
    preamble_cleared: bool = False
    refusal: Refusal | None = None


async def ingest(session: AsyncSession, actor: Actor, staged: StagedInstance, filing: Filing) -> Ingested:
    """Index one instance. The same bytes again change nothing; other bytes under a known UID are set aside.

    Raises Forbidden, and Refused where the study is another clinic's or another patient's: nothing of it is touched.
    """
    access.ensure(actor, Action.UPLOAD_IMAGES, Scope(units=frozenset({filing.organisation_id})))
    header = staged.header
    if known := await _instance(session, header.sop_uid):
        return await _again(session, actor, staged, filing, known)
    study, is_new = await _study(session, header, filing)
    _same_owner(actor, study, filing, header)
    if not is_new and study.dicom_patient_id != header.patient_id:
        return await _set_aside(session, actor, staged, filing, Code.PATIENT_CONFLICT)
    series = await _series(session, header, study)
    if series.study_id != study.id:
        return await _set_aside(session, actor, staged, filing, Code.SERIES_CONFLICT)
    instance_id = await _insert(session, Instance, _instance_values(staged, study, series), "sop_uid")
    if instance_id is None:  # another request was first; it has committed, or we would still wait
        known = await _instance(session, header.sop_uid)
        assert known is not None
        return await _again(session, actor, staged, filing, known)
    await _count(session, study, series, staged, filing)
    audit.record(
        session,
        actor,
        "study.stored",
        study.id,
        patient_id=study.patient_id,
        purpose=study.referral_id or "",
        sop_uid=header.sop_uid,
        sha256=staged.sha256,
        preamble_cleared=staged.preamble_cleared,
    )
    announce(session, study)
    return _answer(Outcome.STORED, staged, study.id, instance_id)


def announce(session: AsyncSession, study: Study) -> None:
    """Wake the pipeline, and the referrals to find its home, for a study's first instance.

    The rest needs no message each: the sender's "that was all" tells, or the sweep sees that nothing comes any more.
    """
    if study.instance_count == 1:
        jobs.enqueue(session, Job.PROCESS_STUDY, study_id=study.id)
        jobs.enqueue(session, Job.FILE_STUDY, study_id=study.id)


async def _again(session: AsyncSession, actor: Actor, staged: StagedInstance, filing: Filing, known: Instance) -> Ingested:
    """An instance that we hold: the same bytes (as sent or as stored), or other ones."""
    if not {staged.sha256, staged.received_sha256} & {known.sha256, known.received_sha256}:
        return await _set_aside(session, actor, staged, filing, Code.CONFLICT)
    study = await session.get(Study, known.study_id)
    assert study is not None
    _same_owner(actor, study, filing, staged.header)
    if study.referral_id is None and filing.referral_id is not None:
        await _file(session, study, filing)
    return _answer(Outcome.DUPLICATE, staged, known.study_id, known.id)


def _same_owner(actor: Actor, study: Study, filing: Filing, header: InstanceHeader) -> None:
    foreign = study.organisation_id != filing.organisation_id and not actor.is_system
    other_patient = filing.patient_id is not None and study.patient_id is not None and filing.patient_id != study.patient_id
    if foreign or other_patient:
        raise Refused(Code.FILED_ELSEWHERE, sop_class=header.sop_class, sop_uid=header.sop_uid)


async def _set_aside(session: AsyncSession, actor: Actor, staged: StagedInstance, filing: Filing, code: Code) -> Ingested:
    """Keep the bytes as evidence, out of every list; the first instance stays as it is."""
    values = {
        "sop_uid": staged.header.sop_uid,
        "sha256": staged.sha256,
        "blob_key": staged.blob_key,
        "size": staged.size,
        "organisation_id": filing.organisation_id,
        "reason": code.value,
        "received_at": clock.now(),
    }
    if await _insert(session, Quarantined, values, "sop_uid", "sha256"):
        audit.record(session, actor, "instance.quarantined", staged.header.sop_uid, reason=code.value, sha256=staged.sha256)
    refusal = Refusal(code, sop_class=staged.header.sop_class, sop_uid=staged.header.sop_uid)
    return _answer(Outcome.QUARANTINED, staged, None, None, refusal)


def _answer(
    outcome: Outcome, staged: StagedInstance, study_id: UUID | None, instance_id: UUID | None, refusal: Refusal | None = None
) -> Ingested:
    header = staged.header
    return Ingested(
        outcome, header.sop_uid, header.sop_class, header.study_uid, study_id, instance_id, staged.preamble_cleared, refusal
    )


async def _instance(session: AsyncSession, sop_uid: str) -> Instance | None:
    return (await session.exec(select(Instance).where(Instance.sop_uid == sop_uid))).first()


async def _insert(session: AsyncSession, model: type[SQLModel], values: dict[str, Any], *unique: str) -> UUID | None:
    """INSERT … ON CONFLICT DO NOTHING on either database: the new row's id, or None where another was first."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    row_id = new_id()
    defaults = model(id=row_id, **values).model_dump()
    statement = dialect.insert(model).values(**defaults).on_conflict_do_nothing(index_elements=list(unique))
    inserted = await session.exec(statement.returning(model.id))  # type: ignore[attr-defined]
    return row_id if inserted.first() else None


async def _study(session: AsyncSession, header: InstanceHeader, filing: Filing) -> tuple[Study, bool]:
    """The study's row, locked, and whether it is new. One study's instances are indexed one after the other."""
    values = {
        "uid": header.study_uid,
        "organisation_id": filing.organisation_id,
        "patient_id": filing.patient_id,
        "referral_id": filing.referral_id,
        "expected_instances": filing.expected_instances,
        "dicom_patient_name": header.patient_name,
        "name_fold": fold(header.patient_name),
        "name_key": name_key(header.patient_name),
        "dicom_patient_id": header.patient_id,
        "dicom_birth_date": header.birth_date,
        "dicom_sex": header.sex,
        "accession_number": header.accession_number,
        "study_date": header.study_date,
        "study_time": header.study_time,
        "description": header.study_description,
        "study_id": header.study_id,
        "referring_physician": header.referring_physician,
    }
    created = await _insert(session, Study, values, "uid")
    if created:
        session.add_all(NameWord(word=word, study_id=created) for word in set(fold(header.patient_name).split()))
    found = select(Study).where(Study.uid == header.study_uid).with_for_update().execution_options(populate_existing=True)
    return (await session.exec(found)).one(), created is not None


async def _series(session: AsyncSession, header: InstanceHeader, study: Study) -> Series:
    values = {
        "uid": header.series_uid,
        "study_id": study.id,
        "modality": header.modality,
        "number": header.series_number,
        "description": header.series_description,
        "body_part": header.body_part,
        "laterality": header.laterality,
        "series_date": header.series_date,
        "series_time": header.series_time,
    }
    await _insert(session, Series, values, "uid")
    found = select(Series).where(Series.uid == header.series_uid).execution_options(populate_existing=True)
    return (await session.exec(found)).one()


def _instance_values(staged: StagedInstance, study: Study, series: Series) -> dict[str, Any]:
    header = staged.header
    return {
        "sop_uid": header.sop_uid,
        "study_id": study.id,
        "series_id": series.id,
        "sop_class": header.sop_class,
        "transfer_syntax": header.transfer_syntax,
        "number": header.number,
        "rows": header.rows,
        "columns": header.columns,
        "frames": header.frames,
        "bits_allocated": header.bits_allocated,
        "sha256": staged.sha256,
        "received_sha256": staged.received_sha256,
        "size": staged.size,
        "blob_key": staged.blob_key,
        "pixel_offset": header.pixel_offset,
        "pixel_length": header.pixel_length,
        "metadata_json": header.metadata_json,
        "preamble_cleared": staged.preamble_cleared,
    }


async def _count(session: AsyncSession, study: Study, series: Series, staged: StagedInstance, filing: Filing) -> None:
    """The study's row is locked, so adding one is safe."""
    series.instance_count += 1
    series.version += 1
    if series.instance_count == 1:
        study.series_count += 1
    study.instance_count += 1
    study.bytes += staged.size
    study.version += 1
    study.last_instance_at = clock.now()
    modalities = {*study.modalities.split("\\"), staged.header.modality} - {""}
    study.modalities = "\\".join(sorted(modalities))
    session.add(series)
    session.add(study)
    await _file(session, study, filing)


async def _file(session: AsyncSession, study: Study, filing: Filing) -> None:
    """An unfiled study gets the referral and patient that a later arrival names."""
    if study.referral_id is None and filing.referral_id is not None:
        study.referral_id = filing.referral_id
        study.patient_id = study.patient_id or filing.patient_id
        study.version += 1
        jobs.enqueue(session, Job.PROCESS_STUDY, study_id=study.id)
    if filing.expected_instances is not None:
        study.expected_instances = filing.expected_instances
    session.add(study)
    await session.flush()
