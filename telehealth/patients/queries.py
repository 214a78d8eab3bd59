"""Shared reads about people."""

from collections.abc import Iterable
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.identity.access import Scope
from telehealth.patients.matching import PersonFacts
from telehealth.patients.models import IdentifierSystem, Patient, PatientFacility, PatientIdentifier


async def scope_of_patient(session: AsyncSession, patient_id: UUID) -> Scope:
    """The person, and the facilities that know this person."""
    units = await session.exec(select(PatientFacility.organisation_id).where(PatientFacility.patient_id == patient_id))
    return Scope(patients=frozenset({patient_id}), units=frozenset(units.all()))


async def identifiers_of(session: AsyncSession, patient_ids: Iterable[UUID]) -> dict[UUID, list[PatientIdentifier]]:
    """Every number of these people."""
    ids = list(patient_ids)
    rows = await session.exec(select(PatientIdentifier).where(col(PatientIdentifier.patient_id).in_(ids)))
    found: dict[UUID, list[PatientIdentifier]] = {patient_id: [] for patient_id in ids}
    for row in rows:
        found[row.patient_id].append(row)
    return found


async def numbers_of(session: AsyncSession, patient_id: UUID) -> dict[str, str]:
    """One number a system, for showing beside the name."""
    return {row.system: row.value for row in (await identifiers_of(session, [patient_id]))[patient_id]}


async def facts_of(session: AsyncSession, patient: Patient) -> PersonFacts:
    """A person as `matching.compare` wants it."""
    return _facts(patient, (await identifiers_of(session, [patient.id]))[patient.id])


async def facts_of_all(session: AsyncSession, patients: list[Patient]) -> list[PersonFacts]:
    numbers = await identifiers_of(session, [patient.id for patient in patients])
    return [_facts(patient, numbers[patient.id]) for patient in patients]


def _facts(patient: Patient, numbers: list[PatientIdentifier]) -> PersonFacts:
    return PersonFacts(
        name=patient.full_name,
        birth_date=patient.birth_date,
        birth_year_only=patient.birth_year_only,
        sex=patient.sex,
        identifiers=frozenset((row.system, row.value) for row in numbers),
    )


async def with_national_id(session: AsyncSession, number: str) -> Patient | None:
    """The one person with this CCCD, wherever they are known."""
    return (
        await session.exec(
            select(Patient)
            .join(PatientIdentifier, col(PatientIdentifier.patient_id) == col(Patient.id))
            .where(PatientIdentifier.system == IdentifierSystem.NATIONAL_ID, PatientIdentifier.value == number)
        )
    ).first()
