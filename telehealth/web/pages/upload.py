"""Pages for images on their way in: the upload of a question, its held studies, and studies that nobody has filed."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.datastructures import UploadFile

from imaging.dicom.legacy_vietnamese import spellings
from imaging.dicom.person_names import whole_name
from imaging.intake import documents, manifest
from imaging.intake import service as intake
from imaging.intake.answers import sentence
from imaging.intake.files import take
from imaging.intake.schemas import SeriesOut
from imaging.pipeline import service as pipeline
from imaging.pipeline.errors import NoSuchSpelling
from imaging.pipeline.service import Decision
from imaging.pipeline.spelling import repair_name
from imaging.store.access import scope_of
from imaging.store.lifecycle import StudyState
from imaging.store.models import Study
from telehealth.core import audit
from telehealth.core.actor import Actor
from telehealth.core.blobs import CHUNK, blobs
from telehealth.core.db import fetch, session_scope
from telehealth.core.errors import DomainError, NotFound
from telehealth.core.i18n import gettext
from telehealth.core.problems import status_of
from telehealth.identity import access
from telehealth.identity.access import Action
from telehealth.identity.deps import CurrentActor, Work, secret_of
from telehealth.identity.sessions import actor_of
from telehealth.patients.matching import REASONS
from telehealth.patients.models import Patient
from telehealth.referrals import uploads
from telehealth.referrals.models import Referral
from telehealth.referrals.queries import scope_of as scope_of_question
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)
MOST_FORM_FILES = 1000

STATES = {
    StudyState.RECEIVING: ("info", "Images are arriving"),
    StudyState.CHECKING: ("info", "Images are being checked"),
    StudyState.HELD: ("warn", "Waits for a decision"),
    StudyState.AVAILABLE: ("ok", "Ready to read"),
    StudyState.REJECTED: ("muted", "Rejected"),
    StudyState.WITHDRAWN: ("muted", "Withdrawn"),
}
MORE_COMES = "Can be read; more images are coming"
FINDINGS = {
    "incomplete": "{received} of {expected} announced images are here",
    "gap": "{missing} slices seem to be missing in one series",
    "mixed_orientations": "One series mixes {count} directions",
    "undecodable": "{count} images cannot be shown",
    "identity_likely": "The name or date in the file is not quite the patient's",
    "identity_mismatch": "The file names another patient; a doctor has accepted it",
}
STEPS = {
    "validate": "Reading the images",
    "identity": "Comparing the patient",
    "completeness": "Counting the slices",
    "representations": "Making previews",
    "burned_in": "Looking for text in the pictures",
    "priors": "Looking for earlier studies",
    "routing": "Finding the right reader",
    "ready": "Almost done",
}
VERDICTS = {
    "waiting": ("info", "Being unpacked"),
    "unpacked": ("ok", "Unpacked"),
    "stored": ("ok", "Received"),
    "duplicate": ("ok", "Already here"),
    "quarantined": ("warn", "Set aside"),
    "refused": ("danger", "Not taken"),
    "ignored": ("muted", "Not needed"),
}
SCRIPT_TEXTS = (
    "Reading the folder…",
    "Looking at file {done} of {total}…",
    "Sending…",
    "Waiting for the connection…",
    "No connection",
    "No connection. What has arrived stays there; it goes on by itself.",
    "Paused. What has arrived stays there.",
    "Your session has ended. Sign in again in another tab, then go on.",
    "Not sent: {reason}",
    "The file can no longer be read",
    "All {total} files are here; {before} were here before",
    "Already here: 0 of {total} files sent",
    "{count} files were not taken; see below",
    "{here} of {total} files · {done} of {all} MB",
    "Other files",
    "Series without a name",
    "{count} not taken",
    "All here",
    "Waits",
    "Being sent",
    "Pause",
    "Go on",
)


@router.get("/clinic/referrals/{referral_id}/upload")
async def page(request: Request, referral_id: str, actor: CurrentActor, session: Work) -> Response:
    """Where images are dropped, and what became of those that came."""
    return await _page(request, session, actor, referral_id)


async def _page(
    request: Request, session: AsyncSession, actor: Actor, referral_id: str, status: int = 200, **more: Any
) -> Response:
    referral = await _seen(session, actor, referral_id)
    patient = await fetch(session, Patient, referral.patient_id)
    studies = await _studies(session, actor, referral)
    files = [file for upload in await intake.of_referral(session, referral.id) for file in await intake.files_of(session, upload)]
    files.sort(key=lambda file: (file.verdict in ("stored", "duplicate"), file.name))
    audit.record(session, actor, "referral.upload_read", referral.id, patient_id=referral.patient_id, purpose=referral.id)
    series = await manifest.series_of_question(session, referral.id)
    facts = {"referral": referral, "patient": patient, "studies": studies, "files": files[:500], "sentence": sentence}
    facts["documents"] = await documents.of_question(session, referral.id)
    facts |= {"may_upload": access.may(actor, Action.UPLOAD_IMAGES, scope_of_question(referral))}
    facts |= {"series": [SeriesOut.model_validate(one).model_dump() for one in series]}
    texts = {text: gettext(text) for text in SCRIPT_TEXTS} | {words: gettext(words) for _, words in VERDICTS.values()}
    return render(request, "upload/upload.html", status, **facts, verdicts=VERDICTS, texts=texts, error="", **more)


async def _seen(session: AsyncSession, actor: Actor, referral_id: str) -> Referral:
    """The question, for who sends its images and for who decides whose they are. Raises NotFound to strangers."""
    referral = await fetch(session, Referral, referral_id)
    if access.may(actor, Action.RESOLVE_IDENTITY, scope_of_question(referral)):
        return referral
    return await uploads.to_receive(session, actor, referral_id)


async def _studies(session: AsyncSession, actor: Actor, referral: Referral) -> list[dict[str, Any]]:
    found = await session.exec(select(Study).where(Study.referral_id == referral.id).order_by(col(Study.received_at)))
    return [shown(study, await intake.study_truth(session, study), actor) for study in found]


def shown(study: Study, truth: dict[str, Any], actor: Actor) -> dict[str, Any]:
    """A study in the reader's words."""
    kind, words = ("info", MORE_COMES) if _still_arrives(study) else STATES[StudyState(study.state)]
    step = truth["progress"]["step"]
    scope = scope_of(study)
    return truth | {
        "kind": kind,
        "words": gettext(words),
        "busy": study.state in (StudyState.RECEIVING, StudyState.CHECKING) or _still_arrives(study),
        "step_words": gettext(STEPS[step]) if step else "",
        "notes": [gettext(FINDINGS.get(f["code"], f["code"])).format_map(f) for f in study.findings if _is_said(f, study)],
        "reasons": [gettext(REASONS[code]) for code in study.held_facts.get("reasons", []) if code in REASONS],
        "file_person": whole_name(study.dicom_patient_name),
        "file_birth": study.dicom_birth_date,
        "decided": study.identity.get("decided"),
        "proposal": study.identity.get("proposal"),
        "spellings": spellings(study.dicom_patient_name),
        "name_as_sent": study.name_as_sent,
        "may_decide": access.may(actor, Action.RESOLVE_IDENTITY, scope),
        "may_propose": access.may(actor, Action.PROPOSE_IDENTITY, scope),
        "may_hold": access.may(actor, Action.WITHDRAW_STUDY, scope),
        "study_date": study.study_date,
    }


