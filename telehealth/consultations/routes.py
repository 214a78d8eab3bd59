"""Visits over HTTP."""

from uuid import UUID

from fastapi import APIRouter, Depends, Request

from signaling import line_check
from signaling.gate import Gate
from signaling.instructions import CallEmergency, EndRoom, Expel, HandOver
from signaling.models import RoomPass
from signaling.statistics.schemas import StatisticsIn
from telehealth.consultations import invitations, leading, service
from telehealth.consultations.schemas import (
    ColleagueIn,
    EndIn,
    HelpOut,
    IceServer,
    IceServersOut,
    InvitationOut,
    JoinOut,
    LineCheckIn,
    LineCheckOut,
    LinkIn,
    VisitOut,
)
from telehealth.consultations.service import Entrance, VisitFacts
from telehealth.core.db import session_scope
from telehealth.core.problems import responses
from telehealth.core.settings import Settings
from telehealth.identity.deps import CurrentActor, Work, secret_of
from telehealth.identity.sessions import actor_of

router = APIRouter(prefix="/api/v1/visits", tags=["visits"])


@router.get("/{appointment_id}", responses=responses(401, 403, 404, 422))
async def get_visit(appointment_id: UUID, session: Work, actor: CurrentActor) -> VisitOut:
    """Where the visit is, and how it ended."""
    return visit_out(await service.visit_of(session, actor, appointment_id))


@router.post("/{appointment_id}/join", response_model_exclude_none=True, responses=responses(401, 403, 404, 409, 422))
async def join_visit(appointment_id: UUID, request: Request, session: Work, actor: CurrentActor) -> JoinOut:
    """A ticket to the room for one use, with ICE servers. From 30 minutes before the start to 30 after the end."""
    entrance = await service.join(session, actor, appointment_id, request.app.state.settings)
    return join_out(entrance)


@router.post("/{appointment_id}/end", responses=responses(401, 403, 404, 409, 422))
async def end_visit(appointment_id: UUID, body: EndIn, request: Request, session: Work, actor: CurrentActor) -> VisitOut:
    """The specialist ends the visit for both sides, and may state how it ended."""
    visit = await service.end(session, actor, appointment_id, body.outcome)
    await _gate(request).instruct(visit.room, EndRoom())
    return visit_out(await service.visit_of(session, actor, appointment_id))


@router.get("/{appointment_id}/line-check", response_model_exclude_none=True, responses=responses(401, 403, 404, 422))
async def line_check_servers(appointment_id: UUID, request: Request, session: Work, actor: CurrentActor) -> IceServersOut:
    """Ways to try before a visit: relays only while the room is open."""
    servers = await service.line_check(session, actor, appointment_id, request.app.state.settings)
    return IceServersOut(ice_servers=[IceServer.model_validate(server) for server in servers])


async def _may_check(appointment_id: UUID, request: Request) -> None:
    """In a short transaction of its own: the echo may take its time. Who asks comes before what is wrong with the body."""
    async with session_scope(request.app.state.engine) as session:
        actor = await actor_of(session, secret_of(request) or "")
        await service.line_check(session, actor, appointment_id, request.app.state.settings)


@router.post("/{appointment_id}/line-check", dependencies=[Depends(_may_check)], responses=responses(401, 403, 404, 422, 503))
async def check_line(body: LineCheckIn, request: Request) -> LineCheckOut:
    """The echo's answer to a page's offer: it gives back what it hears, for a minute at most."""
    return LineCheckOut(sdp=await line_check.answer(request.app.state.settings.echo_socket, body.sdp))


@router.post("/{appointment_id}/statistics", status_code=204, responses=responses(401, 403, 404, 422))
async def keep_statistics(appointment_id: UUID, body: StatisticsIn, session: Work, actor: CurrentActor) -> None:
    """What a page measured on its connections in the last seconds."""
    await service.keep_statistics(session, actor, appointment_id, body)


