"""Visits over HTTP."""

from uuid import UUID

from fastapi import APIRouter, Depends, Request

from signaling import line_check
from signaling.gate import Gate
from signaling.instructions import EndRoom
from signaling.statistics.schemas import StatisticsIn
from telehealth.consultations import service
from telehealth.consultations.schemas import EndIn, IceServer, IceServersOut, JoinOut, LineCheckIn, LineCheckOut, VisitOut
from telehealth.consultations.service import VisitFacts
from telehealth.core.db import session_scope
from telehealth.core.problems import responses
from telehealth.identity.deps import CurrentActor, Work, secret_of
from telehealth.identity.sessions import actor_of

router = APIRouter(prefix="/api/v1/visits", tags=["visits"])


@router.get("/{appointment_id}", responses=responses(401, 403, 404))
async def get_visit(appointment_id: UUID, session: Work, actor: CurrentActor) -> VisitOut:
    """Where the visit is, and how it ended."""
    return visit_out(await service.visit_of(session, actor, appointment_id))


@router.post("/{appointment_id}/join", response_model_exclude_none=True, responses=responses(401, 403, 404, 409))
async def join_visit(appointment_id: UUID, request: Request, session: Work, actor: CurrentActor) -> JoinOut:
    """A ticket to the room for one use, with ICE servers. From 30 minutes before the start to 30 after the end."""
    entrance = await service.join(session, actor, appointment_id, request.app.state.settings)
    return JoinOut(
        ticket=entrance.ticket,
        url=entrance.url,
        ice_servers=[IceServer.model_validate(server) for server in entrance.ice_servers],
        relay_only=entrance.relay_only,
        role=entrance.facts.role,
        peer_name=entrance.facts.peer_name,
    )


@router.post("/{appointment_id}/end", responses=responses(401, 403, 404, 409))
async def end_visit(appointment_id: UUID, body: EndIn, request: Request, session: Work, actor: CurrentActor) -> VisitOut:
    """The specialist ends the visit for both sides, and may state how it ended."""
    visit = await service.end(session, actor, appointment_id, body.outcome)
    gate: Gate = request.app.state.gate
    await gate.instruct(visit.room, EndRoom())
    return visit_out(await service.visit_of(session, actor, appointment_id))


@router.get("/{appointment_id}/line-check", response_model_exclude_none=True, responses=responses(401, 403, 404))
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


@router.post("/{appointment_id}/statistics", status_code=204, responses=responses(401, 403, 404))
async def keep_statistics(appointment_id: UUID, body: StatisticsIn, session: Work, actor: CurrentActor) -> None:
    """What a page measured on its connections in the last seconds."""
    await service.keep_statistics(session, actor, appointment_id, body)


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
