"""Taking instances into the index: once each, whatever arrives twice, at the same time or with other bytes.

A group of instances is one transaction and a dozen statements, whatever doors and requests they came through.
Every process takes its locks in the same order (studies by UID, then series, instances, the audit chain), so that
two groups wait for each other and never in a circle.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, Row, Select, Table, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel

from imaging.dicom.read import InstanceHeader
from imaging.dicom.refusals import Code, Refusal
from imaging.store.models import Series, Study
from telehealth.core import audit, clock
from telehealth.core.actor import Actor
from telehealth.core.audit import AuditEntry
from telehealth.core.db import UtcDateTime
from telehealth.core.ids import new_id
from telehealth.core.jobs import Job
from telehealth.core.names import fold, name_key


@dataclass(frozen=True)
class Filing:
    """Where an instance goes: the clinic that sends it, and the referral and patient where they are known."""

    organisation_id: UUID
    patient_id: UUID | None = None
    referral_id: UUID | None = None
    expected_instances: int | None = None


@dataclass(frozen=True)
class StagedInstance:
    """A judged instance whose bytes are already durable under `blob_key`. metadata: `header.metadata_json`, packed."""

    header: InstanceHeader
    metadata: bytes
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


@dataclass(frozen=True)
class Arrival:
    """One instance, who sends it and where it shall go. The sender's right to do so was checked at the door."""

    actor: Actor
    staged: StagedInstance
    filing: Filing


Answer = Ingested | Refusal
"""A Refusal where the study is another clinic's or another patient's: nothing of it is touched."""


def take(connection: Connection, arrivals: Sequence[Arrival]) -> tuple[list[Answer], set[tuple[Job, UUID]]]:
    """Index a group, within the caller's transaction: (an answer each, jobs to send after the commit).

    The same bytes again change nothing; other bytes under a known UID are set aside.
    """
    group = _Group(connection)
    group.look_up(arrivals)
    group.open_studies(arrivals)
    group.open_series(arrivals)
    fresh = group.insert(arrivals)
    answers = [group.answer(arrival, is_new) for arrival, is_new in zip(arrivals, fresh, strict=True)]
    group.write_down()
    return answers, group.jobs


INSTANCE: Table = SQLModel.metadata.tables["instance"]
SERIES: Table = SQLModel.metadata.tables["series"]
STUDY: Table = SQLModel.metadata.tables["study"]
QUARANTINED: Table = SQLModel.metadata.tables["quarantined"]
NAME_WORD: Table = SQLModel.metadata.tables["name_word"]

_NOBODY = UUID(int=0)
_STUDY = Study(uid="", organisation_id=_NOBODY).model_dump()
_SERIES = Series(uid="", study_id=_NOBODY).model_dump()
"""What a new row holds where nothing is said; each new row is a copy."""


@dataclass
class _Study:
    """A study's row as this group sees it, and what the group adds to it."""

    id: UUID
    uid: str
    organisation_id: UUID
    patient_id: UUID | None
    referral_id: UUID | None
    dicom_patient_id: str
    modalities: str
    instance_count: int
    expected_instances: int | None
    series: int = 0
    instances: int = 0
    bytes: int = 0
    versions: int = 0


@dataclass
class _Series:
    id: UUID
    uid: str
    study_id: UUID
    instance_count: int
    instances: int = 0


_STUDY_COLUMNS = [STUDY.c[name] for name in list(_Study.__dataclass_fields__)[:9]]
_SERIES_COLUMNS = [SERIES.c[name] for name in list(_Series.__dataclass_fields__)[:4]]
_KNOWN = select(INSTANCE.c.id, INSTANCE.c.sop_uid, INSTANCE.c.study_id, INSTANCE.c.sha256, INSTANCE.c.received_sha256)
_STUDY_OF_SERIES = select(STUDY.c.uid.label("study_uid"), SERIES.c.uid.label("series_uid")).join_from(SERIES, STUDY)


