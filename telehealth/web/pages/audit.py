"""Who did what to whom: for the auditor as a log that can be checked, for a patient in plain words."""

from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import audit as log
from telehealth.core import clock
from telehealth.core.actor import Actor
from telehealth.core.db import fetch, reading_engine
from telehealth.core.errors import Forbidden
from telehealth.core.tasks import ANCHORS
from telehealth.identity import access, queries, trail
from telehealth.identity.deps import CurrentActor, Work
from telehealth.identity.trail import Look, Wanted
from telehealth.patients.models import Patient
from telehealth.web.render import NO_STORE, render
from telehealth.web.words import role_name, said_plainly

router = APIRouter(include_in_schema=False)


def _wanted(actor: str, act: str, about: str, since: str, until: str, before: int | None) -> Wanted:
    return Wanted(actor.strip(), act.strip(), about.strip(), _day(since), _day(until), before)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


async def _page(request: Request, session: AsyncSession, actor: Actor, wanted: Wanted, **facts: Any) -> Response:
    rows = await trail.find(session, actor, wanted, request.app.state.settings.zone)
    asked = {
        "actor": wanted.actor,
        "act": wanted.act,
        "object": wanted.object,
        "since": wanted.since or "",
        "until": wanted.until or "",
    }
    shown: dict[str, Any] = {
        "rows": rows,
        "acts": await trail.acts(session),
        "asked": asked,
        "query": urlencode(asked),
        "older": rows[-1].seq if len(rows) == trail.PAGE else None,
        "checked": None,
        "may_verify": access.province_wide(actor, access.Action.READ_AUDIT),
    }
    return render(request, "audit/audit.html", **shown | facts)


@router.get("/audit")
async def audit(
    request: Request,
    session: Work,
    actor: CurrentActor,
    who: str = "",
    act: str = "",
    about: str = "",
    since: str = "",
    until: str = "",
    before: int | None = None,
) -> Response:
    return await _page(request, session, actor, _wanted(who, act, about, since, until, before))


@router.post("/audit/verify")
async def verify(request: Request, session: Work, actor: CurrentActor) -> Response:
    """Walk the whole chain, against the heads kept outside the database."""
    if not access.province_wide(actor, access.Action.READ_AUDIT):
        raise Forbidden()
    await session.commit()  # the walk may take seconds: nobody waits for this request's lock meanwhile
    anchors = log.read_anchors(request.app.state.settings.data / ANCHORS)
    async with AsyncSession(reading_engine(request.app.state.engine)) as reading:
        broken = await log.verify(reading, anchors)
        rows = await trail.count(reading)
    log.record(session, actor, "audit.verified", "log", broken_at=broken.seq if broken else 0)
    checked = {"broken": broken, "rows": rows, "anchors": len(anchors)}
    return await _page(request, session, actor, Wanted(), checked=checked)


@router.get("/audit.csv")
async def export(
    request: Request,
    session: Work,
    actor: CurrentActor,
    who: str = "",
    act: str = "",
    about: str = "",
    since: str = "",
    until: str = "",
) -> Response:
    wanted = _wanted(who, act, about, since, until, None)
    rows = await trail.find(session, actor, wanted, request.app.state.settings.zone, trail.EXPORT)
    headers = NO_STORE | {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return Response("\ufeff" + trail.as_csv(rows), media_type="text/csv; charset=utf-8", headers=headers)


def _told_once(looks: list[Look], zone: str) -> list[tuple[Look, str]]:
    """Acts that are the same to a patient are one line a day and person, the newest time first."""
    found: dict[tuple[object, ...], Look] = {}
    for look in looks:
        key = (clock.day_in(zone, look.last), look.actor_id, look.patient_id, said_plainly(look.act))
        found[key] = replace(found[key], times=found[key].times + look.times) if key in found else look
    return [(look, said_plainly(look.act)) for look in found.values()]


@router.get("/access-log")
async def access_log(request: Request, session: Work, actor: CurrentActor) -> Response:
    """Who looked at my images, when, and what for."""
    zone = request.app.state.settings.zone
    looks = await trail.looks(session, actor, zone)
    posts = await queries.posts_of(session, {look.actor_id for look in looks if look.actor_id}, clock.day_in(zone, clock.now()))
    people = {patient_id: await fetch(session, Patient, patient_id) for patient_id in actor.patients}
    lines = [(look, words, posts.get(look.actor_id, ()) if look.actor_id else ()) for look, words in _told_once(looks, zone)]
    return render(request, "audit/access_log.html", lines=lines, people=people, role_name=role_name)
