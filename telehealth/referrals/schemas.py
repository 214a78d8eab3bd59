"""Referrals as they cross the wire."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from imaging.reports.schemas import ReportText
from imaging.store.lifecycle import StudyState
from telehealth.referrals.due import Priority
from telehealth.referrals.lifecycle import ReferralStatus
from telehealth.referrals.models import Decision, Outcome

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=8000)]
SOMEBODY = str(UUID(int=7))
EXAMPLE: dict[str, JsonValue] = {
    "question": "Đau đầu dữ dội từ sáng, nghi xuất huyết não. Có chỉ định chuyển tuyến không?",
    "history": "Tăng huyết áp 10 năm, HA 180/100.",
    "reason_code": "I61.9",
    "priority": "urgent",
    "callback_phone": "+842043123456",
}


class ReferralDraft(BaseModel):
    """What a clinic writes; every part may wait until the question is sent."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    question: Text = ""
    history: Text = ""
    reason_code: Line = ""
    """ICD-10, where known."""
    priority: Priority = Priority.ROUTINE
    stat_reason: Line = ""
    callback_phone: Line = ""
    expected_instances: int | None = Field(None, ge=1, le=1_000_000)


class ReferralIn(ReferralDraft):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"patient_id": SOMEBODY, "to_organisation_id": SOMEBODY, **EXAMPLE}]}
    )

    patient_id: UUID
    to_organisation_id: UUID
    """The reading unit."""
    from_organisation_id: UUID | None = None
    """The asking clinic; may be left out by people of one clinic."""


class ReferralPatch(BaseModel):
    """Only what is named changes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"history": EXAMPLE["history"]}]})

    question: Text | None = None
    history: Text | None = None
    reason_code: Line | None = None
    priority: Priority | None = None
    stat_reason: Line | None = None
    callback_phone: Line | None = None
    expected_instances: int | None = Field(None, ge=1, le=1_000_000)


class SubmitIn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"consent": True}]})

    consent: bool = False
    """The patient, or who acts for them, agreed to a second opinion; needed unless written down before."""


class ReasonIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"text": "Cần thêm lát cắt mỏng vùng hố sau."}]}
    )

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class AssignIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reader_id": SOMEBODY}]})

    reader_id: UUID


class DraftIn(ReportText):
    draft_revision: int = Field(0, ge=0)
    """The revision that the page began with; an older one is refused with 409 and nothing is lost."""
    preliminary: bool = False
    """Let the clinic read it as preliminary."""


class SignIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"otp": "123456", "draft_revision": 4}]}
    )

    otp: str = Field(min_length=6, max_length=8)
    draft_revision: int | None = Field(None, ge=0)
    """What the signer saw; a draft that moved on since is not signed."""


class CorrectIn(ReportText):
    otp: str = Field(min_length=6, max_length=8)
    reason: str = Field(min_length=1, max_length=2000)


class AcknowledgeIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"decision": "transfer", "note": "Chuyển BV tỉnh 14:00."}]}
    )

    decision: Decision
    note: Text = ""


class CloseIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"outcome": "confirmed", "note": ""}]})

    outcome: Outcome
    note: Text = ""


class ItemOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    code: str
    done: bool
    needed: bool


class ReferralOut(BaseModel):
    """A question as its parties see it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    code: str
    status: ReferralStatus
    patient_id: UUID
    from_organisation_id: UUID
    to_organisation_id: UUID
    question: str
    history: str
    reason_code: str
    priority: Priority
    stat_reason: str
    callback_phone: str
    submitted_at: datetime | None
    due_at: datetime | None
    """None before it is sent and while the clock stands."""
    due_because: list[dict[str, Any]]
    reader_id: UUID | None
    claimed_at: datetime | None
    lock_until: datetime | None
    info_request: str
    answered_at: datetime | None
    opened_at: datetime | None
    critical: bool
    decision: Decision | None
    acknowledged_at: datetime | None
    escalation_level: int
    outcome: Outcome | None
    closed_at: datetime | None


class StudyOut(BaseModel):
    """Images of a question and how far they are: instance_count of expected_instances, where a number was announced."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    uid: str
    state: StudyState
    held_because: str | None
    modalities: str
    instance_count: int
    expected_instances: int | None


class ReferralFull(ReferralOut):
    completeness: list[ItemOut] = []
    complete_percent: int = 0
    studies: list[StudyOut] = []
    report_id: UUID | None = None


class ReportDraftOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    referral_id: UUID
    status: str
    findings: str
    impression: str
    recommendation: str
    critical: bool
    draft_revision: int
    signed_version: int
    updated_at: datetime


class VersionOut(BaseModel):
    """A signed version without its text."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    report_id: UUID
    version: int
    status: str
    content_hash: str
    signer_name: str
    signed_at: datetime
