"""Pages of a question on the clinic's side: the list, the form, the question with its answer."""

from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.reports import queries as report_queries
from telehealth.core import clock
from telehealth.core.actor import Actor
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
from telehealth.referrals.schemas import ReferralIn, ReferralPatch
from telehealth.web.refusals import refused, words_of
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form()]
DRAFT_FIELDS = ("question", "history", "reason_code", "priority", "stat_reason", "callback_phone")
PERSON_FIELDS = ("full_name", "birth_date", "birth_year", "sex", "phone", "national_id")
PLACES = ("from_organisation_id", "to_organisation_id")
BLANK = dict.fromkeys((*DRAFT_FIELDS, *PERSON_FIELDS, *PLACES, "find", "patient_id"), "")


def _with_instants(step: dict[str, Any]) -> dict[str, Any]:
    """A step of the due time with its ISO texts as instants, for the page."""
    return {key: datetime.fromisoformat(value) if key in ("at", "from", "to") else value for key, value in step.items()}


class DraftForm(BaseModel):
    """A draft as its form sends it. do: save, or submit; consent: yes where it was ticked."""

    question: str = ""
    history: str = ""
    reason_code: str = ""
    priority: str = "routine"
    stat_reason: str = ""
    callback_phone: str = ""
    do: str = "save"
    consent: str = ""


async def names_of(session: AsyncSession, rows: list[queries.Row]) -> dict[UUID, str]:
    ids = {unit for row in rows for unit in (row.referral.from_organisation_id, row.referral.to_organisation_id)}
    return await organisations.names(session, ids, clock.day_in("Asia/Ho_Chi_Minh", clock.now()))


@router.get("/clinic")
async def clinic(request: Request, actor: CurrentActor, session: Work) -> Response:
    """What needs me now, then the rest."""
    access_or_refuse(actor, Action.CREATE_REFERRAL)
    now, rest = await queries.clinic_list(session, actor)
    return render(request, "referrals/clinic.html", urgent=now, rest=rest, names=await names_of(session, now + rest))


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
    clinics = sorted(access.units_for(actor, Action.CREATE_REFERRAL) & actor.homes)
    names = await organisations.names(session, [*units, *clinics], clock.now().date())
    return render(
        request,
        "referrals/new.html",
        status,
        given=BLANK | given,
        found=found,
        patient=patient,
        units=[(str(unit), names[unit]) for unit in units],
        clinics=[(str(unit), names[unit]) for unit in clinics],
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
    return RedirectResponse(f"/clinic/referrals/{referral.id}", 303)


def _person(given: dict[str, str]) -> PatientIn:
    return PatientIn.model_validate({name: given[name] for name in PERSON_FIELDS if given.get(name, "").strip()} | _place(given))


def _place(given: dict[str, str]) -> dict[str, str]:
    """The clinic that registers, where its people work in several."""
    chosen = given.get("from_organisation_id")
    return {"organisation_id": chosen} if chosen else {}


def _draft(given: dict[str, str]) -> ReferralIn:
    said = {name: given[name] for name in (*DRAFT_FIELDS, *PLACES, "patient_id") if given.get(name)}
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
        names=await names_of(session, [row]),
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


async def _done(
    request: Request, actor: Actor, session: AsyncSession, referral_id: UUID, verb: Awaitable[object], **given: str
) -> Response:
    """Do one verb and go back to the page; where it is refused show the page with the words kept."""
    error = await refused(session, verb)
    if error is None:
        return RedirectResponse(f"/clinic/referrals/{referral_id}", 303)
    return await _said(request, actor, session, referral_id, words_of(error), status_of(error), **given)


async def _said(
    request: Request, actor: Actor, session: AsyncSession, referral_id: UUID, error: str, status: int = 422, **given: str
) -> Response:
    referral = await queries.see(session, actor, referral_id)
    return await _referral_page(request, actor, session, referral, error, status, **given)


@router.post("/clinic/referrals/{referral_id}/draft")
async def save(
    request: Request,
    referral_id: UUID,
    actor: CurrentActor,
    session: Work,
    given: Annotated[DraftForm, Form()],
) -> Response:
    """Save the draft, or save and send it."""
    said = given.model_dump(include=set(DRAFT_FIELDS))
    error = await refused(session, service.update_draft(session, actor, referral_id, ReferralPatch.model_validate(said)))
    if error:
        return await _said(request, actor, session, referral_id, words_of(error), status_of(error), **said)
    if given.do != "submit":
        return RedirectResponse(f"/clinic/referrals/{referral_id}", 303)
    sent = service.submit(session, actor, referral_id, consent=given.consent == "yes")
    return await _done(request, actor, session, referral_id, sent)


@router.post("/clinic/referrals/{referral_id}/answer")
async def answer(request: Request, referral_id: UUID, actor: CurrentActor, session: Work, text: Text = "") -> Response:
    """What the reader asked for."""
    given = service.answer_question(session, actor, referral_id, text)
    return await _done(request, actor, session, referral_id, given, text=text)


@router.post("/clinic/referrals/{referral_id}/acknowledge")
async def acknowledge(
    request: Request, referral_id: UUID, actor: CurrentActor, session: Work, decision: Text = "", note: Text = ""
) -> Response:
    """The clinic has read the answer and says what happens now."""
    if decision not in list(Decision):
        return await _said(request, actor, session, referral_id, gettext("Please choose what happens now"), note=note)
    read = service.acknowledge(session, actor, referral_id, Decision(decision), note)
    return await _done(request, actor, session, referral_id, read, note=note)


@router.post("/clinic/referrals/{referral_id}/close")
async def close(
    request: Request, referral_id: UUID, actor: CurrentActor, session: Work, outcome: Text = "", note: Text = ""
) -> Response:
    """What became of it."""
    if outcome not in list(Outcome):
        return await _said(request, actor, session, referral_id, gettext("Please choose what became of it"), note=note)
    closed = service.close(session, actor, referral_id, Outcome(outcome), note)
    return await _done(request, actor, session, referral_id, closed, note=note)


@router.post("/clinic/referrals/{referral_id}/cancel")
async def cancel(request: Request, referral_id: UUID, actor: CurrentActor, session: Work, reason: Text = "") -> Response:
    """Take the question back."""
    taken_back = service.cancel(session, actor, referral_id, reason)
    return await _done(request, actor, session, referral_id, taken_back, reason=reason)
