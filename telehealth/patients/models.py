"""The people whose health it is: identity, who acts for them, what they agreed to."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from telehealth.core import clock
from telehealth.core.db import UtcDateTime, one_of
from telehealth.core.ids import new_id


class Sex(StrEnum):
    """FHIR AdministrativeGender."""

    MALE = "male"
    FEMALE = "female"
    OTHER = "other"
    UNKNOWN = "unknown"


class Patient(SQLModel, table=True):
    """A person, by the whole name as written (family, middle, given). name_fold and name_key: see core.names."""

    __table_args__ = (one_of("sex", Sex),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    full_name: str
    name_fold: str = Field(index=True)
    name_key: str = Field(index=True)
    birth_date: date | None = None
    """First day of the year where only the year is known."""
    birth_year_only: bool = False
    sex: str = Sex.UNKNOWN
    phone: str = Field(default="", index=True)
    """Not unique: families share phones."""
    address: str = ""
    created_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)


class IdentifierSystem(StrEnum):
    """The kinds of number a person carries. VN Core's `national_id` is the 12-digit CCCD, `citizen_id` the old CMND."""

    NATIONAL_ID = "national_id"
    CITIZEN_ID = "citizen_id"
    INSURANCE = "insurance"
    FACILITY = "facility"


class PatientIdentifier(SQLModel, table=True):
    """A number in a system; a facility number is unique within its organisation (`issuer`)."""

    __tablename__ = "patient_identifier"
    __table_args__ = (one_of("system", IdentifierSystem), UniqueConstraint("system", "issuer", "value"))

    id: UUID = Field(default_factory=new_id, primary_key=True)
    patient_id: UUID = Field(foreign_key="patient.id", index=True)
    system: str
    issuer: str = ""
    value: str


class PatientFacility(SQLModel, table=True):
    """This organisation knows this person: staff of its unit find them."""

    __tablename__ = "patient_facility"

    patient_id: UUID = Field(foreign_key="patient.id", primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id", primary_key=True)
    since: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)


class Purpose(StrEnum):
    REMOTE_VISIT = "remote_visit"
    SECOND_OPINION = "second_opinion"
    RECORDING = "recording"


class Consent(SQLModel, table=True):
    """A ledger: what was asked in which text version, and what was answered. Never changed; a withdrawal is a new row."""

    __table_args__ = (one_of("purpose", Purpose),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    patient_id: UUID = Field(foreign_key="patient.id", index=True)
    purpose: str
    text_version: str
    given: bool
    by_account_id: UUID | None = Field(default=None, foreign_key="account.id")
    subject_id: UUID | None = None
    """The appointment or referral it was given for."""
    at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