@dataclass
class _Group:
    connection: Connection
    known: dict[str, Row[Any]] = field(default_factory=dict)
    """Instances that we hold, by SOP Instance UID."""
    studies: dict[str, _Study] = field(default_factory=dict)
    by_id: dict[UUID, _Study] = field(default_factory=dict)
    series: dict[str, _Series] = field(default_factory=dict)
    series_at: dict[str, str] = field(default_factory=dict)
    """The study's UID of each series that we hold or make."""
    stored: dict[tuple[UUID | None, UUID], list[Arrival]] = field(default_factory=dict)
    """By sender and study."""
    set_aside: list[dict[str, Any]] = field(default_factory=list)
    entries: list[AuditEntry] = field(default_factory=list)
    jobs: set[tuple[Job, UUID]] = field(default_factory=set)

    # before anything is written ---------------------------------------------------------------------------------------

    def look_up(self, arrivals: Sequence[Arrival]) -> None:
        """What is here of all that comes."""
        self._look_up_instances(arrival.staged.header.sop_uid for arrival in arrivals)
        new = [arrival.staged.header for arrival in arrivals if arrival.staged.header.sop_uid not in self.known]
        for row in self._rows(_STUDY_OF_SERIES, SERIES.c.uid, {one.series_uid for one in new}):
            self.series_at[row.series_uid] = row.study_uid
        uids = {one.study_uid for one in new}
        ids = {row.study_id for row in self.known.values()}
        uids.update(row.uid for row in self._rows(select(STUDY.c.uid), STUDY.c.id, ids))
        self._lock_studies(uids)

    def _look_up_instances(self, sop_uids: Iterable[str]) -> None:
        self.known |= {row.sop_uid: row for row in self._rows(_KNOWN, INSTANCE.c.sop_uid, set(sop_uids))}

    def _lock_studies(self, uids: Iterable[str]) -> None:
        """One after the other, in the order of their UIDs."""
        statement = select(*_STUDY_COLUMNS).order_by(STUDY.c.uid).with_for_update()
        for row in self._rows(statement, STUDY.c.uid, uids):
            study = _Study(**row._mapping)
            self.studies[study.uid] = self.by_id[study.id] = study

    def _rows(self, statement: Select[Any], column: Column[Any], values: Iterable[Any]) -> Sequence[Row[Any]]:
        wanted = sorted(values)
        return self.connection.execute(statement.where(column.in_(wanted))).all() if wanted else ()

    # studies and series -----------------------------------------------------------------------------------------------

    def open_studies(self, arrivals: Sequence[Arrival]) -> None:
        """A row for every study that begins here; another group may have been first."""
        beginning: dict[str, Arrival] = {}
        for arrival in arrivals:
            header = arrival.staged.header
            if header.sop_uid in self.known or header.study_uid in self.studies:
                continue
            if self.series_at.setdefault(header.series_uid, header.study_uid) == header.study_uid:
                beginning.setdefault(header.study_uid, arrival)
        if not beginning:
            return
        rows = [_study_values(one) for _, one in sorted(beginning.items())]
        created = self._insert(STUDY, rows, ("uid",), STUDY.c.id)
        words = [
            {"word": word, "study_id": row["id"]} for row in rows if row["id"] in created for word in row["name_fold"].split()
        ]
        if words:
            self._insert(NAME_WORD, words, ("word", "study_id"))
        self._lock_studies(beginning)

    def open_series(self, arrivals: Sequence[Arrival]) -> None:
        """A row for every series that begins here, in a study that takes it."""
        beginning: dict[str, dict[str, Any]] = {}
        wanted = set[str]()
        for arrival in arrivals:
            header = arrival.staged.header
            if header.sop_uid not in self.known and self._refusal(arrival) is None:
                wanted.add(header.series_uid)
                beginning.setdefault(header.series_uid, _series_values(header, self.studies[header.study_uid]))
        self._look_up_series(wanted)
        missing = sorted(wanted - self.series.keys())
        if missing:
            self._insert(SERIES, [beginning[uid] for uid in missing], ("uid",))
            self._look_up_series(missing)

    def _look_up_series(self, uids: Iterable[str]) -> None:
        for row in self._rows(select(*_SERIES_COLUMNS), SERIES.c.uid, uids):
            self.series[row.uid] = _Series(**row._mapping)

    def _refusal(self, arrival: Arrival) -> Code | None:
        """Why a new instance is not taken into its study."""
        header = arrival.staged.header
        if self.series_at.get(header.series_uid, header.study_uid) != header.study_uid:
            return Code.SERIES_CONFLICT
        study = self.studies[header.study_uid]
        if _is_foreign(arrival, study):
            return Code.FILED_ELSEWHERE
        if study.dicom_patient_id != header.patient_id:
            return Code.PATIENT_CONFLICT
        series = self.series.get(header.series_uid)
        return Code.SERIES_CONFLICT if series and series.study_id != study.id else None

    # instances --------------------------------------------------------------------------------------------------------

    def insert(self, arrivals: Sequence[Arrival]) -> list[bool]:
        """Write the new ones. For each arrival: whether it is what was written."""
        first: dict[str, Arrival] = {}
        for arrival in arrivals:
            sop_uid = arrival.staged.header.sop_uid
            if sop_uid not in self.known and self._refusal(arrival) is None:
                first.setdefault(sop_uid, arrival)
        if not first:
            return [False] * len(arrivals)
        rows = [self._instance_values(first[sop_uid].staged) for sop_uid in sorted(first)]
        written = self._insert(INSTANCE, rows, ("sop_uid",), INSTANCE.c.sop_uid)
        self._look_up_instances(first)
        return [first.get(uid := arrival.staged.header.sop_uid) is arrival and uid in written for arrival in arrivals]

    def _instance_values(self, staged: StagedInstance) -> dict[str, Any]:
        header = staged.header
        return {
            "id": new_id(),
            "sop_uid": header.sop_uid,
            "study_id": self.studies[header.study_uid].id,
            "series_id": self.series[header.series_uid].id,
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
            "frame_length": header.frame_length,
            "frame_table": header.frame_table,
            "metadata_json": staged.metadata,
            "preamble_cleared": staged.preamble_cleared,
            "undecodable": "",
            "received_at": clock.now(),
        }

    def _insert(
        self, table: Table, rows: Sequence[Mapping[str, Any]], unique: tuple[str, ...], returning: Column[Any] | None = None
    ) -> set[Any]:
        """INSERT … ON CONFLICT DO NOTHING on either database; `returning` of those rows that were written."""
        dialect = postgresql if self.connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(table).on_conflict_do_nothing(index_elements=list(unique))
        if returning is None:
            self.connection.execute(statement, rows)
            return set()
        return set(self.connection.execute(statement.returning(returning), rows).scalars())

    # answers ----------------------------------------------------------------------------------------------------------

    def answer(self, arrival: Arrival, is_new: bool) -> Answer:
        sop_uid = arrival.staged.header.sop_uid
        if is_new:
            return self._count(arrival)
        if known := self.known.get(sop_uid):
            return self._again(arrival, known)
        refusal = self._refusal(arrival)
        assert refusal is not None
        return _refused(arrival) if refusal is Code.FILED_ELSEWHERE else self._set_aside(arrival, refusal)

    def _count(self, arrival: Arrival) -> Ingested:
        header = arrival.staged.header
        study, series = self.studies[header.study_uid], self.series[header.series_uid]
        if series.instance_count + series.instances == 0:
            study.series += 1
        series.instances += 1
        study.instances += 1
        study.versions += 1
        study.bytes += arrival.staged.size
        study.modalities = "\\".join(sorted({*study.modalities.split("\\"), header.modality} - {""}))
        self._file(study, arrival.filing)
        if arrival.filing.expected_instances is not None:
            study.expected_instances = arrival.filing.expected_instances
        self.stored.setdefault((arrival.actor.account_id, study.id), []).append(arrival)
        return _answer(Outcome.STORED, arrival, study.id, self.known[header.sop_uid].id)

    def _again(self, arrival: Arrival, known: Row[Any]) -> Answer:
        """An instance that we hold: the same bytes (as sent or as stored), or other ones."""
        staged = arrival.staged
        if not {staged.sha256, staged.received_sha256} & {known.sha256, known.received_sha256}:
            return self._set_aside(arrival, Code.CONFLICT)
        if known.study_id not in self.by_id:  # it came while we waited for a lock
            self._lock_studies(row.uid for row in self._rows(select(STUDY.c.uid), STUDY.c.id, [known.study_id]))
        study = self.by_id[known.study_id]
        if _is_foreign(arrival, study):
            return _refused(arrival)
        self._file(study, arrival.filing)
        return _answer(Outcome.DUPLICATE, arrival, study.id, known.id)

    def _file(self, study: _Study, filing: Filing) -> None:
        """An unfiled study gets the referral and patient that a later arrival names."""
        if study.referral_id is None and filing.referral_id is not None:
            study.referral_id, study.patient_id = filing.referral_id, study.patient_id or filing.patient_id
            study.expected_instances = filing.expected_instances or study.expected_instances
            study.versions += 1
            self.jobs.add((Job.PROCESS_STUDY, study.id))

    def _set_aside(self, arrival: Arrival, code: Code) -> Ingested:
        """Keep the bytes as evidence, out of every list; the first instance stays as it is."""
        staged = arrival.staged
        row = {
            "id": new_id(),
            "sop_uid": staged.header.sop_uid,
            "sha256": staged.sha256,
            "blob_key": staged.blob_key,
            "size": staged.size,
            "organisation_id": arrival.filing.organisation_id,
            "reason": code.value,
            "received_at": clock.now(),
        }
        if self._insert(QUARANTINED, [row], ("sop_uid", "sha256"), QUARANTINED.c.id):
            sop_uid, digest = staged.header.sop_uid, staged.sha256
            self.entries.append(audit.entry(arrival.actor, "instance.quarantined", sop_uid, reason=code.value, sha256=digest))
        refusal = Refusal(code, sop_class=staged.header.sop_class, sop_uid=staged.header.sop_uid)
        return _answer(Outcome.QUARANTINED, arrival, None, None, refusal)

    # what the group comes to ------------------------------------------------------------------------------------------

    def write_down(self) -> None:
        """Counters once for each series and study, one audit entry for each sender and study."""
        counted = [{"key": one.id, "more": one.instances} for one in self.series.values() if one.instances]
        if counted:
            self.connection.execute(_COUNT_SERIES, counted)
        changed = [study for study in self.by_id.values() if study.versions]
        if changed:
            self.connection.execute(_COUNT_STUDY, [_study_changes(study) for study in changed])
        self.jobs.update(job for study in changed if study.instances and not study.instance_count for job in _first_look(study))
        self.entries.extend(self._stored_entry(study_id, arrivals) for (_, study_id), arrivals in self.stored.items())
        if self.entries:
            audit.append(self.connection, self.entries)

    def _stored_entry(self, study_id: UUID, arrivals: Sequence[Arrival]) -> AuditEntry:
        study = self.by_id[study_id]
        facts: dict[str, Any] = {"instances": {one.staged.header.sop_uid: one.staged.sha256 for one in arrivals}}
        if cleared := [one.staged.header.sop_uid for one in arrivals if one.staged.preamble_cleared]:
            facts["preamble_cleared"] = cleared
        return audit.entry(
            arrivals[0].actor,
            "study.stored",
            study_id,
            patient_id=study.patient_id,
            purpose=study.referral_id or "",
            **facts,
        )


