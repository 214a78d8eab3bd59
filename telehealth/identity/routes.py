"""Sign-in and sessions over HTTP."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from telehealth.core import problems
from telehealth.core.db import session_scope
from telehealth.core.errors import SignInNeeded
from telehealth.identity import service
from telehealth.identity.deps import CurrentActor, Work
from telehealth.identity.devices import address_of, label_of
from telehealth.identity.models import LoginSession
from telehealth.identity.schemas import CodeIn, MeOut, PasswordIn, PhoneIn, Sent, SessionOut, TokenOut

router = APIRouter(prefix="/api/v1", tags=["identity"])


@router.post("/sign-in/code", status_code=202, responses=problems.responses(422, 429))
async def send_code(body: PhoneIn, request: Request, session: Work) -> Sent:
    """Ask for a one-time code by text message. The answer is the same for every number."""
    await service.request_code(session, body.phone, address_of(request))
    return Sent(status="sent", expires_in_s=int(service.CODE_LIVES.total_seconds()))


@router.post("/sign-in/phone", responses=problems.responses(401, 422, 429))
async def sign_in_by_phone(body: CodeIn, request: Request, session: Work) -> TokenOut:
    """Exchange the code for a bearer token. Five tries a code, ten minutes."""
    login, secret = await service.sign_in_with_code(session, body.phone, body.code, address_of(request))
    return _token(request, login, secret)


@router.post("/sign-in/password", responses=problems.responses(401, 422, 429))
async def sign_in_by_password(body: PasswordIn, request: Request) -> TokenOut:
    """Staff: password and second factor. One answer for every way of being wrong."""
    engine, address = request.app.state.engine, address_of(request)
    shown = await service.look_at_password(engine, body.email, body.password, address)
    async with session_scope(engine) as session:
        login, secret = await service.sign_in_with_password(session, shown, body.otp, address)
        return _token(request, login, secret)


def _token(request: Request, login: LoginSession, secret: str) -> TokenOut:
    login.label = label_of(request)
    return TokenOut(access_token=secret, token_type="Bearer", expires_at=login.expires_at)  # noqa: S106 a scheme


@router.post("/sign-out", status_code=204, responses=problems.responses(401))
async def sign_out(actor: CurrentActor, session: Work) -> Response:
    """End this session: its token is worth nothing from now on."""
    await service.sign_out(session, actor)
    return Response(status_code=204)


@router.get("/me", responses=problems.responses(401))
async def me(actor: CurrentActor) -> MeOut:
    """The person signed in, with the rights of this moment."""
    if actor.account_id is None:
        raise SignInNeeded()
    return MeOut(
        account_id=actor.account_id,
        name=actor.name,
        language=actor.language,
        roles={role: sorted(units) for role, units in actor.grants.items()},
        patients=sorted(actor.patients),
    )


@router.get("/me/sessions", responses=problems.responses(401))
async def my_sessions(actor: CurrentActor, session: Work) -> list[SessionOut]:
    """Where this account is signed in, last used first."""
    if actor.account_id is None:
        raise SignInNeeded()
    return [
        SessionOut.model_validate(row).model_copy(update={"is_this_one": row.id == actor.session_id})
        for row in await service.live_sessions(session, actor.account_id)
    ]


@router.delete("/me/sessions/{session_id}", status_code=204, responses=problems.responses(401, 404, 422))
async def end_my_session(session_id: UUID, actor: CurrentActor, session: Work) -> Response:
    """End one of one's own sessions, at once. Somebody else's is as unknown as one that does not exist."""
    await service.end_session(session, actor, session_id)
    return Response(status_code=204)
