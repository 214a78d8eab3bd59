"""The calendar: who works when, what is closed, what is booked."""

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from telehealth.core import clock
from telehealth.core.db import UtcDateTime, one_of
from telehealth.core.ids import new_id
from telehealth.scheduling.lifecycle import AppointmentStatus


class Practitioner(SQLModel, table=True):
    """A specialist as patients find one. id is the account's id."""

    __table_args__ = (CheckConstraint("visit_minutes BETWEEN 5 AND 240", name="visit_minutes"),)

    id: UUID = Field(primary_key=True, foreign_key="account.id")
    organisation_id: UUID = Field(foreign_key="organisation.id", index=True)
    full_name: str
    name_fold: str = Field(index=True)
    title: str = ""
    """As printed before the name: PGS.TS.BS., Prof."""
    specialty: str = Field(index=True)
    """A code of scheduling.specialties."""
    languages: str = "vi"
    about: str = ""
    zone: str = "Asia/Ho_Chi_Minh"
    """Where the working hours are meant: Europe/Paris for a professor abroad."""
    visit_minutes: int = 20
    buffer_minutes: int = 0
    bookable: bool = True


class WorkingHours(SQLModel, table=True):
    """A weekly block in wall-clock time of the practitioner's zone, [start, end)."""

    __tablename__ = "working_hours"
    __table_args__ = (
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("start_time < end_time", name="order"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    practitioner_id: UUID = Field(foreign_key="practitioner.id", index=True)
    weekday: int
    """0 is Monday."""
    start_time: time
    end_time: time
    valid_from: date
    valid_to: date | None = None


class DayOverride(SQLModel, table=True):
    """Replaces the whole day's working hours; without times the day is off."""

    __tablename__ = "day_override"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    practitioner_id: UUID = Field(foreign_key="practitioner.id", index=True)
    day: date
    start_time: time | None = None
    end_time: time | None = None


class TimeOff(SQLModel, table=True):
    """A span of instants in which the practitioner is away, [start, end)."""

    __tablename__ = "time_off"
    __table_args__ = (CheckConstraint("start_at < end_at", name="order"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    practitioner_id: UUID = Field(foreign_key="practitioner.id", index=True)
    start_at: datetime = Field(sa_type=UtcDateTime)
    end_at: datetime = Field(sa_type=UtcDateTime)
    reason: str = ""


class Appointment(SQLModel, table=True):
    """A booked time. Overlaps for one practitioner or one patient are refused by the database itself (migration 0002)."""

    __table_args__ = (
        one_of("status", AppointmentStatus),
        CheckConstraint("start_at < end_at", name="order"),
        Index("ix_appointment_practitioner_start", "practitioner_id", "start_at"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    practitioner_id: UUID = Field(foreign_key="practitioner.id")
    patient_id: UUID = Field(foreign_key="patient.id", index=True)
    organisation_id: UUID = Field(foreign_key="organisation.id")
    booked_by: UUID | None = Field(default=None, foreign_key="account.id")
    booked_from_id: UUID | None = Field(default=None, index=True)
    """The clinic whose staff booked it for a patient of theirs: they see it, move it and cancel it."""
    start_at: datetime = Field(sa_type=UtcDateTime)
    end_at: datetime = Field(sa_type=UtcDateTime)
    zone: str
    """The facility's, for every text about this appointment."""
    status: str = AppointmentStatus.BOOKED
    reason: str = ""
    ics_uid: str = Field(unique=True)
    ics_sequence: int = 0
    moved_count: int = 0
    cancelled_reason: str = ""
    idempotency_key: str | None = Field(default=None, unique=True)
    """Digest of the caller and the key it sent: the same request again gives the same appointment."""
    created_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
