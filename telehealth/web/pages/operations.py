"""The coordinator's desk: what is late, stuck, unread, and who reads what."""

from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import clock
from telehealth.core.actor import Actor
from telehealth.core.i18n import gettext
from telehealth.core.problems import status_of
from telehealth.identity import access
from telehealth.identity.access import Action
from telehealth.identity.deps import CurrentActor, Work
from telehealth.referrals import queries, service
from telehealth.referrals.lifecycle import ReferralStatus
from telehealth.web.pages.referrals import names_of
from telehealth.web.refusals import refused, words_of
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form()]


@router.get("/operations")
async def operations(request: Request, actor: CurrentActor, session: Work, show: str = "late") -> Response:
    """Numbers that open the cases behind them."""
    return await _operations(request, actor, session, show)


async def _operations(
    request: Request, actor: Actor, session: AsyncSession, show: str, error: str = "", status: int = 200
) -> Response:
    """Who may not see referrals (an administrator) gets the numbers alone."""
    groups = await queries.operations(session, actor, clock.now())
    shown = show if show in groups else "late"
    opens = access.holds(actor, Action.SEE_REFERRAL)
    rows = groups[shown] if opens else []
    units = {row.referral.to_organisation_id for row in rows}
    readers = {unit: [(str(a.id), a.full_name) for a in await queries.readers_of(session, unit)] for unit in units}
    return render(
        request,
        "referrals/operations.html",
        status,
        counts={name: len(group) for name, group in groups.items()},
        opens=opens,
        shown=shown,
        rows=rows,
        names=await names_of(session, rows),
        readers=readers,
        error=error,
        assignable=(ReferralStatus.SUBMITTED, ReferralStatus.ASSIGNED),
        may_assign=access.holds(actor, Action.ASSIGN),
    )


@router.post("/operations/{referral_id}/assign")
async def assign(
    request: Request, referral_id: UUID, actor: CurrentActor, session: Work, reader_id: Text = "", show: Text = "late"
) -> Response:
    """Name the reader."""
    try:
        chosen = UUID(reader_id)
    except ValueError:
        return await _operations(request, actor, session, show, gettext("Please choose a reader"), 422)
    error = await refused(session, service.assign(session, actor, referral_id, chosen))
    if error:
        return await _operations(request, actor, session, show, words_of(error), status_of(error))
    return RedirectResponse(f"/operations?show={quote(show)}", 303)