_COUNT_SERIES = (
    SERIES.update()
    .where(SERIES.c.id == bindparam("key"))
    .values(instance_count=SERIES.c.instance_count + bindparam("more"), version=SERIES.c.version + bindparam("more"))
)
_COUNT_STUDY = (
    STUDY.update()
    .where(STUDY.c.id == bindparam("key"))
    .values(
        series_count=STUDY.c.series_count + bindparam("more_series"),
        instance_count=STUDY.c.instance_count + bindparam("more_instances"),
        bytes=STUDY.c.bytes + bindparam("more_bytes"),
        version=STUDY.c.version + bindparam("more_versions"),
        modalities=bindparam("all_modalities"),
        referral_id=bindparam("its_referral"),
        patient_id=bindparam("its_patient"),
        expected_instances=bindparam("expected"),
        last_instance_at=func.coalesce(bindparam("at", type_=UtcDateTime), STUDY.c.last_instance_at),
    )
)


def _study_changes(study: _Study) -> dict[str, Any]:
    return {
        "key": study.id,
        "more_series": study.series,
        "more_instances": study.instances,
        "more_bytes": study.bytes,
        "more_versions": study.versions,
        "all_modalities": study.modalities,
        "its_referral": study.referral_id,
        "its_patient": study.patient_id,
        "expected": study.expected_instances,
        "at": clock.now() if study.instances else None,
    }


