"""A clinic's question and the loop until its answer was read and acted on."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from telehealth.core import clock
from telehealth.core.db import UtcDateTime, one_of
from telehealth.core.ids import new_id
from telehealth.referrals.due import Priority as Priority
from telehealth.referrals.lifecycle import ReferralStatus as ReferralStatus


class Decision(StrEnum):
    """What the clinic does with the answer."""

    TREAT_HERE = "treat_here"
    TRANSFER = "transfer"
    RECALL = "recall"


class Outcome(StrEnum):
    """What became of it, weeks later."""

    CONFIRMED = "confirmed"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


class Referral(SQLModel, table=True):
    """One question to one reading unit. `code` is spoken on the phone and sent as Accession Number (0008,0050)."""

    __table_args__ = (
        one_of("status", ReferralStatus),
        one_of("priority", Priority),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    code: str = Field(unique=True)
    patient_id: UUID = Field(foreign_key="patient.id", index=True)
    from_organisation_id: UUID = Field(foreign_key="organisation.id", index=True)
    to_organisation_id: UUID = Field(foreign_key="organisation.id", index=True)
    created_by: UUID = Field(foreign_key="account.id")
    submitted_by: UUID | None = Field(default=None, foreign_key="account.id")
    """Who answers for the question: a referring doctor."""
    question: str = ""
    history: str = ""
    reason_code: str = ""
    """ICD-10, where known."""
    priority: str = Priority.ROUTINE
    stat_reason: str = ""
    callback_phone: str = ""
    status: str = Field(default=ReferralStatus.DRAFT, index=True)
    submitted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    due_because: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """The steps that lead to due_at, so that it explains itself."""
    expected_instances: int | None = None
    reader_id: UUID | None = Field(default=None, foreign_key="account.id", index=True)
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    lock_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The claim's heartbeat: past it the task returns to the pool, the draft is kept."""
    info_request: str = ""
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    opened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    critical: bool = False
    decision: str | None = None
    decision_note: str = ""
    acknowledged_by: UUID | None = Field(default=None, foreign_key="account.id")
    acknowledged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    escalation_level: int = 0
    escalated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    outcome: str | None = None
    outcome_note: str = ""
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    cancelled_reason: str = ""
    created_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)


class ReferralEvent(SQLModel, table=True):
    """The referral's history as its people read it, and the log from which its due time is recomputed."""

    __tablename__ = "referral_event"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    referral_id: UUID = Field(foreign_key="referral.id", index=True)
    at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
    account_id: UUID | None = Field(default=None, foreign_key="account.id")
    actor_name: str
    event: str
    text: str = ""
    facts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class UpsWorkitem(SQLModel, table=True):
    """A reading task under the name and lock of UPS-RS. The newest row that was not given back is the task's workitem."""

    __tablename__ = "ups_workitem"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    uid: str = Field(unique=True)
    referral_id: UUID = Field(foreign_key="referral.id", index=True)
    transaction_uid: str = ""
    """The performer's key since the claim; empty where the claim came from a page."""
    progress: int | None = None
    progress_text: str = ""
    given_back_because: str | None = None
    """Cancelled by its performer: the question went back to the pool, as another workitem."""


class UpsSubscription(SQLModel, table=True):
    """Who wants to hear of a workitem, or of all that come (workitem_uid is the well-known UID)."""

    __tablename__ = "ups_subscription"
    __table_args__ = (UniqueConstraint("account_id", "ae_title", "workitem_uid"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    account_id: UUID = Field(foreign_key="account.id")
    ae_title: str
    workitem_uid: str = Field(index=True)
    deletion_lock: bool = False
    suspended: bool = False
    """A suspended global subscription adds no new workitems."""
