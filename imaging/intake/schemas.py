"""What uploads look like on the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from imaging.intake.answers import sentence
from imaging.intake.manifest import Announced
from imaging.intake.models import Parcel, Upload, UploadFile


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


Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Uid = Annotated[str, StringConstraints(max_length=64, pattern=r"^[0-9.]*$")]
Label = Annotated[str, StringConstraints(max_length=200)]
HIGHEST_NUMBER = 2**53


class AnnouncedIn(BaseModel):
    """One file that could be sent. length: bytes on the wire where `encoding` packs it. The rest is read in its header."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    sha256: Digest
    size: int = Field(ge=0, le=HIGHEST_NUMBER)
    encoding: Literal["", "gzip"] = ""
    length: int | None = Field(default=None, ge=0, le=HIGHEST_NUMBER)
    study_uid: Uid = ""
    series_uid: Uid = ""
    sop_uid: Uid = ""
    modality: Label = ""
    description: Label = ""
    series_number: int | None = Field(default=None, ge=-HIGHEST_NUMBER, le=HIGHEST_NUMBER)

    def announced(self) -> Announced:
        hints = self.model_dump(include={"modality", "description", "series_number"}, exclude_defaults=True)
        uids = self.model_dump(include={"study_uid", "series_uid", "sop_uid"})
        length = self.size if self.length is None or not self.encoding else self.length
        return Announced(self.name, self.sha256, self.size, length, self.encoding, hints=hints, **uids)


class ManifestIn(BaseModel):
    """series: whether the answer counts every announced series too."""

    model_config = ConfigDict(extra="forbid", strict=True)

    files: list[AnnouncedIn] = Field(min_length=1, max_length=1000)
    series: bool = True


class AnnouncedOut(BaseModel):
    """state: `here` (nothing to send), `partly`, `wanted`, or `answered` (sent before and not taken: see verdict)."""

    sha256: str
    state: Literal["here", "partly", "wanted", "answered"]
    offset: int
    length: int
    url: str
    verdict: str = ""
    reason: str = ""
    text: str = ""

    @classmethod
    def of(cls, parcel: Parcel, answer: UploadFile | None) -> "AnnouncedOut":
        facts = {"sha256": parcel.sha256, "offset": parcel.received, "length": parcel.length, "url": f"/api/v1/tus/{parcel.id}"}
        if answer is None:
            return cls(state="partly" if parcel.received else "wanted", **facts)
        here = answer.verdict in ("stored", "duplicate", "waiting", "unpacked")
        told = {"verdict": answer.verdict, "reason": answer.reason, "text": sentence(answer.reason)}
        return cls(state="here" if here else "answered", **facts, **told)


class SeriesOut(BaseModel):
    """`here` of `announced` files of one series; without UIDs, of what is not DICOM."""

    model_config = ConfigDict(from_attributes=True)

    study_uid: str
    series_uid: str
    modality: str
    description: str
    number: int | None
    announced: int
    here: int
    refused: int
    bytes: int
    bytes_here: int


class ManifestOut(BaseModel):
    files: list[AnnouncedOut]
    series: list[SeriesOut]
