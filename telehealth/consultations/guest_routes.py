"""A guest's way in: a one-time link, a cookie, a ticket."""

from fastapi import APIRouter, Request, Response

from telehealth.consultations import invitations
from telehealth.consultations.routes import join_out
from telehealth.consultations.schemas import GuestIn, JoinOut
from telehealth.core.problems import responses
from telehealth.core.settings import Settings
from telehealth.identity.deps import Work

router = APIRouter(prefix="/api/v1/guests", tags=["visits"])


@router.post("/enter", status_code=204, responses=responses(404, 422))
async def enter_as_guest(body: GuestIn, request: Request, response: Response, session: Work) -> None:
    """A one-time link becomes a cookie for its one visit."""
    config: Settings = request.app.state.settings
    invited, cookie = await invitations.enter(session, body.secret)
    response.set_cookie(
        guest_cookie(config), cookie, expires=invited.expires_at, secure=config.secure, httponly=True, samesite="strict"
    )


@router.post("/join", response_model_exclude_none=True, responses=responses(404, 409, 422))
async def join_as_guest(request: Request, session: Work) -> JoinOut:
    """A ticket to the room, as for everybody else."""
    config: Settings = request.app.state.settings
    return join_out(await invitations.join(session, request.cookies.get(guest_cookie(config), ""), config))


def guest_cookie(config: Settings) -> str:
    return "__Host-telehealth-guest" if config.secure else "telehealth-guest"
