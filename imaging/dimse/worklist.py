"""The modality worklist (PS3.4, K): what is to be imaged where, so that a device need not be typed on.

Rows flow down: the floors that know referrals and appointments call `schedule` and `unschedule`.
"""

from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydicom.dataset import Dataset
from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import and_, col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dicom.person_names import person_name
from imaging.dimse import identifiers
from imaging.dimse.identifiers import Values
from imaging.dimse.models import WorklistItem
from imaging.dimse.nodes import Guest
from imaging.store.errors import BadSearch
from telehealth.core import audit, clock
from telehealth.core.db import session_scope
from telehealth.core.names import fold
from telehealth.core.settings import settings
from telehealth.identity import access
from telehealth.identity.access import Action
from telehealth.patients.models import IdentifierSystem, Patient, PatientIdentifier

ALWAYS = ("StudyInstanceUID", "AccessionNumber", "RequestedProcedureID")
MOST = 500
KEPT = {"referral": timedelta(days=60), "appointment": timedelta(days=1)}
"""By source: how long after its time an item that nobody took back is shown."""
SEXES = {"male": "M", "female": "F", "other": "O"}


@dataclass(frozen=True)
class Ordered:
    """What a floor above wants imaged. source: referral or appointment, by its id."""

    source: str
    source_id: UUID
    organisation_id: UUID
    patient_id: UUID
    accession_number: str
    scheduled_at: datetime
    description: str = ""
    priority: str = "ROUTINE"
    modality: str = ""


async def schedule(session: AsyncSession, ordered: Ordered) -> None:
    """Put it on the list, or change what stands there; the Study Instance UID stays as it was promised first."""
    item = await _of(session, ordered.source, ordered.source_id)
    if item is None:
        item = WorklistItem(**asdict(ordered), study_uid=f"2.25.{ordered.source_id.int}")
    for name, value in asdict(ordered).items():
        setattr(item, name, value)
    session.add(item)
    await session.flush()


async def unschedule(session: AsyncSession, source: str, source_id: UUID) -> None:
    """Nothing is to be imaged any more."""
    if item := await _of(session, source, source_id):
        await session.delete(item)
        await session.flush()


async def _of(session: AsyncSession, source: str, source_id: UUID) -> WorklistItem | None:
    rows = select(WorklistItem).where(WorklistItem.source == source, WorklistItem.source_id == source_id)
    return (await session.exec(rows)).first()


async def matches(engine: AsyncEngine, guest: Guest, asked: Dataset) -> AsyncIterator[Values]:
    """Items of the node's organisations, the earliest first."""
    units = access.units_for(guest.actor, Action.SEE_PATIENT)
    step = (asked.get("ScheduledProcedureStepSequence") or [Dataset()])[0]
    rows = (
        select(WorklistItem, Patient)
        .join(Patient, col(Patient.id) == col(WorklistItem.patient_id))
        .where(col(WorklistItem.organisation_id).in_(units), or_(*(_current(*one) for one in KEPT.items())))
        .order_by(col(WorklistItem.scheduled_at), col(WorklistItem.id))
        .limit(MOST)
    )
    if accession := identifiers.text_of(asked.get("AccessionNumber")).strip():
        rows = rows.where(WorklistItem.accession_number == accession)
    async with session_scope(engine) as session:
        found = (await session.exec(rows)).all()
        numbers = await _numbers(session, [patient.id for _, patient in found])
        listed = [_values(item, patient, numbers.get(patient.id, ""), guest.ae_title) for item, patient in found]
        listed = [one for one in listed if _fits(asked, step, one)]
        audit.record(session, guest.actor, "worklist.searched", "", count=len(listed), ae_title=guest.ae_title)
    for one in listed:
        yield one


def _current(source: str, kept: timedelta) -> ColumnElement[bool]:
    return and_(col(WorklistItem.source) == source, col(WorklistItem.scheduled_at) > clock.now() - kept)


async def _numbers(session: AsyncSession, patient_ids: list[UUID]) -> dict[UUID, str]:
    """Patient -> personal number where there is one, else a facility's: what the images will carry as Patient ID."""
    rows = await session.exec(select(PatientIdentifier).where(col(PatientIdentifier.patient_id).in_(patient_ids)))
    order = list(IdentifierSystem)
    found = sorted(rows, key=lambda one: order.index(IdentifierSystem(one.system)), reverse=True)
    return {one.patient_id: one.value for one in found}


def _values(item: WorklistItem, patient: Patient, number: str, title: str) -> Values:
    at = item.scheduled_at.astimezone(ZoneInfo(settings().zone))
    born = patient.birth_date
    step = {
        "ScheduledStationAETitle": title,
        "ScheduledProcedureStepStartDate": at.strftime("%Y%m%d"),
        "ScheduledProcedureStepStartTime": at.strftime("%H%M%S"),
        "Modality": item.modality,
        "ScheduledProcedureStepDescription": item.description,
        "ScheduledProcedureStepID": item.accession_number,
        "ScheduledProcedureStepStatus": "SCHEDULED",
    }
    return {
        "PatientName": person_name(patient.full_name),
        "PatientID": number or str(patient.id)[:8],
        "PatientBirthDate": born.strftime("%Y%m%d") if born and not patient.birth_year_only else "",
        "PatientSex": SEXES.get(patient.sex, ""),
        "StudyInstanceUID": item.study_uid,
        "AccessionNumber": item.accession_number,
        "RequestedProcedureID": item.accession_number,
        "RequestedProcedureDescription": item.description,
        "RequestedProcedurePriority": item.priority,
        "ScheduledProcedureStepSequence": [step],
    }


def _fits(asked: Dataset, step: Dataset, values: Values) -> bool:
    scheduled = values["ScheduledProcedureStepSequence"][0]
    given = (
        _words(asked.get("PatientName"), values["PatientName"]),
        _same(asked.get("PatientID"), values["PatientID"]),
        _same(asked.get("StudyInstanceUID"), values["StudyInstanceUID"]),
        _same(step.get("Modality"), scheduled["Modality"] or identifiers.text_of(step.get("Modality"))),
        _during(step.get("ScheduledProcedureStepStartDate"), scheduled["ScheduledProcedureStepStartDate"]),
    )
    return all(given)


def _words(asked: Any, name: str) -> bool:
    """As in every search of names: any order, with or without marks; each word begins one of the name's."""
    words = [word.rstrip("*") for word in fold(identifiers.text_of(asked)).split()]
    return all(any(own.startswith(word) for own in fold(name).split()) for word in words)


def _same(asked: Any, value: str) -> bool:
    text = identifiers.text_of(asked).strip()
    return text in ("", "*", value) or (text.endswith("*") and value.startswith(text[:-1]))


def _during(asked: Any, day: str) -> bool:
    """`20260101`, `20260101-`, `-20261231`, `20260101-20261231`."""
    start, dash, end = identifiers.text_of(asked).strip().partition("-")
    if not all(part.isdigit() or not part for part in (start, end)):
        raise BadSearch("a date or a range of dates is expected")
    return (not start or start <= day if dash else start in ("", day)) and (not end or day <= end)
