"""What a room leaves behind: who was there when, and what was written."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from telehealth.core import clock
from telehealth.core.db import UtcDateTime
from telehealth.core.ids import new_id


class Presence(SQLModel, table=True):
    """One stretch of one person in one room. seen_at moves every ten seconds, so that a killed process loses no more."""

    id: UUID = Field(default_factory=new_id, primary_key=True)
    room: UUID = Field(index=True)
    account_id: UUID
    role: str
    """host (the provider) or patient or guest."""
    admitted: bool = False
    """False while knocking in the waiting room."""
    joined_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
    seen_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
    left_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    left_because: str = ""
    """hung_up, lost, ended, replaced."""
    media_connected: bool = False
    """The browser reported a connected peer during this stretch."""


class ChatLine(SQLModel, table=True):
    """A line of the room's chat."""

    __tablename__ = "chat_line"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    room: UUID = Field(index=True)
    account_id: UUID
    name: str
    text: str
    at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
