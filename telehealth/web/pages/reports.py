"""The signed report: its page, its document, its corrections."""

import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.reports import documents, pdf
from imaging.reports import queries as report_queries
from imaging.reports import service as reports
from imaging.reports.models import Report, ReportVersion
from imaging.reports.schemas import ReportText
from telehealth.core import audit
from telehealth.core.actor import Actor
from telehealth.core.blobs import blobs
from telehealth.core.errors import NotFound
from telehealth.core.problems import status_of
from telehealth.identity import access
from telehealth.identity.access import Action
from telehealth.identity.deps import CurrentActor, Work
from telehealth.referrals import queries, service
from telehealth.referrals.lifecycle import ReferralStatus
from telehealth.referrals.models import Decision, Referral
from telehealth.web.pages.worklist import ReportForm
from telehealth.web.refusals import refused, words_of
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)


@router.get("/reports/{report_id}.pdf")
async def report_pdf(request: Request, report_id: UUID, actor: CurrentActor, session: Work, version: int = 0) -> Response:
    """The document of a signed version; made at once where the job has not come to it."""
    report, referral = await queries.see_report(session, actor, report_id)
    chosen = await _version(session, report, version)
    await audit.write_recorded(session)
    await session.commit()  # the document is made outside any transaction: seconds perhaps
    content = await documents.pdf_of(request.app.state.engine, blobs(), chosen.id)
    name = f"{referral.code}-{chosen.version}.pdf"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'inline; filename="{name}"'}
    return Response(content, media_type="application/pdf", headers=headers)


async def _version(session: AsyncSession, report: Report, number: int) -> ReportVersion:
    """The numbered one, or the newest. Raises NotFound before a signature."""
    signed = await report_queries.versions(session, report.id)
    found = [v for v in signed if number in (0, v.version)]
    if not found:
        raise NotFound()
    return found[0]


@router.get("/reports/{report_id}")
async def report_page(request: Request, report_id: UUID, actor: CurrentActor, session: Work, version: int = 0) -> Response:
    """The signed text, whether it is intact, its versions and numbers."""
    report, referral = await queries.see_report(session, actor, report_id)
    if referral.status == ReferralStatus.ANSWERED and referral.from_organisation_id in actor.units:
        await service.open_answer(session, actor, referral.id)
    return await _report_page(request, actor, session, report, referral, version)


async def _report_page(
    request: Request,
    actor: Actor,
    session: AsyncSession,
    report: Report,
    referral: Referral,
    number: int = 0,
    error: str = "",
    status: int = 200,
    said: ReportText | None = None,
    reason: str = "",
) -> Response:
    shown = await _version(session, report, number)
    content = report_content(shown)
    is_author = referral.reader_id == actor.account_id
    return render(
        request,
        "reports/report.html",
        status,
        report=report,
        referral=referral,
        version=shown,
        versions=await report_queries.versions(session, report.id),
        content=content,
        intact=reports.verify(shown),
        table=pdf.findings_table(content["measurements"]),
        may_acknowledge=referral.status == ReferralStatus.ANSWERED
        and access.may(actor, Action.ACKNOWLEDGE, queries.scope_of(referral)),
        may_correct=is_author and access.may(actor, Action.SIGN_REPORT, queries.scope_of(referral)),
        is_staff=bool(actor.units),
        decisions=list(Decision),
        error=error,
        said=said or report,
        reason=reason,
    )


def report_content(version: ReportVersion) -> dict[str, Any]:
    """The signed content; what cannot be read any more is shown as empty, with the seal broken beside it."""
    empty: dict[str, Any] = {"findings": "", "impression": "", "recommendation": "", "critical": False}
    empty |= {"measurements": [], "key_images": [], "patient": {"name": "", "birth_date": ""}, "referral": {}, "zone": "UTC"}
    try:
        read: dict[str, Any] = json.loads(version.content)
        return empty | read
    except ValueError:
        return empty


@router.post("/reports/{report_id}/correct")
async def correct(
    request: Request, report_id: UUID, actor: CurrentActor, session: Work, given: Annotated[ReportForm, Form()]
) -> Response:
    """A new version beside the signed ones."""
    error = await refused(session, service.correct_answer(session, actor, report_id, given.said, given.reason, given.otp))
    if error is None:
        return RedirectResponse(f"/reports/{report_id}", 303)
    report, referral = await queries.see_report(session, actor, report_id)
    words, status = words_of(error), status_of(error)
    return await _report_page(request, actor, session, report, referral, 0, words, status, given.said, given.reason)
