"""Pages with images: the reading room, the clinic's look at its own images, a patient's released study."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dicomweb.ranges import ranged
from imaging.intake import documents
from imaging.reports import queries as report_queries
from imaging.representations.queries import cines_of
from imaging.store import access as image_access
from imaging.store.models import Study, StudyState
from telehealth.core import audit
from telehealth.core.actor import Actor, Role
from telehealth.core.blobs import blobs
from telehealth.core.db import fetch
from telehealth.core.errors import Forbidden, NotFound
from telehealth.identity.access import Action, may
from telehealth.identity.deps import CurrentActor, Work
from telehealth.patients.models import Patient
from telehealth.referrals import queries
from telehealth.referrals.models import Referral
from telehealth.web.pages.worklist import editor_facts
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)


@router.get("/reading/{referral_id}")
async def reading_room(request: Request, referral_id: UUID, actor: CurrentActor, session: Work) -> Response:
    """The specialist's place: images, marks, and the report below."""
    referral = await queries.see(session, actor, referral_id)
    editor = await editor_facts(session, actor, referral)
    facts = await _facts(session, actor, referral, may_annotate=True)
    beside = await documents.of_question(session, referral.id)
    return render(request, "reading/room.html", back="/worklist", documents=beside, **facts, **editor)


@router.get("/clinic/referrals/{referral_id}/images")
async def clinic_images(request: Request, referral_id: UUID, actor: CurrentActor, session: Work) -> Response:
    """What was sent and what the reader marked on it; nothing can be changed here."""
    referral = await queries.see(session, actor, referral_id)
    facts = await _facts(session, actor, referral, may_annotate=False)
    return render(request, "reading/images.html", back=f"/clinic/referrals/{referral_id}", referral=referral, **facts)


@router.get("/studies/{study_id}")
async def patient_images(request: Request, study_id: UUID, actor: CurrentActor, session: Work) -> Response:
    """One study, for the patient once it is released, and for whoever may see its images."""
    study = await fetch(session, Study, study_id)
    image_access.ensure(actor, study)
    patient = await session.get(Patient, study.patient_id) if study.patient_id else None
    audit.record(session, actor, "study.opened", study.id, patient_id=study.patient_id, purpose=study.referral_id or "")
    facts = _viewer([study], may_annotate=False)
    beside = await _beside(session, actor, [study])
    return render(
        request, "reading/images.html", back="/", referral=None, patient=patient, studies=[study], viewer=facts, beside=beside
    )


async def _facts(session: AsyncSession, actor: Actor, referral: Referral, *, may_annotate: bool) -> dict[str, Any]:
    """Patient and the studies that the actor may see. Raises Forbidden where images are not this role's business."""
    patient = await fetch(session, Patient, referral.patient_id)
    found = await report_queries.studies_of_referral(session, referral.id)
    studies = [study for study in found if may(actor, Action.SEE_IMAGES, image_access.scope_of(study))]
    if not studies and any(study.state == StudyState.AVAILABLE for study in found):
        raise Forbidden()
    for study in studies:
        audit.record(session, actor, "study.opened", study.id, patient_id=study.patient_id, purpose=referral.id)
    writes = may_annotate and all(may(actor, Action.ANNOTATE, image_access.scope_of(study)) for study in studies)
    return {
        "patient": patient,
        "studies": studies,
        "viewer": _viewer(studies, may_annotate=writes),
        "beside": await _beside(session, actor, studies),
    }


async def _beside(session: AsyncSession, actor: Actor, studies: list[Study]) -> dict[str, Any]:
    """Films of moving pictures, and what the pipeline linked as earlier; foreign studies are named, not opened."""
    films = [
        {"address": f"/studies/{study.id}/films/{instance.id}.mp4"}
        for study in studies
        for instance, _ in await cines_of(session, study.id)
    ]
    here = {str(study.id) for study in studies}
    ids = dict.fromkeys(one for study in studies for one in study.prior_ids if one not in here)
    found = [await session.get(Study, UUID(one)) for one in ids]
    priors = [
        {
            "id": one.id,
            "title": " · ".join(filter(None, (one.study_date, one.modalities.replace("\\", ", "), one.description))),
            "opens": may(actor, Action.SEE_IMAGES, image_access.scope_of(one)),
        }
        for one in found
        if one is not None and one.state == StudyState.AVAILABLE
    ]
    return {"films": films, "priors": [one for one in priors if one["opens"] or actor.has(Role.SPECIALIST)]}


@router.get("/studies/{study_id}/films/{instance_id}.mp4")
async def film(request: Request, study_id: UUID, instance_id: UUID, actor: CurrentActor, session: Work) -> Response:
    """Moving pictures as every browser plays them, by range."""
    study = await fetch(session, Study, study_id)
    image_access.ensure(actor, study)
    found = next((made for instance, made in await cines_of(session, study.id) if instance.id == instance_id), None)
    if found is None:
        raise NotFound()
    audit.record(
        session, actor, "study.opened", study.id, patient_id=study.patient_id, purpose=study.referral_id or "", what="film"
    )
    return ranged(request, await blobs().read(found.blob_key), "video/mp4")


def _viewer(studies: list[Study], *, may_annotate: bool) -> dict[str, Any]:
    """The island that the script reads; mirrors `viewer/facts.ts`."""
    listed = [{"uid": study.uid, "title": study.description or study.modalities} for study in studies]
    return {"studies": listed, "may_annotate": may_annotate}
