"""The index of images: what QIDO and the pages search; the bytes are blobs by content."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Column, Index, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from imaging.store.lifecycle import HeldBecause, StudyState, WithdrawnBecause
from telehealth.core import clock
from telehealth.core.db import PackedText, UtcDateTime, one_of
from telehealth.core.ids import new_id

__all__ = ["HeldBecause", "Instance", "NameWord", "Quarantined", "Series", "Study", "StudyState", "WithdrawnBecause"]


BYTEWISE = String().with_variant(String(collation="C"), "postgresql")
"""Ordered by its bytes on both databases, so that an index answers `word >= 'hoa' AND word < 'hob'`."""


class Study(SQLModel, table=True):
    """One DICOM study. dicom_* columns are what the files say; patient_id is the person it is filed under."""

    __table_args__ = (
        one_of("state", StudyState),
        Index("ix_study_organisation_id_study_date", "organisation_id", "study_date", "received_at"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    uid: str = Field(unique=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    """The clinic that sent it."""
    sent_by_id: UUID | None = Field(default=None, foreign_key="account.id")
    """Whose upload brought it first, who is told what became of it; none where a machine sent it."""
    patient_id: UUID | None = Field(default=None, foreign_key="patient.id", index=True)
    referral_id: UUID | None = Field(default=None, index=True)
    reading_unit_id: UUID | None = Field(default=None, index=True)
    """Whose specialists may see it while `open_for_reading`; set by the referral, which imaging does not know."""
    reader_ids: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Accounts that hold or answered the question."""
    open_for_reading: bool = False
    dicom_patient_name: str = ""
    name_as_sent: str = ""
    """What the files say, where a person has approved another spelling; empty otherwise."""
    name_fold: str = Field(default="", index=True)
    name_key: str = ""
    dicom_patient_id: str = Field(default="", index=True)
    dicom_birth_date: str = ""
    dicom_sex: str = ""
    accession_number: str = Field(default="", index=True)
    study_date: str = Field(default="", index=True)
    """DICOM DA, YYYYMMDD."""
    study_time: str = ""
    description: str = ""
    study_id: str = ""
    referring_physician: str = ""
    modalities: str = ""
    """Distinct modalities, sorted, joined by a backslash."""
    series_count: int = 0
    instance_count: int = 0
    bytes: int = Field(default=0, sa_type=BigInteger)
    expected_instances: int | None = None
    """What the sender announced, for a truthful "142 of 200"."""
    state: str = Field(default=StudyState.RECEIVING, index=True)
    held_because: str | None = None
    held_facts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    findings: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """What the pipeline noticed and a reader should know: gaps, mixed orientations, undecodable instances."""
    identity: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """The identity check: verdict and reasons, and who decided where a person had to."""
    version: int = 0
    """Rises with every instance; caches and steps are keyed by it."""
    settled_version: int = 0
    """The version of which the sender said that it was all."""
    priority: str = "routine"
    """Of its question, written by referrals: stat, urgent or routine; who is processed first."""
    subspecialty: str = ""
    """Whose eyes it wants, by the routing rules; empty where they say nothing."""
    burned_in: str = ""
    """Whether its pixels may hold text about the patient: certain, possible, or empty for no."""
    prior_ids: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Earlier studies of the same patient, the most comparable first."""
    released_to_patient_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    received_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime, index=True)
    last_instance_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
    available_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Checked whole for the first time. While None an available study is readable and still arriving."""
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    withdrawn_because: str | None = None
    withdrawn_by_id: UUID | None = None
    kept_until: date | None = None
    retention: str = "ordinary"
    """How long it must be kept: a class of `retention`."""
    hold_because: str = ""
    """Why nobody may take it away now (a court, an inspection); empty where nothing holds it."""
    """The last day on which the bytes of a withdrawn study must still be there."""


class NameWord(SQLModel, table=True):
    """One word of the folded patient name of a study: any word in any order is found by an index, by its beginning too.

    Written with the study's row, so that a search for `hoa nguyen` meets `Nguyễn^Thị^Hoà` in two look-ups.
    """

    __tablename__ = "name_word"

    word: str = Field(primary_key=True, sa_type=BYTEWISE)
    study_id: UUID = Field(foreign_key="study.id", primary_key=True, ondelete="CASCADE", index=True)


class Series(SQLModel, table=True):
    id: UUID = Field(default_factory=new_id, primary_key=True)
    uid: str = Field(unique=True)
    study_id: UUID = Field(foreign_key="study.id", index=True)
    modality: str = ""
    number: int | None = None
    description: str = ""
    body_part: str = ""
    laterality: str = ""
    series_date: str = ""
    series_time: str = ""
    performed_date: str = ""
    performed_time: str = ""
    step_id: str = ""
    """What the series was asked for under: Scheduled Procedure Step ID and Requested Procedure ID."""
    procedure_id: str = ""
    instance_count: int = 0
    version: int = 0
    """Rises with every instance of this series."""
    thumbnail_key: str | None = None


class Instance(SQLModel, table=True):
    """One SOP instance: one file, bit-identical to what came, but for a cleared preamble.

    Where a frame stands in the file is known from the row alone, or not at all (then a library must look):
    native little-endian pixels by `pixel_offset` and `frame_length`, compressed ones by `frame_table`.
    """

    __table_args__ = (Index("ix_instance_series_id_number", "series_id", "number"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    sop_uid: str = Field(unique=True)
    study_id: UUID = Field(foreign_key="study.id", index=True)
    series_id: UUID = Field(foreign_key="series.id")
    sop_class: str
    transfer_syntax: str
    number: int | None = None
    rows: int | None = None
    columns: int | None = None
    frames: int = 0
    """0 without pixel data."""
    bits_allocated: int | None = None
    sha256: str
    """Of the stored bytes."""
    received_sha256: str
    """Of the bytes as sent; differs only where a preamble was cleared."""
    size: int = Field(sa_type=BigInteger)
    blob_key: str
    pixel_offset: int | None = Field(default=None, sa_type=BigInteger)
    """Where the Pixel Data value begins in the file, for native syntaxes."""
    pixel_length: int | None = Field(default=None, sa_type=BigInteger)
    frame_length: int | None = Field(default=None, sa_type=BigInteger)
    """Bytes of one native frame: frame n (the first is 0) begins at pixel_offset + n * frame_length."""
    frame_table: bytes | None = None
    """Of compressed pixels: frames + 1 offsets into the file, unsigned 64 bit little endian. Frame n is what the items
    between offsets n and n + 1 hold, each behind its 8 bytes of tag and length; mostly that is one item."""
    metadata_json: str = Field(default="", sa_column=Column(PackedText, nullable=False))
    """DICOM JSON (PS3.18 F) without bulk data, the only copy."""
    preamble_cleared: bool = False
    undecodable: str = ""
    """Why its pixels cannot be shown, found by the validate step; empty when they can."""
    received_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)


class Quarantined(SQLModel, table=True):
    """Bytes that contradict an instance we hold: kept aside, never shown, never merged."""

    __table_args__ = (UniqueConstraint("sop_uid", "sha256"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    sop_uid: str
    sha256: str
    blob_key: str
    size: int = Field(sa_type=BigInteger)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    reason: str
    received_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)


class Verification(SQLModel, table=True):
    """One walk over everything that is stored, and what it found."""

    id: UUID = Field(default_factory=new_id, primary_key=True)
    started_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime, index=True)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_id: UUID | None = None
    """The instance up to which everything was looked at."""
    checked: int = 0
    bytes: int = Field(default=0, sa_type=BigInteger)
    fault_count: int = 0
    faults: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """instance_id, blob_key and what: missing or changed."""
