"""What uploads look like on the wire."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from imaging.intake.answers import sentence
from imaging.intake.models import Upload, UploadFile


class UploadIn(BaseModel):
    """Begin an upload in one's own unit; without a referral its studies wait to be filed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"organisation_id": None, "expected_files": 200}]})

    organisation_id: UUID | None = None
    """Needed only by people who work in several units."""
    expected_files: int | None = Field(default=None, ge=1, le=1_000_000)


class FileOut(BaseModel):
    """The answer to one file. reason: a stable code; text: the same in the reader's language."""

    id: UUID
    name: str
    size: int
    verdict: str
    reason: str
    text: str
    sop_uid: str
    study_id: UUID | None

    @classmethod
    def of(cls, file: UploadFile) -> "FileOut":
        facts = file.model_dump(include={"id", "name", "size", "verdict", "reason", "sop_uid", "study_id"})
        return cls(text=sentence(file.reason), **facts)


class ProgressOut(BaseModel):
    done: int
    of: int
    step: str
    parked: str


class StudyOut(BaseModel):
    id: UUID
    uid: str
    state: str
    held_because: str | None
    description: str
    modalities: str
    received: int
    expected: int | None
    findings: list[dict[str, Any]]
    progress: ProgressOut


class UploadOut(BaseModel):
    """Where an upload stands. counts: files by answer."""

    id: UUID
    state: str
    referral_id: UUID | None
    expected_files: int | None
    created_at: datetime
    finished_at: datetime | None
    counts: dict[str, int]
    studies: list[StudyOut]
    files: list[FileOut] = []

    @classmethod
    def of(cls, upload: Upload, truth: dict[str, Any], files: list[UploadFile]) -> "UploadOut":
        facts = upload.model_dump(include={"id", "state", "referral_id", "expected_files", "created_at", "finished_at"})
        return cls(**facts, **truth, files=[FileOut.of(file) for file in files])