def _first_look(study: _Study) -> Iterable[tuple[Job, UUID]]:
    """Wake the pipeline, and the referrals to find its home, for a study's first instances.

    The rest needs no message each: the sender's "that was all" tells, or the sweep sees that nothing comes any more.
    """
    return (Job.PROCESS_STUDY, study.id), (Job.FILE_STUDY, study.id)


def _is_foreign(arrival: Arrival, study: _Study) -> bool:
    filing = arrival.filing
    other_clinic = study.organisation_id != filing.organisation_id and not arrival.actor.is_system
    other_patient = filing.patient_id is not None and study.patient_id is not None and filing.patient_id != study.patient_id
    return other_clinic or other_patient


def _refused(arrival: Arrival) -> Refusal:
    header = arrival.staged.header
    return Refusal(Code.FILED_ELSEWHERE, sop_class=header.sop_class, sop_uid=header.sop_uid)


def _answer(
    outcome: Outcome, arrival: Arrival, study_id: UUID | None, instance_id: UUID | None, refusal: Refusal | None = None
) -> Ingested:
    header, cleared = arrival.staged.header, arrival.staged.preamble_cleared
    return Ingested(outcome, header.sop_uid, header.sop_class, header.study_uid, study_id, instance_id, cleared, refusal)


def _study_values(arrival: Arrival) -> dict[str, Any]:
    header, filing, now = arrival.staged.header, arrival.filing, clock.now()
    return _STUDY | {
        "id": new_id(),
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
        "received_at": now,
        "last_instance_at": now,
    }


def _series_values(header: InstanceHeader, study: _Study) -> dict[str, Any]:
    return _SERIES | {
        "id": new_id(),
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
