"""Files on their way in: one upload, many files, an answer for each; and what has arrived of those that come in pieces."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from telehealth.core import clock
from telehealth.core.db import UtcDateTime, one_of
from telehealth.core.ids import new_id


class UploadState(StrEnum):
    OPEN = "open"
    FINISHED = "finished"


class Upload(SQLModel, table=True):
    """What one person sends in one go, filed under a referral and its patient."""

    __table_args__ = (one_of("state", UploadState),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    account_id: UUID = Field(foreign_key="account.id")
    organisation_id: UUID = Field(foreign_key="organisation.id", index=True)
    referral_id: UUID | None = Field(default=None, index=True)
    patient_id: UUID | None = Field(default=None, foreign_key="patient.id")
    expected_files: int | None = None
    state: str = UploadState.OPEN
    created_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FileVerdict(StrEnum):
    WAITING = "waiting"
    """A zip that is being unpacked by the worker."""
    UNPACKED = "unpacked"
    """A zip whose members have answers of their own."""
    STORED = "stored"
    DUPLICATE = "duplicate"
    """The same bytes were here already: nothing was written."""
    QUARANTINED = "quarantined"
    REFUSED = "refused"
    IGNORED = "ignored"
    """Not an image and not meant to be: DICOMDIR, Thumbs.db, the CD's viewer."""


class UploadFile(SQLModel, table=True):
    """The answer to one file. name is what the sender called it: shown escaped, never used as a path."""

    __tablename__ = "upload_file"
    # the same name and bytes again (a lost answer, an unpacking begun anew) is the same file
    __table_args__ = (one_of("verdict", FileVerdict), UniqueConstraint("upload_id", "name", "sha256"))

    id: UUID = Field(default_factory=new_id, primary_key=True)
    upload_id: UUID = Field(foreign_key="upload.id", index=True)
    name: str
    size: int = Field(sa_type=BigInteger)
    sha256: str = ""
    verdict: str
    reason: str = ""
    """Code of imaging.dicom.refusals; the page has the words."""
    facts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    sop_uid: str = ""
    study_id: UUID | None = Field(default=None, foreign_key="study.id", index=True)
    blob_key: str = ""
    """Of a zip that waits for the worker."""
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """A worker unpacks it until then; afterwards another may."""
    attempts: int = 0
    at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)


class ParcelState(StrEnum):
    OPEN = "open"
    """Bytes are awaited from `received` on."""
    DONE = "done"
    """All of it came and has its answer (`file_id`)."""


class Parcel(SQLModel, table=True):
    """One announced file: known by its digest before a byte is sent, resumable from any computer until it is done.

    `received` and `length` count bytes on the wire; `size` and `sha256` are the file's own, without `encoding`.
    """

    __table_args__ = (one_of("state", ParcelState),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    upload_id: UUID = Field(foreign_key="upload.id", index=True)
    name: str
    sha256: str = Field(default="", index=True)
    """Hex, as announced; empty where the sender did not say."""
    size: int = Field(sa_type=BigInteger)
    encoding: str = ""
    """How it is packed for the wire: nothing or gzip."""
    length: int = Field(sa_type=BigInteger)
    received: int = Field(default=0, sa_type=BigInteger)
    """Durable bytes: what a sender need not send again."""
    segments: list[list[Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """(blob key, bytes) of what was received, in order."""
    state: str = ParcelState.OPEN
    file_id: UUID | None = Field(default=None, foreign_key="upload_file.id")
    study_uid: str = Field(default="", index=True)
    series_uid: str = ""
    sop_uid: str = ""
    hints: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """What the sender read in the header: modality, description, series_number, number. Shown, never trusted."""
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)
    at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
