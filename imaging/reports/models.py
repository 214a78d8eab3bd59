"""What a reader says: marks on images, and reports that never change once signed."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from imaging.reports.lifecycle import ReportStatus as ReportStatus
from telehealth.core import clock
from telehealth.core.db import UtcDateTime, one_of
from telehealth.core.ids import new_id


class AnnotationKind(StrEnum):
    LENGTH = "length"
    ANGLE = "angle"
    RECTANGLE = "rectangle"
    ELLIPSE = "ellipse"
    ARROW = "arrow"
    KEY_IMAGE = "key_image"


class Annotation(SQLModel, table=True):
    """One version of one mark. A change or removal writes the next version; `current` marks the newest."""

    __table_args__ = (one_of("kind", AnnotationKind), UniqueConstraint("mark_id", "version"))

    id: UUID = Field(default_factory=new_id, primary_key=True)
    mark_id: UUID = Field(index=True)
    """The mark, over all its versions; chosen by the browser, so that saving twice is one mark."""
    version: int = 1
    current: bool = True
    removed: bool = False
    study_id: UUID = Field(foreign_key="study.id", index=True)
    series_uid: str
    sop_uid: str
    frame: int = 1
    kind: str
    points: list[list[float]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """(column, row) in pixels of the image, centre of the first pixel at 0, 0."""
    points_mm: list[list[float]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """The same points in the patient's space (x, y, z) where the image says where it lies."""
    label: str = ""
    measurements: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Computed by us from points and the image's own calibration, units in the names."""
    author_id: UUID = Field(foreign_key="account.id")
    author_name: str
    at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)


class Report(SQLModel, table=True):
    """The answer to one referral: the newest version's status and the draft being written."""

    __table_args__ = (one_of("status", ReportStatus),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    referral_id: UUID = Field(unique=True)
    study_id: UUID | None = Field(default=None, foreign_key="study.id")
    patient_id: UUID = Field(foreign_key="patient.id")
    author_id: UUID = Field(foreign_key="account.id")
    status: str = ReportStatus.DRAFT
    findings: str = ""
    impression: str = ""
    recommendation: str = ""
    critical: bool = False
    draft_revision: int = 0
    """Rises with every save; a save from an older page is refused, its text kept on the page."""
    signed_version: int = 0
    updated_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)


class ReportVersion(SQLModel, table=True):
    """A signed version: canonical content, its SHA-256, the signer and our seal. A trigger refuses every change."""

    __tablename__ = "report_version"
    __table_args__ = (one_of("status", ReportStatus), UniqueConstraint("report_id", "version"))

    id: UUID = Field(default_factory=new_id, primary_key=True)
    report_id: UUID = Field(foreign_key="report.id", index=True)
    version: int
    status: str
    content: str
    """Canonical JSON: everything that was signed, key images and measurements included."""
    content_hash: str
    seal: str
    """Ed25519 over hash, signer and time, base64."""
    key_id: str
    signed_by: UUID = Field(foreign_key="account.id")
    signer_name: str
    signed_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
    correction_of: int | None = None
    correction_reason: str = ""


class ReportDocument(SQLModel, table=True):
    """What was made of a signed version: the PDF and the DICOM SR."""

    __tablename__ = "report_document"
    __table_args__ = (UniqueConstraint("version_id", "kind"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    version_id: UUID = Field(foreign_key="report_version.id", index=True)
    kind: str
    """pdf or sr."""
    blob_key: str
    sha256: str
    size: int
    sop_uid: str = ""
    created_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
