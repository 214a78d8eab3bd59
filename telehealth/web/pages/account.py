"""Coming in, going out, and everything about one's own account."""

from collections import defaultdict
from typing import Annotated, Any
from uuid import UUID

import segno
from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import clock, i18n, problems
from telehealth.core.actor import STAFF, Actor
from telehealth.core.db import fetch, session_scope
from telehealth.core.errors import DomainError
from telehealth.core.http import LANGUAGE_COOKIE
from telehealth.identity import queries, second_factor, service
from telehealth.identity.deps import CurrentActor, Visitor, Work, cookie_name, visitor_of
from telehealth.identity.devices import address_of, label_of
from telehealth.identity.errors import WrongSecret
from telehealth.identity.models import Account, LoginSession
from telehealth.identity.sessions import LONGEST
from telehealth.notifications import service as notices
from telehealth.web.render import render
from telehealth.web.words import role_name

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form()]


def safe_next(path: str) -> str:
    """A path of this site, or the home page: a sign-in link must not lead anywhere else."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if is_ours and not path.startswith("/sign-") else "/"


def status_for(error: DomainError) -> int:
    """A form shown again: 422, or 429 where waiting is what helps."""
    return 422 if isinstance(error, WrongSecret) else problems.status_of(error)


def words_for(error: DomainError) -> str:
    """The error in the reader's language, with how long to wait."""
    said = i18n.gettext(error.title)
    if wait := error.facts.get("retry_after_s"):
        minutes = -(-int(wait) // 60)
        said += " " + i18n.ngettext("(%(n)s minute)", "(%(n)s minutes)", minutes) % {"n": minutes}
    return said


def _sign_in_page(request: Request, status: int = 200, **facts: Any) -> Response:
    shown = {"step": "phone", "next": "/", "phone": "", "email": "", "error": ""}
    return render(request, "account/sign_in.html", status, **shown | facts)


@router.get("/sign-in")
async def sign_in(request: Request, visitor: Visitor, door: Annotated[str, Query(alias="for")] = "", next: str = "/") -> Response:  # noqa: A002 its name in the address
    """Two doors: a phone number and a code, or the address of a colleague with password and second factor."""
    if visitor is not None:
        return RedirectResponse(safe_next(next), 303)
    return _sign_in_page(request, step="staff" if door == "staff" else "phone", next=safe_next(next))


@router.post("/sign-in/code")
async def send_code(request: Request, session: Work, phone: Text = "", next: Text = "/") -> Response:  # noqa: A002
    try:
        await service.request_code(session, phone, address_of(request))
    except DomainError as error:
        return _sign_in_page(request, status_for(error), phone=phone, next=safe_next(next), error=words_for(error))
    return _sign_in_page(request, step="code", phone=phone, next=safe_next(next))


@router.post("/sign-in/phone")
async def sign_in_by_phone(
    request: Request,
    session: Work,
    visitor: Visitor,
    phone: Text = "",
    code: Text = "",
    next: Text = "/",  # noqa: A002
) -> Response:
    try:
        login, secret = await service.sign_in_with_code(session, phone, code, address_of(request))
    except DomainError as error:
        facts = {"step": "code", "phone": phone, "next": safe_next(next), "error": words_for(error)}
        return _sign_in_page(request, status_for(error), **facts)
    return await _let_in(request, session, visitor, login, secret, next, int(LONGEST[False].total_seconds()))


@router.post("/sign-in/password")
async def sign_in_by_password(
    request: Request,
    email: Text = "",
    password: Text = "",
    otp: Text = "",
    next: Text = "/",  # noqa: A002
) -> Response:
    engine, address = request.app.state.engine, address_of(request)
    try:
        shown = await service.look_at_password(engine, email, password, address)
        async with session_scope(engine) as session:
            visitor = await visitor_of(request, session)
            login, secret = await service.sign_in_with_password(session, shown, otp, address)
            return await _let_in(request, session, visitor, login, secret, next, None)
    except DomainError as error:
        facts = {"step": "staff", "email": email, "next": safe_next(next), "error": words_for(error)}
        return _sign_in_page(request, status_for(error), **facts)


async def _let_in(
    request: Request,
    session: AsyncSession,
    visitor: Actor | None,
    login: LoginSession,
    secret: str,
    goal: str,
    max_age_s: int | None,
) -> Response:
    """A new secret at every sign-in; what the browser held before is worth nothing from now on."""
    if visitor is not None:
        await service.sign_out(session, visitor)
    login.label = label_of(request)
    answer = RedirectResponse(safe_next(goal), 303)
    config = request.app.state.settings
    answer.set_cookie(
        cookie_name(config), secret, max_age=max_age_s, path="/", secure=config.secure, httponly=True, samesite="lax"
    )
    account = await fetch(session, Account, login.account_id)
    _speak(request, answer, account.language)
    return answer


def _speak(request: Request, answer: Response, language: str) -> None:
    secure = request.app.state.settings.secure
    answer.set_cookie(LANGUAGE_COOKIE, language, max_age=31_536_000, path="/", secure=secure, samesite="lax")


@router.post("/sign-out")
async def sign_out(request: Request, session: Work, visitor: Visitor) -> Response:
    if visitor is not None:
        await service.sign_out(session, visitor)
    answer = RedirectResponse("/", 303)
    config = request.app.state.settings
    answer.delete_cookie(cookie_name(config), path="/", secure=config.secure, httponly=True, samesite="lax")
    return answer


async def _account_page(request: Request, session: AsyncSession, actor: Actor, status: int = 200, **facts: Any) -> Response:
    account = await fetch(session, Account, actor.account_id or "")
    today = clock.day_in(request.app.state.settings.zone, clock.now())
    inbox = await notices.inbox(session, actor)
    shown: dict[str, Any] = {
        "account": account,
        "posts": (await queries.posts_of(session, [account.id], today)).get(account.id, ()),
        "sessions": await service.live_sessions(session, account.id),
        "messages": [(notice, notices.words_of(notice, request.app.state.settings)) for notice in inbox],
        "is_staff": not STAFF.isdisjoint(actor.roles),
        "qr": qr_of(account) if account.totp_secret and not account.totp_confirmed else "",
        "errors": {},
        "role_name": role_name,
        "said": "",
    }
    shown |= facts
    shown["errors"] = defaultdict(str, shown["errors"])  # a field without an error has an empty one
    return render(request, "account/account.html", status, **shown)


def qr_of(account: Account) -> str:
    """The enrolment address as an image address: nothing of it is ever stored or has a page of its own."""
    return str(
        segno.make(second_factor.enrolment_uri(account), error="m").svg_data_uri(scale=5, border=2, light="#fff", dark="#000")
    )


SAID = {
    "language": "The language is changed.",
    "session": "That session is ended.",
    "password": "Your password is changed. Every other device has been signed out.",
    "factor": "Your authenticator app is set up.",
}


@router.get("/account")
async def account(request: Request, session: Work, actor: CurrentActor, done: str = "") -> Response:
    page = await _account_page(request, session, actor, said=i18n.gettext(SAID[done]) if done in SAID else "")
    await notices.mark_read(session, actor)
    return page


@router.post("/account/language")
async def change_language(request: Request, session: Work, actor: CurrentActor, language: Text = "vi") -> Response:
    language = language if language in i18n.LANGUAGES else i18n.DEFAULT
    await service.choose_language(session, actor, language)
    answer = RedirectResponse("/account?done=language", 303)
    _speak(request, answer, language)
    return answer


@router.post("/account/sessions/{session_id}/end")
async def end_session(session_id: UUID, session: Work, actor: CurrentActor) -> Response:
    await service.end_session(session, actor, session_id)
    return RedirectResponse("/account?done=session#devices", 303)


@router.post("/account/password")
async def change_password(request: Request, session: Work, actor: CurrentActor, password: Text = "", otp: Text = "") -> Response:
    try:
        await service.change_password(session, actor, password, otp)
    except DomainError as error:
        field = "otp" if isinstance(error, WrongSecret) else "password"
        return await _account_page(request, session, actor, status_for(error), errors={field: words_for(error)})
    return RedirectResponse("/account?done=password", 303)


@router.post("/account/second-factor/replace")
async def replace_second_factor(request: Request, session: Work, actor: CurrentActor, otp: Text = "") -> Response:
    try:
        await service.replace_second_factor(session, actor, otp)
    except DomainError as error:
        return await _account_page(request, session, actor, status_for(error), errors={"replace": words_for(error)})
    return RedirectResponse("/account#second-factor", 303)


@router.post("/account/second-factor/confirm")
async def confirm_second_factor(request: Request, session: Work, actor: CurrentActor, otp: Text = "") -> Response:
    try:
        await service.enrol_second_factor(session, actor, otp)
    except DomainError as error:
        return await _account_page(request, session, actor, status_for(error), errors={"confirm": words_for(error)})
    return RedirectResponse("/account?done=factor#second-factor", 303)


@router.get("/first-administrator")
async def first_administrator(request: Request) -> Response:
    return render(request, "account/first.html", given=defaultdict(str), error="", made=None)


@router.post("/first-administrator")
async def make_first_administrator(
    request: Request,
    session: Work,
    code: Text = "",
    email: Text = "",
    full_name: Text = "",
    password: Text = "",
    organisation: Text = "",
) -> Response:
    """The first person of a new province, against the code that the command line printed."""
    try:
        made = await service.create_first_administrator(
            session, code, email, full_name, password, organisation, address_of(request)
        )
    except DomainError as error:
        given = {"email": email, "full_name": full_name, "organisation": organisation, "code": code}
        return render(request, "account/first.html", status_for(error), given=given, error=words_for(error), made=None)
    facts = {"qr": qr_of(made), "secret": second_factor.secret_of(made)}
    return render(request, "account/first.html", 201, given=defaultdict(str), error="", made=made, **facts)
