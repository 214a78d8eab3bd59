"""Pages for people who come to a visit by a link, and for whoever invites them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from telehealth.consultations import invitations, service
from telehealth.consultations.guest_routes import guest_cookie
from telehealth.consultations.schemas import LinkIn
from telehealth.core.i18n import gettext as _
from telehealth.core.settings import Settings
from telehealth.identity.deps import CurrentActor, Visitor, Work
from telehealth.web.pages.visit import call_view
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)


@router.get("/guests/visit")
async def guest_call(request: Request, session: Work, _visitor: Visitor) -> HTMLResponse:
    """The call page for a guest's cookie."""
    config: Settings = request.app.state.settings
    facts, _invited = await invitations.facts_of(session, request.cookies.get(guest_cookie(config), ""))
    return call_view(request, facts, join="/api/v1/guests/join")


@router.get("/guests/{invitation_id}")
async def guest_door(invitation_id: UUID, request: Request, _visitor: Visitor) -> HTMLResponse:
    """Opening the link does nothing yet: messengers open links to draw a preview. The button takes it."""
    texts = {"This invitation is not valid any more": _("This invitation is not valid any more")}
    return render(request, "visit/guest.html", invitation_id=invitation_id, texts=texts)


@router.get("/visits/{appointment_id}/invite")
async def invite_form(appointment_id: UUID, request: Request, session: Work, actor: CurrentActor) -> HTMLResponse:
    """Who is invited already, and a form for one more."""
    facts = await service.seen_by(session, actor, appointment_id)
    invited = await invitations.of_visit(session, actor, appointment_id)
    return render(request, "visit/invite.html", facts=facts, invited=invited, made=None, roles=role_texts(), error="")


@router.post("/visits/{appointment_id}/invite")
async def invite(
    appointment_id: UUID,
    request: Request,
    session: Work,
    actor: CurrentActor,
    role: Annotated[str, Form(max_length=20)] = "",
    name: Annotated[str, Form(max_length=200)] = "",
) -> HTMLResponse:
    """The link is shown once; nothing of it is kept that could open the door."""
    facts = await service.seen_by(session, actor, appointment_id)
    made, error = None, ""
    try:
        wanted = LinkIn.model_validate({"role": role, "name": name})
    except ValidationError:
        error = _("Please say who is coming.")
    else:
        config: Settings = request.app.state.settings
        made = await invitations.by_link(session, actor, appointment_id, wanted.role, wanted.name, config.address)
    invited = await invitations.of_visit(session, actor, appointment_id)
    return render(
        request,
        "visit/invite.html",
        422 if error else 200,
        facts=facts,
        invited=invited,
        made=made,
        roles=role_texts(),
        error=error,
    )


def role_texts() -> dict[str, str]:
    return {"relative": _("A relative"), "interpreter": _("An interpreter"), "guest": _("Somebody else")}
