"""HTTP: referrals, and the report that answers each."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from imaging.reports.queries import report_of_referral
from telehealth.core.problems import responses
from telehealth.identity.deps import CurrentActor, Work
from telehealth.referrals import completeness, queries, service
from telehealth.referrals.lifecycle import ReferralStatus
from telehealth.referrals.schemas import (
    AcknowledgeIn,
    AssignIn,
    CloseIn,
    CorrectIn,
    DraftIn,
    ItemOut,
    ReasonIn,
    ReferralFull,
    ReferralIn,
    ReferralOut,
    ReferralPatch,
    ReportDraftOut,
    SignIn,
    StudyOut,
    SubmitIn,
    VersionOut,
)

router = APIRouter(prefix="/api/v1", tags=["referrals"], responses=responses(401, 403, 404, 409, 422))


@router.post("/referrals", status_code=201)
async def create(given: ReferralIn, actor: CurrentActor, session: Work) -> ReferralOut:
    """Begin a question as a draft."""
    return ReferralOut.model_validate(await service.create(session, actor, given))


@router.get("/referrals")
async def list_referrals(
    actor: CurrentActor,
    session: Work,
    view: Annotated[Literal["clinic", "mine", "pool"], Query(description="whose list")] = "clinic",
    status: Annotated[ReferralStatus | None, Query()] = None,
) -> list[ReferralOut]:
    """clinic: what needs the clinic now comes first. mine, pool: a reader's worklist in the published order."""
    if view == "clinic":
        now, rest = await queries.clinic_list(session, actor)
        found = now + rest
    else:
        mine, pool = await queries.worklist(session, actor)
        found = mine if view == "mine" else pool
    return [ReferralOut.model_validate(row.referral) for row in found if status in (None, row.referral.status)]


@router.get("/referrals/{referral_id}")
async def get(referral_id: UUID, actor: CurrentActor, session: Work) -> ReferralFull:
    """One question with what is still missing and its studies."""
    referral = await queries.see(session, actor, referral_id)
    row = await queries.row_of(session, referral)
    items = await queries.completeness_of(session, row)
    report = await report_of_referral(session, referral.id)
    full = ReferralFull.model_validate(referral)
    full.completeness = [ItemOut.model_validate(item) for item in items]
    full.complete_percent = completeness.percent(items)
    full.studies = [StudyOut.model_validate(study) for study in row.studies]
    full.report_id = report.id if report else None
    return full


@router.patch("/referrals/{referral_id}")
async def patch(referral_id: UUID, given: ReferralPatch, actor: CurrentActor, session: Work) -> ReferralOut:
    """Change a draft."""
    return ReferralOut.model_validate(await service.update_draft(session, actor, referral_id, given))


@router.post("/referrals/{referral_id}/submit")
async def submit(referral_id: UUID, given: SubmitIn, actor: CurrentActor, session: Work) -> ReferralOut:
    """Send it: the answer carries the due time and why."""
    return ReferralOut.model_validate(await service.submit(session, actor, referral_id, consent=given.consent))


@router.post("/referrals/{referral_id}/claim")
async def claim(referral_id: UUID, actor: CurrentActor, session: Work) -> ReferralOut:
    """Take it to read. 409 tells who holds it and since when."""
    return ReferralOut.model_validate(await service.claim(session, actor, referral_id))


@router.post("/referrals/{referral_id}/heartbeat")
async def heartbeat(referral_id: UUID, actor: CurrentActor, session: Work) -> ReferralOut:
    """Keep it; at least every few minutes."""
    return ReferralOut.model_validate(await service.heartbeat(session, actor, referral_id))


@router.post("/referrals/{referral_id}/release")
async def release(referral_id: UUID, actor: CurrentActor, session: Work) -> ReferralOut:
    """Back to the pool; the draft is kept."""
    return ReferralOut.model_validate(await service.release(session, actor, referral_id))


@router.post("/referrals/{referral_id}/decline")
async def decline(referral_id: UUID, given: ReasonIn, actor: CurrentActor, session: Work) -> ReferralOut:
    """Back to the pool with a reason; the due time stays."""
    return ReferralOut.model_validate(await service.decline(session, actor, referral_id, given.text))


@router.post("/referrals/{referral_id}/assign")
async def assign(referral_id: UUID, given: AssignIn, actor: CurrentActor, session: Work) -> ReferralOut:
    """A coordinator names the reader."""
    return ReferralOut.model_validate(await service.assign(session, actor, referral_id, given.reader_id))


@router.post("/referrals/{referral_id}/ask")
async def ask(referral_id: UUID, given: ReasonIn, actor: CurrentActor, session: Work) -> ReferralOut:
    """Ask the clinic for more: the clock stops."""
    return ReferralOut.model_validate(await service.ask_back(session, actor, referral_id, given.text))


@router.post("/referrals/{referral_id}/answer")
async def answer(referral_id: UUID, given: ReasonIn, actor: CurrentActor, session: Work) -> ReferralOut:
    """The clinic gives what was asked for: the clock runs on."""
    return ReferralOut.model_validate(await service.answer_question(session, actor, referral_id, given.text))


@router.put("/referrals/{referral_id}/report")
async def save_draft(referral_id: UUID, given: DraftIn, actor: CurrentActor, session: Work) -> ReportDraftOut:
    """Save the draft. 409 with the newest draft_revision where another page saved before."""
    report = await service.save_draft(session, actor, referral_id, given, given.draft_revision, preliminary=given.preliminary)
    return ReportDraftOut.model_validate(report)


@router.post("/referrals/{referral_id}/sign")
async def sign(referral_id: UUID, given: SignIn, actor: CurrentActor, session: Work) -> VersionOut:
    """Sign the draft with a fresh one-time code."""
    version = await service.sign_answer(session, actor, referral_id, given.otp, given.draft_revision)
    return VersionOut.model_validate(version)


@router.post("/referrals/{referral_id}/open")
async def open_answer(referral_id: UUID, actor: CurrentActor, session: Work) -> ReportDraftOut:
    """Read the answer; the clinic's first look is kept."""
    _, report = await service.open_answer(session, actor, referral_id)
    return ReportDraftOut.model_validate(report)


@router.post("/referrals/{referral_id}/acknowledge")
async def acknowledge(referral_id: UUID, given: AcknowledgeIn, actor: CurrentActor, session: Work) -> ReferralOut:
    """The clinic's doctor decides."""
    return ReferralOut.model_validate(await service.acknowledge(session, actor, referral_id, given.decision, given.note))


@router.post("/referrals/{referral_id}/close")
async def close(referral_id: UUID, given: CloseIn, actor: CurrentActor, session: Work) -> ReferralOut:
    """What became of it."""
    return ReferralOut.model_validate(await service.close(session, actor, referral_id, given.outcome, given.note))


@router.post("/referrals/{referral_id}/cancel")
async def cancel(referral_id: UUID, given: ReasonIn, actor: CurrentActor, session: Work) -> ReferralOut:
    """Take it back; not after an answer."""
    return ReferralOut.model_validate(await service.cancel(session, actor, referral_id, given.text))


@router.post("/reports/{report_id}/correct")
async def correct(report_id: UUID, given: CorrectIn, actor: CurrentActor, session: Work) -> VersionOut:
    """A new signed version with its reason; the earlier ones stay as they are."""
    version = await service.correct_answer(session, actor, report_id, given, given.reason, given.otp)
    return VersionOut.model_validate(version)
