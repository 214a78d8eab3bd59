"""Pages of a question: the clinic's list and form, the reader's worklist, the signed report, the coordinator's desk."""

import json
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.reports import documents, pdf
from imaging.reports import queries as report_queries
from imaging.reports import service as reports
from imaging.reports.models import Report, ReportVersion
from imaging.reports.schemas import ReportText
from telehealth.core import audit, clock
from telehealth.core.actor import Actor
from telehealth.core.blobs import blobs
from telehealth.core.db import fetch
from telehealth.core.errors import DomainError, Forbidden, NotFound
from telehealth.core.i18n import gettext
from telehealth.core.problems import status_of
from telehealth.identity import access, organisations
from telehealth.identity.access import Action
from telehealth.identity.deps import CurrentActor, Work
from telehealth.identity.models import Account, Organisation
from telehealth.patients import service as patients
from telehealth.patients.schemas import PatientIn
from telehealth.referrals import completeness, queries, service
from telehealth.referrals.lifecycle import ReferralStatus
from telehealth.referrals.models import Decision, Outcome, Referral
from telehealth.referrals.reading import is_held_by
from telehealth.referrals.schemas import ReferralIn, ReferralPatch
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form()]
DRAFT_FIELDS = ("question", "history", "reason_code", "priority", "stat_reason", "callback_phone")
PERSON_FIELDS = ("full_name", "birth_date", "birth_year", "sex", "phone", "national_id")

BLANK = dict.fromkeys((*DRAFT_FIELDS, *PERSON_FIELDS, "find", "patient_id", "to_organisation_id"), "")


def _with_instants(step: dict[str, Any]) -> dict[str, Any]:
    """A step of the due time with its ISO texts as instants, for the page."""
    return {key: datetime.fromisoformat(value) if key in ("at", "from", "to") else value for key, value in step.items()}


def _go(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303)


async def _names(session: AsyncSession, rows: list[queries.Row]) -> dict[UUID, str]:
    ids = {unit for row in rows for unit in (row.referral.from_organisation_id, row.referral.to_organisation_id)}
    return await organisations.names(session, ids, clock.day_in("Asia/Ho_Chi_Minh", clock.now()))


@router.get("/clinic")
async def clinic(request: Request, actor: CurrentActor, session: Work) -> Response:
    """What needs me now, then the rest."""
    access_or_refuse(actor, Action.CREATE_REFERRAL)
    now, rest = await queries.clinic_list(session, actor)
    return render(request, "referrals/clinic.html", urgent=now, rest=rest, names=await _names(session, now + rest))


def access_or_refuse(actor: Actor, action: Action) -> None:
    if not access.holds(actor, action):
        raise Forbidden()


@router.get("/clinic/referrals/new")
async def new_referral(request: Request, actor: CurrentActor, session: Work, find: str = "", patient_id: str = "") -> Response:
    """One page: whose question, what is asked, how urgent."""
    access_or_refuse(actor, Action.CREATE_REFERRAL)
    return await _new_form(request, actor, session, {"find": find, "patient_id": patient_id})


async def _new_form(
    request: Request, actor: Actor, session: AsyncSession, given: dict[str, str], error: str = "", status: int = 200, **facts: Any
) -> Response:
    found = await patients.find(session, actor, given["find"]) if given.get("find") else []
    patient = await patients.see(session, actor, UUID(given["patient_id"])) if given.get("patient_id") else None
    units = await queries.reading_units(session)
    names = await organisations.names(session, units, clock.now().date())
    return render(
        request,
        "referrals/new.html",
        status,
        given=BLANK | given,
        found=found,
        patient=patient,
        units=[(str(unit), names[unit]) for unit in units],
        error=error,
        **{"candidates": [], "errors": {}} | facts,
    )


