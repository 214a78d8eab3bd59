"""A study leaves: as an archive with its index, or as a copy without names once somebody has looked at the pictures.
And it stays: a hold for a court or an inspection, by whoever could otherwise take it away.
"""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.sharing import service
from imaging.sharing.service import Leaving
from imaging.store import retention
from imaging.store.access import ensure, scope_of
from imaging.store.errors import ReasonForHoldMissing
from imaging.store.models import Instance, Series, Study
from telehealth.core import audit
from telehealth.core.actor import Actor
from telehealth.core.blobs import blobs
from telehealth.core.db import fetch, session_scope
from telehealth.core.errors import DomainError
from telehealth.core.i18n import gettext
from telehealth.core.problems import status_of
from telehealth.identity.access import Action, may
from telehealth.identity.deps import CurrentActor, Work, secret_of
from telehealth.identity.sessions import actor_of
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)
MOST_PICTURES = 600


@router.get("/studies/{study_id}/share")
async def page(request: Request, study_id: UUID, actor: CurrentActor, session: Work) -> Response:
    return await _page(request, session, actor, study_id)


async def _page(
    request: Request, session: AsyncSession, actor: Actor, study_id: UUID, status: int = 200, error: str = "", project: str = ""
) -> Response:
    study = await fetch(session, Study, study_id)
    scope = scope_of(study)
    may_see, may_copy, may_hold = (
        may(actor, one, scope) for one in (Action.SEE_IMAGES, Action.SHARE_COPY, Action.WITHDRAW_STUDY)
    )
    if not may_hold:
        ensure(actor, study)
    review = await service.review_of(session, study)
    if may_see:
        audit.record(session, actor, "study.opened", study.id, patient_id=study.patient_id, purpose=study.referral_id or "")
    return render(
        request,
        "sharing/share.html",
        status,
        study=study,
        may_see=may_see,
        may_copy=may_copy,
        may_hold=may_hold,
        review=review,
        pictures=await _pictures(session, study) if may_copy and study.burned_in and not review else [],
        error=error,
        project=project,
    )


async def _pictures(session: AsyncSession, study: Study) -> list[str]:
    """Addresses of what must be looked at: first and middle frame of each image, as many as a person can look at."""
    rows = (
        select(Series.uid, Instance.sop_uid, Instance.frames)
        .join(Instance, col(Instance.series_id) == col(Series.id))
        .where(Instance.study_id == study.id, Instance.frames > 0)
        .order_by(col(Series.number), col(Instance.number))
        .limit(MOST_PICTURES)
    )
    return [
        f"/dicomweb/studies/{study.uid}/series/{series}/instances/{sop}/frames/{frame}/rendered?viewport=640,640"
        for series, sop, frames in await session.exec(rows)
        for frame in sorted({1, (frames + 1) // 2})
    ]


@router.get("/studies/{study_id}/export.zip")
async def export(request: Request, study_id: UUID) -> Response:
    """The files as they are stored, with DICOMDIR and a page of contents."""
    async with session_scope(request.app.state.engine) as session:
        leaving = await service.export(session, await actor_of(session, secret_of(request) or ""), study_id)
    return await _sent(leaving)


@router.get("/studies/{study_id}/copy.zip")
async def copy(request: Request, study_id: UUID, project: str = "") -> Response:
    try:
        async with session_scope(request.app.state.engine) as session:
            leaving = await service.copy(session, await actor_of(session, secret_of(request) or ""), study_id, project)
        return await _sent(leaving)
    except DomainError as error:
        if status_of(error) not in (409, 422):
            raise
        async with session_scope(request.app.state.engine) as session:
            actor = await actor_of(session, secret_of(request) or "")
            request.state.actor = actor
            return await _page(request, session, actor, study_id, status_of(error), gettext(error.title), project)


async def _sent(leaving: Leaving) -> Response:
    """No transaction is open while a slow line takes it. The first piece is made before the answer begins."""
    pieces = service.archive(blobs(), leaving)
    first = await anext(pieces)

    async def body() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    headers = {"Content-Disposition": f'attachment; filename="{leaving.file_name}"', "Cache-Control": "no-store"}
    return StreamingResponse(body(), media_type="application/zip", headers=headers)


@router.post("/studies/{study_id}/reviewed")
async def reviewed(
    request: Request,
    study_id: UUID,
    actor: CurrentActor,
    session: Work,
    seen: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
) -> Response:
    """Somebody has looked at every picture."""
    if seen != "yes":
        return await _page(request, session, actor, study_id, 422, gettext("Please look at every picture, then say so"))
    await service.review_pixels(session, actor, study_id, note)
    return RedirectResponse(f"/studies/{study_id}/share", 303)


@router.post("/studies/{study_id}/hold")
async def hold(
    request: Request, study_id: UUID, actor: CurrentActor, session: Work, reason: Annotated[str, Form(max_length=2000)] = ""
) -> Response:
    """It must stay, and why."""
    try:
        await retention.hold(session, actor, study_id, reason)
    except ReasonForHoldMissing as error:
        return await _page(request, session, actor, study_id, 422, gettext(error.title))
    return RedirectResponse(f"/studies/{study_id}/share", 303)


@router.post("/studies/{study_id}/hold/lift")
async def lift_hold(study_id: UUID, actor: CurrentActor, session: Work) -> Response:
    await retention.lift_hold(session, actor, study_id)
    return RedirectResponse(f"/studies/{study_id}/share", 303)
