"""Taking instances into the index: once each, whatever arrives twice, at the same time or with other bytes.

A group of instances is one transaction and a dozen statements, whatever doors and requests they came through.
Every process takes its locks in the same order (studies by UID, then series, instances, the audit chain), so that
two groups wait for each other and never in a circle.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from imaging.dicom.read import InstanceHeader
from imaging.dicom.refusals import Code, Refusal
from imaging.store.models import Series, Study
from telehealth.core import audit, clock
from telehealth.core.actor import Actor
from telehealth.core.audit import Noted
from telehealth.core.ids import new_id
from telehealth.core.jobs import Job
from telehealth.core.names import fold, name_key
from telehealth.core.rows import uuid_of
from telehealth.core.writes import Statements, insert, locking


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


def take(statements: Statements, arrivals: Sequence[Arrival]) -> tuple[list[Answer], set[tuple[Job, UUID]]]:
    """Index a group, within the caller's transaction: (an answer each, jobs to send after the commit).

    The same bytes again change nothing; other bytes under a known UID are set aside.
    """
    group = _Group(statements)
    group.look_up(arrivals)
    group.open_studies(arrivals)
    group.open_series(arrivals)
    fresh = group.insert(arrivals)
    answers = [group.answer(arrival, is_new) for arrival, is_new in zip(arrivals, fresh, strict=True)]
    group.write_down()
    return answers, group.jobs


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


@dataclass(frozen=True)
class _Known:
    """An instance that we hold."""

    id: UUID
    study_id: UUID
    digests: frozenset[str]
    """Of its bytes as stored and as they were sent."""


SERIES_AND_STUDY = "SELECT series.uid, study.uid FROM series JOIN study ON study.id = series.study_id WHERE series.uid AMONG"
UIDS_OF_STUDIES = "SELECT uid FROM study WHERE id AMONG"
STUDIES = (
    "SELECT id, uid, organisation_id, patient_id, referral_id, dicom_patient_id, modalities, instance_count, expected_instances "
    "FROM study WHERE uid AMONG ORDER BY uid"
)
SERIES = "SELECT id, uid, study_id, instance_count FROM series WHERE uid AMONG"
INSTANCES = "SELECT sop_uid, id, study_id, sha256, received_sha256 FROM instance WHERE sop_uid AMONG"
COUNT_SERIES = "UPDATE series SET instance_count = instance_count + ?, version = version + ? WHERE id = ?"
COUNT_STUDY = (
    "UPDATE study SET series_count = series_count + ?, instance_count = instance_count + ?, bytes = bytes + ?, "
    "version = version + ?, modalities = ?, referral_id = ?, patient_id = ?, expected_instances = ?, "
    "last_instance_at = COALESCE(?, last_instance_at) WHERE id = ?"
)
INSTANCE_COLUMNS = (
    "id sop_uid study_id series_id sop_class transfer_syntax number rows columns frames bits_allocated sha256 received_sha256 "
    "size blob_key pixel_offset pixel_length frame_length frame_table metadata_json preamble_cleared undecodable received_at"
)
QUARANTINED_COLUMNS = "id sop_uid sha256 blob_key size organisation_id reason received_at"
NEW_STUDY = insert("study", " ".join(_STUDY), "uid")
NEW_WORD = insert("name_word", "word study_id", "word, study_id")
NEW_SERIES = insert("series", " ".join(_SERIES), "uid")
NEW_INSTANCE = insert("instance", INSTANCE_COLUMNS, "sop_uid")
NEW_QUARANTINED = insert("quarantined", QUARANTINED_COLUMNS, "sop_uid, sha256")


@dataclass
class _Group:
    statements: Statements
    known: dict[str, _Known] = field(default_factory=dict)
    """Instances that we hold, by SOP Instance UID."""
    studies: dict[str, _Study] = field(default_factory=dict)
    by_id: dict[UUID, _Study] = field(default_factory=dict)
    series: dict[str, _Series] = field(default_factory=dict)
    series_at: dict[str, str] = field(default_factory=dict)
    """The study's UID of each series that we hold or make."""
    stored: dict[tuple[UUID | None, UUID], list[Arrival]] = field(default_factory=dict)
    """By sender and study."""
    set_aside: list[dict[str, Any]] = field(default_factory=list)
    entries: list[Noted] = field(default_factory=list)
    jobs: set[tuple[Job, UUID]] = field(default_factory=set)

    # before anything is written ---------------------------------------------------------------------------------------

    def look_up(self, arrivals: Sequence[Arrival]) -> None:
        """What is here of all that comes."""
        self._look_up_instances(arrival.staged.header.sop_uid for arrival in arrivals)
        new = [arrival.staged.header for arrival in arrivals if arrival.staged.header.sop_uid not in self.known]
        self.series_at.update(self.statements.among(SERIES_AND_STUDY, {one.series_uid for one in new}))
        uids = {one.study_uid for one in new}
        uids.update(self._uids_of({one.study_id for one in self.known.values()}))
        self._lock_studies(uids)

    def _look_up_instances(self, sop_uids: Iterable[str]) -> None:
        for sop_uid, row_id, study_id, stored, received in self.statements.among(INSTANCES, set(sop_uids)):
            self.known[sop_uid] = _Known(uuid_of(row_id), uuid_of(study_id), frozenset((stored, received)))

    def _uids_of(self, study_ids: Iterable[UUID]) -> list[str]:
        return [uid for (uid,) in self.statements.among(UIDS_OF_STUDIES, study_ids)]

    def _lock_studies(self, uids: Iterable[str]) -> None:
        """One after the other, in the order of their UIDs."""
        for row_id, uid, organisation_id, patient_id, referral_id, *rest in self.statements.among(
            locking(STUDIES, self.statements), uids
        ):
            study = _Study(uuid_of(row_id), uid, uuid_of(organisation_id), _maybe(patient_id), _maybe(referral_id), *rest)
            self.studies[uid] = self.by_id[study.id] = study

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
        self.statements.write(NEW_STUDY, [list(row.values()) for row in rows])
        self._lock_studies(beginning)
        mine = [row for row in rows if row["id"] in self.by_id]
        self.statements.write(NEW_WORD, [(word, row["id"]) for row in mine for word in set(row["name_fold"].split())])

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
        if missing := sorted(wanted - self.series.keys()):
            self.statements.write(NEW_SERIES, [list(beginning[uid].values()) for uid in missing])
            self._look_up_series(missing)

    def _look_up_series(self, uids: Iterable[str]) -> None:
        for row_id, uid, study_id, count in self.statements.among(SERIES, uids):
            self.series[uid] = _Series(uuid_of(row_id), uid, uuid_of(study_id), count)

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
        rows = {sop_uid: self._instance_values(first[sop_uid].staged) for sop_uid in sorted(first)}
        self.statements.write(NEW_INSTANCE, list(rows.values()))
        self._look_up_instances(first)  # another group may have been first: then the row's id is not ours
        mine = {id(first[sop_uid]) for sop_uid, (row_id, *_) in rows.items() if self.known[sop_uid].id == row_id}
        return [id(arrival) in mine for arrival in arrivals]

    def _instance_values(self, staged: StagedInstance) -> tuple[Any, ...]:
        """In the order of INSTANCE_COLUMNS."""
        header = staged.header
        return (
            new_id(),
            header.sop_uid,
            self.studies[header.study_uid].id,
            self.series[header.series_uid].id,
            header.sop_class,
            header.transfer_syntax,
            header.number,
            header.rows,
            header.columns,
            header.frames,
            header.bits_allocated,
            staged.sha256,
            staged.received_sha256,
            staged.size,
            staged.blob_key,
            header.pixel_offset,
            header.pixel_length,
            header.frame_length,
            header.frame_table,
            staged.metadata,
            staged.preamble_cleared,
            "",
            clock.now(),
        )

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

    def _again(self, arrival: Arrival, known: _Known) -> Answer:
        """An instance that we hold: the same bytes (as sent or as stored), or other ones."""
        staged = arrival.staged
        if known.digests.isdisjoint((staged.sha256, staged.received_sha256)):
            return self._set_aside(arrival, Code.CONFLICT)
        if known.study_id not in self.by_id:  # it came while we waited for a lock
            self._lock_studies(self._uids_of([known.study_id]))
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
        sop_uid, digest, clinic_id = staged.header.sop_uid, staged.sha256, arrival.filing.organisation_id
        row = (new_id(), sop_uid, digest, staged.blob_key, staged.size, clinic_id, code.value, clock.now())
        if self.statements.write(NEW_QUARANTINED, [row]):
            self.entries.append(audit.entry(arrival.actor, "instance.quarantined", sop_uid, reason=code.value, sha256=digest))
        refusal = Refusal(code, sop_class=staged.header.sop_class, sop_uid=staged.header.sop_uid)
        return _answer(Outcome.QUARANTINED, arrival, None, None, refusal)

    # what the group comes to ------------------------------------------------------------------------------------------

    def write_down(self) -> None:
        """Counters once for each series and study, one audit entry for each sender and study."""
        counted = [one for one in self.series.values() if one.instances]
        self.statements.write(COUNT_SERIES, [(one.instances, one.instances, one.id) for one in counted])
        changed = [study for study in self.by_id.values() if study.versions]
        self.statements.write(COUNT_STUDY, [_study_changes(study) for study in changed])
        self.jobs.update(job for study in changed if study.instances and not study.instance_count for job in _first_look(study))
        self.entries.extend(self._stored_entry(study_id, arrivals) for (_, study_id), arrivals in self.stored.items())
        if self.entries:
            audit.append(self.statements, self.entries)

    def _stored_entry(self, study_id: UUID, arrivals: Sequence[Arrival]) -> Noted:
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


def _maybe(value: Any) -> UUID | None:
    return None if value is None else uuid_of(value)


def _study_changes(study: _Study) -> tuple[Any, ...]:
    """In the order of COUNT_STUDY."""
    return (
        study.series,
        study.instances,
        study.bytes,
        study.versions,
        study.modalities,
        study.referral_id,
        study.patient_id,
        study.expected_instances,
        clock.now() if study.instances else None,
        study.id,
    )


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
        "performed_date": header.performed_date,
        "performed_time": header.performed_time,
        "step_id": header.step_id,
        "procedure_id": header.procedure_id,
    }