def _still_arrives(study: Study) -> bool:
    """Readable since its patient is sure, not yet checked whole."""
    return study.state == StudyState.AVAILABLE and study.available_at is None


def _is_said(finding: dict[str, Any], study: Study) -> bool:
    """A doubt about the person is shown in full while it waits for a decision, and as a note where it was accepted."""
    return study.state not in (StudyState.HELD, StudyState.REJECTED) or not finding["code"].startswith("identity_")


@router.get("/clinic/referrals/{referral_id}/upload/studies")
async def studies(request: Request, referral_id: str, actor: CurrentActor, session: Work) -> Response:
    """The part of the page that moves by itself."""
    referral = await _seen(session, actor, referral_id)
    return render(request, "upload/_studies.html", referral=referral, studies=await _studies(session, actor, referral))


@router.post("/clinic/referrals/{referral_id}/upload")
async def by_form(request: Request, referral_id: str) -> Response:
    """The same without a script: a form with many files (or a zip), one answer each."""
    engine = request.app.state.engine  # no transaction stays open while a slow line sends
    async with session_scope(engine) as session:
        actor = await actor_of(session, secret_of(request) or "")
        upload = await uploads.open_upload(session, actor, referral_id)
    async with request.form(max_files=MOST_FORM_FILES) as form:
        for file in form.getlist("files"):
            if isinstance(file, UploadFile) and file.filename:
                await take(engine, blobs(), actor, upload, file.filename, _pieces(file))
    async with session_scope(engine) as session:
        await intake.finish(session, actor, upload.id)
    return RedirectResponse(f"/clinic/referrals/{referral_id}/upload", 303)


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(CHUNK):
        yield piece


@router.post("/clinic/referrals/{referral_id}/studies/{study_id}/decision")
async def decide(
    request: Request,
    referral_id: str,
    study_id: UUID,
    actor: CurrentActor,
    session: Work,
    decision: Annotated[Decision, Form()],
    note: Annotated[str, Form()] = "",
) -> Response:
    """A held study belongs to this patient or it does not: doctor or coordinator decide, a technician may propose."""
    referral = await _seen(session, actor, referral_id)
    study = await fetch(session, Study, study_id)
    if study.referral_id != referral.id:
        raise NotFound()
    try:
        if access.may(actor, Action.RESOLVE_IDENTITY, scope_of(study)):
            await pipeline.resolve_identity(session, actor, study_id, decision, note)
        else:
            await pipeline.propose_identity(session, actor, study_id, decision, note)
    except DomainError as error:
        if status_of(error) not in (409, 422):
            raise
        told = {"told": gettext(error.title), "told_about": study_id, "note": note}
        return await _page(request, session, actor, referral_id, status_of(error), **told)
    return RedirectResponse(f"/clinic/referrals/{referral_id}/upload", 303)


@router.post("/clinic/referrals/{referral_id}/studies/{study_id}/spelling")
async def spell(
    request: Request, referral_id: str, study_id: UUID, actor: CurrentActor, session: Work, code: Annotated[str, Form()] = ""
) -> Response:
    """The name is meant as proposed: the index and the pages say so from here on, the file stays."""
    await uploads.to_receive(session, actor, referral_id)
    try:
        await repair_name(session, actor, study_id, code)
    except NoSuchSpelling as error:
        return await _page(request, session, actor, referral_id, 409, told=gettext(error.title), told_about=study_id, note="")
    return RedirectResponse(f"/clinic/referrals/{referral_id}/upload", 303)