@router.post("/clinic/referrals/new")
async def create_referral(request: Request, actor: CurrentActor, session: Work) -> Response:
    """Create the draft; what was typed is kept whatever is refused."""
    access_or_refuse(actor, Action.CREATE_REFERRAL)
    form = await request.form()
    given = {name: str(value) for name, value in form.items()}
    if given.get("do") == "find":
        return await _new_form(request, actor, session, given)
    try:
        async with session.begin_nested():
            if not given.get("patient_id"):
                person = _person(given)
                alike = await patients.candidates(session, actor, person) if given.get("new_person") != "yes" else []
                if alike:
                    return await _new_form(request, actor, session, given, status=409, candidates=alike)
                given["patient_id"] = str((await patients.register(session, actor, person)).id)
            referral = await service.create(session, actor, _draft(given))
    except ValidationError as error:
        wrong = {str(e["loc"][0]) if e["loc"] else "": gettext("Please check this") for e in error.errors()}
        return await _new_form(
            request, actor, session, given, gettext("Something in the form is not right yet"), 422, errors=wrong
        )
    except ValueError:
        return await _new_form(request, actor, session, given, gettext("Something in the form is not right yet"), 422)
    except DomainError as error:
        given["patient_id"] = given.get("patient_id", "") if not isinstance(error, NotFound) else ""
        return await _new_form(request, actor, session, given, gettext(error.title), status_of(error))
    return _go(f"/clinic/referrals/{referral.id}")


def _person(given: dict[str, str]) -> PatientIn:
    return PatientIn.model_validate({name: given[name] for name in PERSON_FIELDS if given.get(name, "").strip()})


def _draft(given: dict[str, str]) -> ReferralIn:
    said = {name: given[name] for name in (*DRAFT_FIELDS, "patient_id", "to_organisation_id") if given.get(name)}
    return ReferralIn.model_validate(said)


@router.get("/clinic/referrals/{referral_id}")
async def referral_page(request: Request, referral_id: UUID, actor: CurrentActor, session: Work) -> Response:
    """The question, its images, its due time and why, the answer, what to do next."""
    referral = await queries.see(session, actor, referral_id)
    if referral.status == ReferralStatus.ANSWERED and referral.from_organisation_id in actor.units:
        await service.open_answer(session, actor, referral_id)
    return await _referral_page(request, actor, session, referral)


async def _referral_page(
    request: Request, actor: Actor, session: AsyncSession, referral: Referral, error: str = "", status: int = 200, **given: str
) -> Response:
    row = await queries.row_of(session, referral)
    items = await queries.completeness_of(session, row)
    scope = queries.scope_of(referral)
    report = await report_queries.report_of_referral(session, referral.id)
    can_read = report is not None and access.may(actor, Action.SEE_REPORT, scope)
    people = [referral.submitted_by, referral.acknowledged_by, referral.created_by]
    accounts = {pid: await fetch(session, Account, pid) for pid in people if pid}
    unit = await fetch(session, Organisation, referral.to_organisation_id)
    return render(
        request,
        "referrals/referral.html",
        status,
        referral=referral,
        row=row,
        patient=row.patient,
        items=items,
        percent=completeness.percent(items),
        names=await _names(session, [row]),
        events=await queries.history(session, referral.id),
        report=report if can_read and report and report.status != "draft" else None,
        accounts=accounts,
        zone=unit.zone,
        may=lambda action: access.may(actor, action, scope),
        error=error,
        given=given,
        draft={name: getattr(referral, name) for name in DRAFT_FIELDS} | given,
        due_steps=[_with_instants(step) for step in referral.due_because],
        decisions=list(Decision),
        outcomes=list(Outcome),
    )


async def _act(request: Request, actor: Actor, session: AsyncSession, referral_id: UUID, call: Any, **given: str) -> Response:
    """Run one verb; where it is refused show the page again with the words kept."""
    try:
        async with session.begin_nested():
            await call()
    except DomainError as error:
        if isinstance(error, NotFound):
            raise
        session.info["audit"] = []
        referral = await queries.see(session, actor, referral_id)
        return await _referral_page(request, actor, session, referral, gettext(error.title), status_of(error), **given)
    return _go(f"/clinic/referrals/{referral_id}")


