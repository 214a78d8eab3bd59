"""The administrator's page of devices and archives that speak DICOM with us."""

from collections import defaultdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dimse import nodes
from imaging.dimse.models import Right
from telehealth.core import clock
from telehealth.core.actor import Actor
from telehealth.core.errors import DomainError, Forbidden, Invalid
from telehealth.core.i18n import gettext
from telehealth.identity import access, organisations, queries, service
from telehealth.identity.access import Action
from telehealth.identity.deps import CurrentActor, Work
from telehealth.web.pages.account import status_for, words_for
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)
PAGE = "/operations/nodes"
Text = Annotated[str, Form()]


def right_name(right: str) -> str:
    """In the reader's language."""
    return {
        Right.STORE: gettext("send images"),
        Right.QUERY: gettext("search"),
        Right.RETRIEVE: gettext("fetch images"),
        Right.WORKLIST: gettext("read the worklist"),
    }[Right(right)]


def _reach(actor: Actor) -> frozenset[UUID]:
    """The organisations whose devices the actor looks after. Raises Forbidden where there are none."""
    units = access.units_for(actor, Action.MANAGE_PEOPLE)
    if not units:
        raise Forbidden()
    return units


async def _page(request: Request, session: AsyncSession, actor: Actor, status: int = 200, **facts: Any) -> Response:
    units = _reach(actor)
    config = request.app.state.settings
    today = clock.day_in(config.zone, clock.now())
    shown: dict[str, Any] = {
        "nodes": await nodes.listed(session, actor),
        "places": await organisations.tree(session, units, today),
        "people": await queries.colleagues(session, units, today),
        "rights": list(Right),
        "right_name": right_name,
        "ours": config.dimse,
        "port": config.dimse_port,
        "unlocked": service.has_fresh_factor(actor),
        "given": {"rights": [Right.STORE]},
        "error": "",
        "unlock_error": "",
    }
    shown |= facts
    shown["given"] = defaultdict(str, shown["given"])
    return render(request, "nodes/nodes.html", status, **shown)


@router.get(PAGE)
async def listed(request: Request, session: Work, actor: CurrentActor) -> Response:
    return await _page(request, session, actor)


@router.post(PAGE + "/unlock")
async def unlock(request: Request, session: Work, actor: CurrentActor, otp: Text = "") -> Response:
    """A new code of the authenticator opens the changes for some minutes."""
    _reach(actor)
    try:
        await service.confirm_second_factor(session, actor, otp)
    except DomainError as error:
        return await _page(request, session, actor, status_for(error), unlock_error=words_for(error))
    return RedirectResponse(PAGE, 303)


@router.post(PAGE)
async def add(
    request: Request,
    session: Work,
    actor: CurrentActor,
    ae_title: Text = "",
    addresses: Text = "",
    organisation_id: Text = "",
    account_id: Text = "",
    certificate_sha256: Text = "",
    host: Text = "",
    port: Text = "",
) -> Response:
    """Let a device in. Its rights are the boxes that are ticked."""
    form = await request.form()
    ticked = [right.value for right in Right if form.get(f"may_{right.value}")]
    given = {
        "ae_title": ae_title,
        "addresses": addresses,
        "organisation_id": organisation_id,
        "account_id": account_id,
        "rights": ticked,
        "certificate_sha256": certificate_sha256,
        "host": host,
        "port": port,
        "tls": bool(form.get("tls")),
    }
    try:
        await nodes.add(session, actor, _node(given))
    except DomainError as error:
        return await _page(request, session, actor, status_for(error), given=given, error=words_for(error))
    return RedirectResponse(PAGE, 303)


def _node(given: dict[str, Any]) -> nodes.NodeIn:
    """Raises Invalid for what cannot be read."""
    try:
        ids = {name: UUID(given[name]) for name in ("organisation_id", "account_id")}
        port = int(given["port"] or "0")
    except ValueError:
        raise Invalid() from None
    return nodes.NodeIn(**given | ids | {"port": port, "addresses": given["addresses"].replace(",", " ").split()})


@router.post(PAGE + "/{node_id}/off")
async def switch_off(node_id: UUID, session: Work, actor: CurrentActor) -> Response:
    await nodes.switch(session, actor, node_id, active=False)
    return RedirectResponse(PAGE, 303)


@router.post(PAGE + "/{node_id}/on")
async def switch_on(node_id: UUID, session: Work, actor: CurrentActor) -> Response:
    await nodes.switch(session, actor, node_id, active=True)
    return RedirectResponse(PAGE, 303)
