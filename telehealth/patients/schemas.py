"""People as they cross the wire."""

from datetime import date
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from telehealth.core import clock
from telehealth.identity.models import Relation
from telehealth.patients.models import IdentifierSystem, Patient, Sex
from telehealth.patients.numbers import plain

EARLIEST_BIRTH = 1900

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=120)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Number = Annotated[str, StringConstraints(strip_whitespace=True, max_length=40), AfterValidator(plain)]

EXAMPLE: dict[str, JsonValue] = {
    "full_name": "Nguyễn Thị Hoà",
    "birth_date": "1959-03-02",
    "sex": "female",
    "phone": "+84912345678",
    "national_id": "024159001234",
}


class PatientIn(BaseModel):
    """A person to register. Either the date of birth, or the year where the day is not known, or neither."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    full_name: Name
    birth_date: date | None = None
    birth_year: int | None = Field(None, ge=EARLIEST_BIRTH)
    sex: Sex = Sex.UNKNOWN
    phone: Line = ""
    address: Line = ""
    national_id: Number = ""
    """The 12-digit CCCD. A contradiction to birth year or sex warns and never refuses."""
    citizen_id: Number = ""
    insurance: Number = ""
    facility_number: Number = ""
    organisation_id: UUID | None = None
    """For staff: the facility that knows this person; the own one if left out."""
    relation: Relation = Relation.SELF
    """For a patient's account: what this person is to its holder."""

    @model_validator(mode="after")
    def birth_is_past(self) -> Self:
        today = clock.now().date()
        if self.birth_date and not date(EARLIEST_BIRTH, 1, 1) <= self.birth_date <= today:
            raise ValueError("the date of birth lies in the future or too far back")
        if self.birth_year and self.birth_year > today.year:
            raise ValueError("the year of birth lies in the future")
        return self

    @property
    def year(self) -> int | None:
        return self.birth_date.year if self.birth_date else self.birth_year

    @property
    def numbers(self) -> dict[IdentifierSystem, str]:
        """The numbers that were given, by system."""
        given = {
            IdentifierSystem.NATIONAL_ID: self.national_id,
            IdentifierSystem.CITIZEN_ID: self.citizen_id,
            IdentifierSystem.INSURANCE: self.insurance,
            IdentifierSystem.FACILITY: self.facility_number,
        }
        return {system: value for system, value in given.items() if value}


class PatientOut(BaseModel):
    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [{"id": str(UUID(int=7)), **EXAMPLE}]})

    id: UUID
    full_name: str
    birth_date: date | None
    birth_year_only: bool
    sex: Sex
    phone: str
    national_id: str = ""
    insurance: str = ""
    warnings: list[str] = []
    """Codes: number_not_12_digits, number_unknown_province, number_other_birth_year, number_other_sex."""

    @classmethod
    def of(cls, patient: Patient, numbers: dict[str, str] | None = None, warnings: tuple[str, ...] = ()) -> Self:
        out = cls.model_validate(patient)
        numbers = numbers or {}
        out.national_id = numbers.get(IdentifierSystem.NATIONAL_ID, "")
        out.insurance = numbers.get(IdentifierSystem.INSURANCE, "")
        out.warnings = list(warnings)
        return out


class SearchIn(BaseModel):
    """In a body, not in the address: names and numbers stay out of access logs."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "nguyen thi hoa"}]})

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=120)]


class CandidateOut(BaseModel):
    """Perhaps the same person: a reason to look, never a merge."""

    patient: PatientOut
    verdict: str
    reasons: list[str]
    """Codes of what agrees and what does not, such as name_same, birth_date_near."""
    known_here: bool


class TakeIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"national_id": "024159001234"}]})

    national_id: Annotated[Number, StringConstraints(min_length=9)]
    organisation_id: UUID | None = None
