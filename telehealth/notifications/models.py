"""What we tell people, and whether it arrived."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from telehealth.core import clock
from telehealth.core.db import UtcDateTime, one_of
from telehealth.core.ids import new_id


class Channel(StrEnum):
    SMS = "sms"
    EMAIL = "email"
    IN_APP = "in_app"


class NoticeState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    VOID = "void"
    """No longer true when its time came: never sent."""
    FAILED = "failed"


class Notice(SQLModel, table=True):
    """One message to one address. facts: ids, times and words that the template needs; secret: encrypted until sent."""

    __table_args__ = (one_of("channel", Channel), one_of("state", NoticeState))

    id: UUID = Field(default_factory=new_id, primary_key=True)
    account_id: UUID | None = Field(default=None, foreign_key="account.id", index=True)
    channel: str
    address: str = ""
    """Phone or e-mail; empty in the application itself."""
    template: str
    language: str = "vi"
    facts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    secret: str | None = None
    """A one-time code, encrypted; removed once sent, except in demo mode."""
    link: str = ""
    """Path of the page that it is about."""
    subject_id: UUID | None = Field(default=None, index=True)
    dedupe_key: str | None = Field(default=None, unique=True)
    """The same notice is written once, whoever asks again."""
    state: str = Field(default=NoticeState.QUEUED, index=True)
    due_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime, index=True)
    attempts: int = 0
    last_error: str = ""
    created_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
