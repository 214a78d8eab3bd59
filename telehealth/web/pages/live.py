"""Streams that tell a page when to ask for its own part anew."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.pipeline import live
from imaging.pipeline.live import Look
from telehealth.core.actor import Actor
from telehealth.core.db import fetch, session_scope
from telehealth.core.errors import DomainError, Forbidden, SignInNeeded
from telehealth.identity import access
from telehealth.identity.access import Action
from telehealth.identity.deps import secret_of
from telehealth.identity.sessions import actor_of
from telehealth.referrals import queries
from telehealth.referrals.models import Referral

router = APIRouter(include_in_schema=False)
Ask = Callable[[AsyncSession, Actor], Awaitable[None]]


@router.get("/live/referrals/{referral_id}")
async def of_referral(request: Request, referral_id: UUID) -> StreamingResponse:
    """For whoever may see the question."""

    async def ask(session: AsyncSession, actor: Actor) -> None:
        referral = await fetch(session, Referral, referral_id)
        access.ensure(actor, Action.SEE_REFERRAL, queries.scope_of(referral), hidden=True)

    return await _stream(request, live.of_referral(referral_id), ask)


@router.get("/live/pipeline")
async def of_pipeline(request: Request) -> StreamingResponse:
    async def ask(_session: AsyncSession, actor: Actor) -> None:
        if not access.holds(actor, Action.SEE_OPERATIONS):
            raise Forbidden()

    return await _stream(request, live.of_everything, ask)


async def _stream(request: Request, look: Look, ask: Ask) -> StreamingResponse:
    """No transaction stays open; the right is asked at the start and again while the line lives."""
    engine, secret = request.app.state.engine, secret_of(request)

    async def check() -> None:
        async with session_scope(engine) as session:
            if not secret:
                raise SignInNeeded()
            await ask(session, await actor_of(session, secret))

    async def still_allowed() -> bool:
        try:
            await check()
        except DomainError:
            return False
        return True

    await check()
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(live.events(engine, look, still_allowed), media_type="text/event-stream", headers=headers)