@router.post("/clinic/referrals/{referral_id}/draft")
async def save(
    request: Request,
    referral_id: UUID,
    actor: CurrentActor,
    session: Work,
    question: Text = "",
    history: Text = "",
    reason_code: Text = "",
    priority: Text = "routine",
    stat_reason: Text = "",
    callback_phone: Text = "",
    do: Text = "save",
    consent: Text = "",
) -> Response:
    """Save the draft, or save and send it."""
    given = {
        "question": question,
        "history": history,
        "reason_code": reason_code,
        "priority": priority,
        "stat_reason": stat_reason,
        "callback_phone": callback_phone,
    }
    patch = ReferralPatch.model_validate(given)
    try:
        await service.update_draft(session, actor, referral_id, patch)
    except DomainError as error:
        if isinstance(error, NotFound):
            raise
        referral = await queries.see(session, actor, referral_id)
        return await _referral_page(request, actor, session, referral, gettext(error.title), status_of(error), **given)
    if do != "submit":
        return _go(f"/clinic/referrals/{referral_id}")

    async def send() -> None:
        await service.submit(session, actor, referral_id, consent=consent == "yes")

    return await _act(request, actor, session, referral_id, send)


@router.post("/clinic/referrals/{referral_id}/answer")
async def answer(request: Request, referral_id: UUID, actor: CurrentActor, session: Work, text: Text = "") -> Response:
    return await _act(
        request, actor, session, referral_id, lambda: service.answer_question(session, actor, referral_id, text), text=text
    )


@router.post("/clinic/referrals/{referral_id}/acknowledge")
async def acknowledge(
    request: Request, referral_id: UUID, actor: CurrentActor, session: Work, decision: Text = "", note: Text = ""
) -> Response:
    if decision not in list(Decision):
        referral = await queries.see(session, actor, referral_id)
        return await _referral_page(request, actor, session, referral, gettext("Please choose what happens now"), 422, note=note)
    return await _act(
        request,
        actor,
        session,
        referral_id,
        lambda: service.acknowledge(session, actor, referral_id, Decision(decision), note),
        note=note,
    )


@router.post("/clinic/referrals/{referral_id}/close")
async def close(
    request: Request, referral_id: UUID, actor: CurrentActor, session: Work, outcome: Text = "", note: Text = ""
) -> Response:
    if outcome not in list(Outcome):
        referral = await queries.see(session, actor, referral_id)
        return await _referral_page(request, actor, session, referral, gettext("Please choose what became of it"), 422, note=note)
    return await _act(
        request,
        actor,
        session,
        referral_id,
        lambda: service.close(session, actor, referral_id, Outcome(outcome), note),
        note=note,
    )


@router.post("/clinic/referrals/{referral_id}/cancel")
async def cancel(request: Request, referral_id: UUID, actor: CurrentActor, session: Work, reason: Text = "") -> Response:
    return await _act(
        request, actor, session, referral_id, lambda: service.cancel(session, actor, referral_id, reason), reason=reason
    )


@router.get("/worklist")
async def worklist(request: Request, actor: CurrentActor, session: Work) -> Response:
    return await _worklist(request, actor, session)


async def _worklist(request: Request, actor: Actor, session: AsyncSession, error: str = "", status: int = 200) -> Response:
    mine, pool = await queries.worklist(session, actor)
    done = await queries.answered_by(session, actor)
    names = await _names(session, mine + pool + done)
    return render(request, "referrals/worklist.html", status, mine=mine, pool=pool, done=done, names=names, error=error)


@router.post("/worklist/{referral_id}/claim")
async def claim(request: Request, referral_id: UUID, actor: CurrentActor, session: Work) -> Response:
    """Take it and go to the reading room; a lost race shows who was first."""
    try:
        await service.claim(session, actor, referral_id)
    except DomainError as error:
        held_by = error.facts.get("held_by", "")
        words = f"{gettext(error.title)}{': ' if held_by else ''}{held_by}"
        return await _worklist(request, actor, session, words, status_of(error))
    return _go(f"/reading/{referral_id}")


