"""Patients over HTTP."""

from uuid import UUID

from fastapi import APIRouter, Response

from telehealth.core.problems import responses
from telehealth.identity.deps import CurrentActor, Work
from telehealth.patients import queries, service
from telehealth.patients.numbers import warnings_about
from telehealth.patients.schemas import CandidateOut, PatientIn, PatientOut, SearchIn, TakeIn

router = APIRouter(prefix="/api/v1/patients", tags=["patients"])


@router.post("", status_code=201, responses=responses(401, 403, 409, 422))
async def register_patient(given: PatientIn, session: Work, actor: CurrentActor, response: Response) -> PatientOut:
    """Register a person. 409 `patient-known` names the record that has this personal number."""
    patient = await service.register(session, actor, given)
    response.headers["Location"] = f"/api/v1/patients/{patient.id}"
    doubts = warnings_about(given.national_id, given.year, given.sex)
    return PatientOut.of(patient, await queries.numbers_of(session, patient.id), doubts)


@router.post("/search", responses=responses(401, 403, 422))
async def search_patients(wanted: SearchIn, session: Work, actor: CurrentActor) -> list[PatientOut]:
    """People you may see, by name without marks in any order, by number or by phone."""
    return [PatientOut.of(patient) for patient in await service.find(session, actor, wanted.text)]


@router.post("/candidates", responses=responses(401, 403, 422))
async def suggest_patients(given: PatientIn, session: Work, actor: CurrentActor) -> list[CandidateOut]:
    """Who may already be known under this description, and why."""
    return [
        CandidateOut(
            patient=PatientOut.of(found.patient),
            verdict=found.match.verdict,
            reasons=list(found.match.reasons),
            known_here=found.known_here,
        )
        for found in await service.candidates(session, actor, given)
    ]


@router.get("/own", responses=responses(401))
async def own_patients(session: Work, actor: CurrentActor) -> list[PatientOut]:
    """The people this account acts for."""
    return [PatientOut.of(patient) for patient in await service.own_patients(session, actor)]


@router.get("/{patient_id}", responses=responses(401, 403, 404, 422))
async def get_patient(patient_id: UUID, session: Work, actor: CurrentActor) -> PatientOut:
    """One person."""
    patient = await service.see(session, actor, patient_id)
    return PatientOut.of(patient, await queries.numbers_of(session, patient.id))


@router.post("/{patient_id}/take-in", responses=responses(401, 403, 404, 422))
async def take_patient_in(patient_id: UUID, proof: TakeIn, session: Work, actor: CurrentActor) -> PatientOut:
    """Your facility knows this person from now on; the exact personal number is the proof."""
    patient = await service.take_in(session, actor, patient_id, proof.national_id, proof.organisation_id)
    return PatientOut.of(patient, await queries.numbers_of(session, patient.id))
