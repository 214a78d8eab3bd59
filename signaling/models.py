"""What a room leaves behind: who was there when, what was written, and who was invited."""

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
    """A word of signaling.messages.Role."""
    admitted: bool = False
    """False while knocking in the waiting room."""
    joined_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
    seen_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
    left_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    left_because: str = ""
    """A word of signaling.effects.Because."""
    media_connected: bool = False
    """The browser reported a connected peer during this stretch."""


class ChatLine(SQLModel, table=True):
    """A line of the room's chat. document_id: the file of the record that it announces."""

    __tablename__ = "chat_line"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    room: UUID = Field(index=True)
    account_id: UUID
    name: str
    text: str
    document_id: UUID | None = None
    at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)


class RoomPass(SQLModel, table=True):
    """An invitation into one room: for a colleague with an account, or by a one-time link for somebody without one.

    Of the link's secret and of the cookie for which it is exchanged only digests are kept.
    """

    __tablename__ = "room_pass"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    room: UUID = Field(index=True)
    role: str
    """A word of signaling.messages.Role."""
    name: str
    account_id: UUID | None = Field(default=None, foreign_key="account.id")
    """The invited colleague; None for a link."""
    secret_hash: str | None = Field(default=None, unique=True)
    cookie_hash: str | None = Field(default=None, unique=True)
    created_by: UUID | None = Field(default=None, foreign_key="account.id")
    created_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    exchanged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the link was used; it opens nothing after that."""
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