@router.post("/worklist/{referral_id}/{what}")
async def give_back(
    request: Request, referral_id: UUID, what: str, actor: CurrentActor, session: Work, text: Text = ""
) -> Response:
    """release, decline with a reason, or ask the clinic for more."""
    try:
        match what:
            case "release":
                await service.release(session, actor, referral_id)
            case "decline":
                await service.decline(session, actor, referral_id, text)
            case "ask":
                await service.ask_back(session, actor, referral_id, text)
            case _:
                raise NotFound()
    except DomainError as error:
        if isinstance(error, NotFound):
            raise
        return await _worklist(request, actor, session, gettext(error.title), status_of(error))
    return _go("/worklist")


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
    request: Request,
    referral_id: UUID,
    actor: CurrentActor,
    session: Work,
    findings: Text = "",
    impression: Text = "",
    recommendation: Text = "",
    critical: Text = "",
    draft_revision: Annotated[int, Form()] = 0,
    do: Text = "save",
    otp: Text = "",
) -> Response:
    """Save, make preliminary, or sign. Where it is refused, the editor comes back alone with every word kept."""
    said = ReportText(findings=findings, impression=impression, recommendation=recommendation, critical=critical == "yes")
    referral = await fetch(session, Referral, referral_id)
    version = None
    try:
        report = await service.save_draft(session, actor, referral_id, said, draft_revision, preliminary=do == "preliminary")
    except DomainError as error:
        if isinstance(error, NotFound | Forbidden):
            raise  # the editor is nobody else's
        return await _editor_again(request, actor, session, referral, said, error, draft_revision)
    if do == "sign":
        await session.flush()
        try:
            async with session.begin_nested():
                version = await service.sign_answer(session, actor, referral_id, otp, report.draft_revision)
        except DomainError as error:
            return await _editor_again(request, actor, session, referral, said, error, report.draft_revision)
    return _go(f"/reports/{version.report_id}" if version else f"/reading/{referral_id}")


async def _editor_again(
    request: Request,
    actor: Actor,
    session: AsyncSession,
    referral: Referral,
    said: ReportText,
    error: DomainError,
    revision: int,
) -> Response:
    await session.refresh(referral)
    facts = await editor_facts(session, actor, referral)
    newest = int(error.facts.get("draft_revision", revision))
    facts |= {"said": said, "draft_revision": newest, "editor_error": gettext(error.title)}
    return render(request, "reports/edit.html", status_of(error), **facts)


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
    request: Request,
    report_id: UUID,
    actor: CurrentActor,
    session: Work,
    findings: Text = "",
    impression: Text = "",
    recommendation: Text = "",
    critical: Text = "",
    reason: Text = "",
    otp: Text = "",
) -> Response:
    """A new version beside the signed ones."""
    said = ReportText(findings=findings, impression=impression, recommendation=recommendation, critical=critical == "yes")
    try:
        async with session.begin_nested():
            await service.correct_answer(session, actor, report_id, said, reason, otp)
    except DomainError as error:
        report, referral = await queries.see_report(session, actor, report_id)
        words = gettext(error.title)
        return await _report_page(request, actor, session, report, referral, 0, words, status_of(error), said, reason)
    return _go(f"/reports/{report_id}")


@router.get("/operations")
async def operations(request: Request, actor: CurrentActor, session: Work, show: str = "late") -> Response:
    """Numbers that open the cases behind them."""
    return await _operations(request, actor, session, show)


async def _operations(
    request: Request, actor: Actor, session: AsyncSession, show: str, error: str = "", status: int = 200
) -> Response:
    """Who may not see referrals (an administrator) gets the numbers alone."""
    groups = await queries.operations(session, actor, clock.now())
    shown = show if show in groups else "late"
    opens = access.holds(actor, Action.SEE_REFERRAL)
    rows = groups[shown] if opens else []
    units = {row.referral.to_organisation_id for row in rows}
    readers = {unit: [(str(a.id), a.full_name) for a in await queries.readers_of(session, unit)] for unit in units}
    return render(
        request,
        "referrals/operations.html",
        status,
        counts={name: len(group) for name, group in groups.items()},
        opens=opens,
        shown=shown,
        rows=rows,
        names=await _names(session, rows),
        readers=readers,
        error=error,
        assignable=(ReferralStatus.SUBMITTED, ReferralStatus.ASSIGNED),
        may_assign=access.holds(actor, Action.ASSIGN),
    )


@router.post("/operations/{referral_id}/assign")
async def assign(
    request: Request, referral_id: UUID, actor: CurrentActor, session: Work, reader_id: Text = "", show: Text = "late"
) -> Response:
    try:
        await service.assign(session, actor, referral_id, UUID(reader_id))
    except ValueError:
        return await _operations(request, actor, session, show, gettext("Please choose a reader"), 422)
    except DomainError as error:
        return await _operations(request, actor, session, show, gettext(error.title), status_of(error))
    return _go(f"/operations?show={show}")
