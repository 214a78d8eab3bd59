"""Specialists, times and appointments as they cross the wire."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

from telehealth.core import clock
from telehealth.scheduling.models import Appointment, Practitioner
from telehealth.scheduling.queries import Booked
from telehealth.scheduling.slots import Day

Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]
SOMEBODY = "0199f2c5-7b1e-7c3a-9d52-0d5b3c1f6a01"
START = "2026-11-24T08:20:00+07:00"


class SpecialtyOut(BaseModel):
    code: str
    name: str


class PractitionerOut(BaseModel):
    id: UUID
    full_name: str
    title: str
    specialty: str
    languages: list[str]
    about: str
    visit_minutes: int
    next_free: datetime | None = None
    """In the facility's zone, with its offset."""

    @classmethod
    def of(cls, practitioner: Practitioner, next_free: datetime | None) -> "PractitionerOut":
        return cls(
            id=practitioner.id,
            full_name=practitioner.full_name,
            title=practitioner.title,
            specialty=practitioner.specialty,
            languages=practitioner.languages.split(","),
            about=practitioner.about,
            visit_minutes=practitioner.visit_minutes,
            next_free=next_free,
        )


class SlotOut(BaseModel):
    start: datetime
    end: datetime


class DayOut(BaseModel):
    day: date
    reason: str
    """Why there are no times, where there are none."""
    times: list[SlotOut]


class FreeTimesOut(BaseModel):
    """Times carry the offset of the facility's zone."""

    zone: str
    days: list[DayOut]

    @classmethod
    def of(cls, zone: str, days: list[Day]) -> "FreeTimesOut":
        return cls(
            zone=zone,
            days=[
                DayOut(
                    day=day.day,
                    reason=day.reason,
                    times=[SlotOut(start=clock.in_zone(zone, t.start_at), end=clock.in_zone(zone, t.end_at)) for t in day.slots],
                )
                for day in days
            ],
        )


class BookingIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "practitioner_id": SOMEBODY,
                    "patient_id": SOMEBODY,
                    "start": START,
                    "reason": "Đau ngực khi gắng sức",
                    "consent": True,
                }
            ]
        },
    )

    practitioner_id: UUID
    patient_id: UUID
    start: AwareDatetime
    """One of the free times, with any offset."""
    reason: Reason = ""
    consent: bool = False
    """The patient, or who acts for them, agreed to a remote visit. Never true by default."""


class MoveIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"start": START}]})

    start: AwareDatetime


class CancelIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "Tôi bận đột xuất"}]})

    reason: Reason = ""


class AppointmentOut(BaseModel):
    id: UUID
    practitioner_id: UUID
    practitioner_name: str
    patient_id: UUID
    patient_name: str
    start: datetime
    end: datetime
    zone: str
    status: str
    reason: str
    sequence: int
    moved_count: int

    @classmethod
    def of(cls, booked: Booked) -> "AppointmentOut":
        row: Appointment = booked.appointment
        return cls(
            id=row.id,
            practitioner_id=row.practitioner_id,
            practitioner_name=booked.practitioner.full_name,
            patient_id=row.patient_id,
            patient_name=booked.patient.full_name,
            start=clock.in_zone(row.zone, row.start_at),
            end=clock.in_zone(row.zone, row.end_at),
            zone=row.zone,
            status=row.status,
            reason=row.reason,
            sequence=row.ics_sequence,
            moved_count=row.moved_count,
        )