@router.post("/{appointment_id}/hand-over", responses=responses(401, 403, 404, 409, 422))
async def hand_over(appointment_id: UUID, body: ColleagueIn, request: Request, session: Work, actor: CurrentActor) -> VisitOut:
    """A colleague who was invited leads the visit from now on; who led it stays as a colleague."""
    facts = await leading.hand_over(session, actor, appointment_id, body.account)
    await _gate(request).instruct(facts.visit.room, HandOver(account=body.account))
    return visit_out(await service.seen_by(session, actor, appointment_id))


@router.post("/{appointment_id}/emergency", responses=responses(401, 403, 404, 409, 422))
async def call_emergency(appointment_id: UUID, request: Request, session: Work, actor: CurrentActor) -> HelpOut:
    """The visit is marked as an emergency; the answer is what is read out to 115."""
    facts, found = await leading.call_emergency(session, actor, appointment_id)
    await _gate(request).instruct(facts.visit.room, CallEmergency())
    return HelpOut(number=found.number, patient_name=found.patient_name, address=found.address, phone=found.phone)


@router.get("/{appointment_id}/invitations", responses=responses(401, 403, 404, 422))
async def list_invitations(appointment_id: UUID, session: Work, actor: CurrentActor) -> list[InvitationOut]:
    """Those that still hold."""
    return [_invitation_out(one) for one in await invitations.of_visit(session, actor, appointment_id)]


@router.post("/{appointment_id}/invitations/links", status_code=201, responses=responses(401, 403, 404, 409, 422))
async def invite_by_link(
    appointment_id: UUID, body: LinkIn, request: Request, session: Work, actor: CurrentActor
) -> InvitationOut:
    """A link that opens this visit once, for a relative, an interpreter or another guest."""
    config: Settings = request.app.state.settings
    made = await invitations.by_link(session, actor, appointment_id, body.role, body.name, config.address)
    return _invitation_out(made.invited, made.link)


@router.post("/{appointment_id}/invitations/colleagues", status_code=201, responses=responses(401, 403, 404, 409, 422))
async def invite_colleague(appointment_id: UUID, body: ColleagueIn, session: Work, actor: CurrentActor) -> InvitationOut:
    """A doctor, who then finds the visit under its own address and may take it over."""
    return _invitation_out((await invitations.colleague(session, actor, appointment_id, body.account)).invited)


@router.delete("/{appointment_id}/invitations/{invitation_id}", status_code=204, responses=responses(401, 403, 404, 422))
async def take_invitation_back(
    appointment_id: UUID, invitation_id: UUID, request: Request, session: Work, actor: CurrentActor
) -> None:
    """Whoever came by it is sent out."""
    taken = await invitations.take_back(session, actor, appointment_id, invitation_id)
    await _gate(request).instruct(taken.room, Expel(account=taken.account_id or taken.id))


def _gate(request: Request) -> Gate:
    gate: Gate = request.app.state.gate
    return gate


def _invitation_out(invited: RoomPass, link: str | None = None) -> InvitationOut:
    return InvitationOut(
        id=invited.id,
        role=invited.role,
        name=invited.name,
        expires_at=invited.expires_at,
        used=invited.exchanged_at is not None,
        link=link,
    )


def join_out(entrance: Entrance) -> JoinOut:
    return JoinOut(
        ticket=entrance.ticket,
        url=entrance.url,
        ice_servers=[IceServer.model_validate(server) for server in entrance.ice_servers],
        relay_only=entrance.relay_only,
        role=entrance.facts.role,
        peer_name=entrance.facts.peer_name,
    )


def visit_out(facts: VisitFacts) -> VisitOut:
    return VisitOut.model_validate(
        {
            "appointment_id": facts.appointment.id,
            "role": facts.role,
            "peer_name": facts.peer_name,
            "start_at": facts.appointment.start_at,
            "end_at": facts.appointment.end_at,
            "zone": facts.appointment.zone,
            "opens_at": facts.opens_at,
            "closes_at": facts.closes_at,
            "state": facts.visit.state,
            "outcome": facts.visit.outcome,
            "cause": facts.visit.cause or None,
        }
    )
