"""The administrator's page: the tree of organisations, who works where, hand-over of new sign-ins."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import clock
from telehealth.core.actor import STAFF, Actor, Role
from telehealth.core.db import fetch
from telehealth.core.errors import DomainError, Forbidden, Invalid
from telehealth.identity import access, organisations, passwords, queries, second_factor, service
from telehealth.identity.deps import CurrentActor, Work
from telehealth.identity.errors import FreshFactorNeeded
from telehealth.identity.models import Account, OrganisationKind
from telehealth.web.pages.account import qr_of, status_for, words_for
from telehealth.web.render import render
from telehealth.web.words import kind_name, role_name

router = APIRouter(include_in_schema=False)
Switch = Callable[[AsyncSession, Actor, UUID], Awaitable[None]]
Text = Annotated[str, Form()]


def _reach(actor: Actor) -> frozenset[UUID]:
    """The organisations this administrator looks after. Raises Forbidden for others."""
    units = access.units_for(actor, access.Action.MANAGE_PEOPLE)
    if not units:
        raise Forbidden()
    return units


async def _page(request: Request, session: AsyncSession, actor: Actor, status: int = 200, **facts: Any) -> Response:
    units = _reach(actor)
    today = clock.day_in(request.app.state.settings.zone, clock.now())
    shown: dict[str, Any] = {
        "tree": await organisations.tree(session, units, today),
        "people": await queries.colleagues(session, units, today),
        "roles": sorted(STAFF),
        "kinds": list(OrganisationKind),
        "given": {},
        "error": "",
        "place_error": "",
        "unlocked": service.has_fresh_factor(actor),
        "unlock_error": "",
        "handed": None,
        "role_name": role_name,
        "kind_name": kind_name,
    }
    shown |= facts
    shown["given"] = defaultdict(str, shown["given"])
    return render(request, "people/people.html", status, **shown)


@router.get("/people")
async def people(request: Request, session: Work, actor: CurrentActor) -> Response:
    return await _page(request, session, actor)


@router.post("/people")
async def add(
    request: Request,
    session: Work,
    actor: CurrentActor,
    full_name: Text = "",
    email: Text = "",
    role: Text = "",
    organisation_id: Text = "",
) -> Response:
    """A new colleague; the first password and the second factor are shown this once, to be handed over."""
    _reach(actor)
    password = passwords.generate()
    try:
        account = await service.create_staff(session, actor, email, full_name, _role(role), _id(organisation_id), password)
    except DomainError as error:
        given = {"full_name": full_name, "email": email, "role": role, "organisation_id": organisation_id}
        return await _page(request, session, actor, status_for(error), given=given, error=words_for(error))
    return await _page(request, session, actor, 201, handed=_handed(account, password))


@router.post("/people/unlock")
async def unlock(request: Request, session: Work, actor: CurrentActor, otp: Text = "") -> Response:
    """A new code of the authenticator opens the changes on this page for some minutes."""
    _reach(actor)
    try:
        await service.confirm_second_factor(session, actor, otp)
    except DomainError as error:
        return await _page(request, session, actor, status_for(error), unlock_error=words_for(error))
    return RedirectResponse("/people", 303)


def _role(text: str) -> Role:
    if text not in STAFF:
        raise Invalid()
    return Role(text)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid() from None


def _handed(account: Account, password: str) -> dict[str, Any]:
    return {"account": account, "password": password, "qr": qr_of(account), "secret": second_factor.secret_of(account)}


@router.post("/people/organisations")
async def add_organisation(
    request: Request,
    session: Work,
    actor: CurrentActor,
    name: Text = "",
    code: Text = "",
    kind: Text = "",
    parent_id: Text = "",
) -> Response:
    today = clock.day_in(request.app.state.settings.zone, clock.now())
    try:
        if not name.strip() or not code.strip() or kind not in set(OrganisationKind):
            raise Invalid()
        below = _id(parent_id)
        await organisations.create_organisation(
            session, actor, code.strip(), " ".join(name.split()), OrganisationKind(kind), below, today
        )
    except DomainError as error:
        given = {"name": name, "code": code, "kind": kind, "parent_id": parent_id}
        return await _page(request, session, actor, status_for(error), given=given, place_error=words_for(error))
    return RedirectResponse("/people", 303)


@router.post("/people/{account_id}/disable")
async def disable(account_id: UUID, request: Request, session: Work, actor: CurrentActor) -> Response:
    return await _switch(request, session, actor, service.disable_account, account_id)


@router.post("/people/{account_id}/enable")
async def enable(account_id: UUID, request: Request, session: Work, actor: CurrentActor) -> Response:
    return await _switch(request, session, actor, service.enable_account, account_id)


async def _switch(request: Request, session: AsyncSession, actor: Actor, verb: Switch, account_id: UUID) -> Response:
    try:
        await verb(session, actor, account_id)
    except FreshFactorNeeded as error:
        return await _page(request, session, actor, 403, unlock_error=words_for(error))
    return RedirectResponse("/people", 303)


@router.post("/people/{account_id}/reset")
async def reset(account_id: UUID, request: Request, session: Work, actor: CurrentActor) -> Response:
    """A new first password and second factor for somebody who lost theirs."""
    try:
        password = await service.reset_sign_in(session, actor, account_id)
    except FreshFactorNeeded as error:
        return await _page(request, session, actor, 403, unlock_error=words_for(error))
    account = await fetch(session, Account, account_id)
    return await _page(request, session, actor, handed=_handed(account, password))
