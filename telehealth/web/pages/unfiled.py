"""Images that came without a question, and what was set aside because it contradicts what we hold."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import ColumnElement, or_, true
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.intake import service as intake
from imaging.intake.answers import sentence
from imaging.pipeline import service as pipeline
from imaging.store.access import visible
from imaging.store.lifecycle import HeldBecause, StudyState
from imaging.store.models import Quarantined, Study
from telehealth.core import audit
from telehealth.core.actor import Actor
from telehealth.core.db import fetch
from telehealth.core.errors import Forbidden, NotFound
from telehealth.core.problems import status_of
from telehealth.identity import access
from telehealth.identity.access import Action
from telehealth.identity.deps import CurrentActor, Work
from telehealth.patients.models import Patient
from telehealth.referrals import uploads
from telehealth.referrals.models import Referral
from telehealth.web.pages.upload import shown
from telehealth.web.refusals import refused, words_of
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)
DECIDING = (Action.PROPOSE_IDENTITY, Action.RESOLVE_IDENTITY)
MOST = 100


@router.get("/clinic/unfiled")
async def unfiled(request: Request, actor: CurrentActor, session: Work) -> Response:
    """Studies that came without a question, the questions they may belong to, and what was set aside."""
    return await _page(request, session, actor)


async def _page(request: Request, session: AsyncSession, actor: Actor, status: int = 200, told: str = "") -> Response:
    if not any(access.holds(actor, action) for action in DECIDING):
        raise Forbidden()
    waiting = select(Study).where(Study.state == StudyState.HELD, Study.held_because == HeldBecause.UNFILED)
    waiting = waiting.where(or_(*(visible(actor, action) for action in DECIDING)))
    found = (await session.exec(waiting.order_by(col(Study.received_at).desc()).limit(MOST))).all()
    rows = [shown(study, await intake.study_truth(session, study), actor) for study in found]
    aside = select(Quarantined).where(_own(actor)).order_by(col(Quarantined.received_at).desc()).limit(MOST)
    facts = {
        "studies": list(zip(rows, (study.organisation_id for study in found), strict=True)),
        "questions": await _open_questions(session, {study.organisation_id for study in found}),
        "aside": [(row, sentence(row.reason)) for row in await session.exec(aside)],
    }
    audit.record(session, actor, "study.unfiled_read", "", shown=len(rows))
    return render(request, "upload/unfiled.html", status, told=told, **facts)


def _own(actor: Actor) -> ColumnElement[bool]:
    """What the actor's clinics sent; everything for who decides for the province."""
    if any(access.province_wide(actor, action) for action in DECIDING):
        return true()
    units = frozenset().union(*(access.units_for(actor, action) for action in DECIDING))
    return col(Quarantined.organisation_id).in_(units)


async def _open_questions(session: AsyncSession, clinics: Iterable[UUID]) -> dict[UUID, list[tuple[str, str]]]:
    """Of each clinic what a study may be filed under: (id, code and patient), the newest first."""
    rows = await session.exec(
        select(Referral, Patient)
        .join(Patient, col(Referral.patient_id) == Patient.id)
        .where(col(Referral.from_organisation_id).in_(list(clinics)), col(Referral.status).not_in(uploads.CLOSED))
        .order_by(col(Referral.created_at).desc())
        .limit(5 * MOST)
    )
    found: dict[UUID, list[tuple[str, str]]] = {clinic: [] for clinic in clinics}
    for referral, patient in rows:
        found[referral.from_organisation_id].append((str(referral.id), f"{referral.code} · {patient.full_name}"))
    return found


@router.post("/clinic/unfiled/{study_id}")
async def file_study(
    request: Request, study_id: UUID, actor: CurrentActor, session: Work, referral_id: Annotated[str, Form()] = ""
) -> Response:
    """File a study under a question of the same clinic."""
    study = await fetch(session, Study, study_id)
    try:
        referral = await fetch(session, Referral, referral_id)
    except NotFound as unknown:
        return await _page(request, session, actor, 422, words_of(unknown))
    if study.organisation_id != referral.from_organisation_id:
        raise NotFound()
    error = await refused(session, pipeline.file_under(session, actor, study_id, referral.id, referral.patient_id))
    if error:
        return await _page(request, session, actor, status_of(error), words_of(error))
    return RedirectResponse(f"/clinic/referrals/{referral.id}/upload", 303)
