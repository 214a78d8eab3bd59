"""Pages of the reader: what is due next, take it, give it back, write and sign the report."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.reports import queries as report_queries
from imaging.reports.schemas import ReportText
from telehealth.core.actor import Actor
from telehealth.core.db import fetch
from telehealth.core.errors import DomainError, NotFound
from telehealth.core.problems import status_of
from telehealth.identity.deps import CurrentActor, Work
from telehealth.referrals import queries, service
from telehealth.referrals.lifecycle import ReferralStatus
from telehealth.referrals.models import Referral
from telehealth.referrals.reading import is_held_by
from telehealth.web.pages.referrals import names_of
from telehealth.web.refusals import refused, words_of
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form()]


class ReportForm(BaseModel):
    """A report as its editor sends it. do: save, preliminary or sign; critical: yes where it was ticked."""

    findings: str = ""
    impression: str = ""
    recommendation: str = ""
    critical: str = ""
    draft_revision: int = 0
    do: str = "save"
    otp: str = ""
    reason: str = ""
    """Why a signed report is corrected."""

    @property
    def said(self) -> ReportText:
        words = self.model_dump(include={"findings", "impression", "recommendation"})
        return ReportText(critical=self.critical == "yes", **words)


@router.get("/worklist")
async def worklist(request: Request, actor: CurrentActor, session: Work) -> Response:
    return await _worklist(request, actor, session)


async def _worklist(request: Request, actor: Actor, session: AsyncSession, error: str = "", status: int = 200) -> Response:
    mine, pool = await queries.worklist(session, actor)
    done = await queries.answered_by(session, actor)
    names = await names_of(session, mine + pool + done)
    return render(request, "referrals/worklist.html", status, mine=mine, pool=pool, done=done, names=names, error=error)


@router.post("/worklist/{referral_id}/claim")
async def claim(request: Request, referral_id: UUID, actor: CurrentActor, session: Work) -> Response:
    """Take it and go to the reading room; a lost race shows who was first."""
    error = await refused(session, service.claim(session, actor, referral_id))
    if error:
        return await _worklist(request, actor, session, words_of(error), status_of(error))
    return RedirectResponse(f"/reading/{referral_id}", 303)


@router.post("/worklist/{referral_id}/{what}")
async def give_back(
    request: Request, referral_id: UUID, what: str, actor: CurrentActor, session: Work, text: Text = ""
) -> Response:
    """release, decline with a reason, or ask the clinic for more."""
    match what:
        case "release":
            given_back = service.release(session, actor, referral_id)
        case "decline":
            given_back = service.decline(session, actor, referral_id, text)
        case "ask":
            given_back = service.ask_back(session, actor, referral_id, text)
        case _:
            raise NotFound()
    error = await refused(session, given_back)
    if error:
        return await _worklist(request, actor, session, words_of(error), status_of(error))
    return RedirectResponse("/worklist", 303)


async def editor_facts(session: AsyncSession, actor: Actor, referral: Referral) -> dict[str, Any]:
    """What `reports/_editor.html` needs, for whichever page shows it."""
    report = await report_queries.report_of_referral(session, referral.id)
    return {
        "referral": referral,
        "report": report,
        "said": report or ReportText(),
        "draft_revision": report.draft_revision if report else 0,
        "may_write": is_held_by(referral, actor) and referral.status == ReferralStatus.ASSIGNED,
        "signed": bool(report and report.signed_version),
        "editor_error": "",
        "sign_error": "",
    }


@router.post("/reading/{referral_id}/report")
async def write_report(
    request: Request, referral_id: UUID, actor: CurrentActor, session: Work, given: Annotated[ReportForm, Form()]
) -> Response:
    """Save, make preliminary, or sign. Where it is refused, the editor comes back alone with every word kept."""
    said = given.said
    saved = service.save_draft(session, actor, referral_id, said, given.draft_revision, preliminary=given.do == "preliminary")
    error = await refused(session, saved)
    if error:
        return await _editor_again(request, actor, session, referral_id, said, error, given.draft_revision)
    if given.do != "sign":
        return RedirectResponse(f"/reading/{referral_id}", 303)
    report = await report_queries.report_of_referral(session, referral_id)
    assert report is not None  # it was saved a moment ago
    error = await refused(session, service.sign_answer(session, actor, referral_id, given.otp, report.draft_revision))
    if error:
        return await _editor_again(request, actor, session, referral_id, said, error, report.draft_revision)
    return RedirectResponse(f"/reports/{report.id}", 303)


async def _editor_again(
    request: Request,
    actor: Actor,
    session: AsyncSession,
    referral_id: UUID,
    said: ReportText,
    error: DomainError,
    revision: int,
) -> Response:
    referral = await fetch(session, Referral, referral_id)
    await session.refresh(referral)
    facts = await editor_facts(session, actor, referral)
    newest = int(error.facts.get("draft_revision", revision))
    facts |= {"said": said, "draft_revision": newest, "editor_error": words_of(error)}
    return render(request, "reports/edit.html", status_of(error), **facts)
