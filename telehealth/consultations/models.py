"""The visit: one appointment's call, its outcome and the cause of its ending."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from telehealth.consultations.lifecycle import VisitState
from telehealth.consultations.outcome import VisitOutcome
from telehealth.core import clock
from telehealth.core.db import UtcDateTime, one_of
from telehealth.core.ids import new_id

__all__ = ["Visit", "VisitOutcome", "VisitState"]


class Visit(SQLModel, table=True):
    """One appointment's call session. room is the id that the signaling workshop knows."""

    __table_args__ = (one_of("state", VisitState),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    appointment_id: UUID = Field(foreign_key="appointment.id", unique=True)
    room: UUID = Field(default_factory=new_id, unique=True)
    state: str = VisitState.SCHEDULED
    knocked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    admitted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    led_by: UUID | None = Field(default=None, foreign_key="account.id")
    """The colleague to whom the visit was handed over; None: the appointment's own specialist."""
    emergency_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When 115 was called out of this visit."""
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_by: UUID | None = Field(default=None, foreign_key="account.id")
    outcome: str | None = None
    cause: str = ""
    """Why the outcome is what it is, in words of the presence rule."""
    created_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
