"""STOW-RS (PS3.18, 10.5): every instance judged alone, the answer says which and why.

While one part arrives, those before it are judged and flushed; what a message brings goes into the index together.
"""

import asyncio
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import ClientDisconnect

from imaging.dicom.refusals import Code, Refusal
from imaging.dicomweb.body import body_of
from imaging.dicomweb.errors import NotMultipart, TooSlow
from imaging.dicomweb.multipart import BadMultipart, Part, Reader, parameters
from imaging.dicomweb.reading import DICOM_JSON, base_of
from imaging.dicomweb.reads import actor_of, reads_of
from imaging.store.committer import Flushed
from imaging.store.receive import commit, drop, settle, stage
from imaging.store.service import Answer, Filing, Ingested, Outcome
from telehealth.core import clock
from telehealth.core.actor import Actor, Role
from telehealth.core.blobs import blobs
from telehealth.core.db import reading_engine
from telehealth.core.errors import DomainError, Forbidden, Unavailable
from telehealth.core.problems import MEDIA_TYPE, http_problem, problem_of
from telehealth.core.settings import settings
from telehealth.identity import access
from telehealth.identity.access import Action, Scope
from telehealth.identity.models import RoleGrant

AT_ONCE = 4
"""Parts of one message that are judged while the next one arrives: each may hold a slice in memory."""
TOGETHER = 200
"""Instances of one message that wait for each other; of a longer one the first are in the index before the last arrive."""
PREAMBLE_CLEARED = 0xB000
"""Warning Reason: coercion (PS3.18, table 10.5.3-2), the nearest word for it."""


async def store(request: Request, study_uid: str = "") -> Response:
    """The whole verb. Raises DomainError and NotMultipart before the body is begun, never later."""
    actor, organisation_id = await sender(request)
    media_type, given = parameters(request.headers.get("content-type", ""))
    if media_type != "multipart/related" or given.get("type", "application/dicom").lower() != "application/dicom":
        raise NotMultipart()
    message = Message(request.app.state.engine, actor, Filing(organisation_id), study_uid)
    try:
        verdicts = await message.take(Reader(body_of(request), given.get("boundary", "")))
        if not verdicts.taken and not verdicts.refused:
            raise BadMultipart("no parts")
    except (BadMultipart, Unavailable) as error:
        return _problem(error)
    except TooSlow as error:
        return await http_problem(request, error)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    body = json.dumps(verdicts.body(f"{base_of(request)}/studies"), separators=(",", ":"))
    return Response(body, verdicts.status, media_type=DICOM_JSON)


def _problem(error: DomainError) -> Response:
    body = problem_of(error)
    status = 400 if isinstance(error, BadMultipart) else body["status"]
    return JSONResponse(body | {"status": status}, status, media_type=MEDIA_TYPE)


async def sender(request: Request) -> tuple[Actor, UUID]:
    """(who sends, for which clinic); nothing may stay open while a body arrives. Raises SignInNeeded, Forbidden."""
    reads = reads_of(request)
    actor = await actor_of(request, reads)
    known = reads.units.get(actor.account_id)
    if known is None or known[0] is not actor:  # an actor is looked up anew each second, and so is the clinic
        async with AsyncSession(reading_engine(request.app.state.engine)) as session:
            known = reads.units[actor.account_id] = actor, await unit_of(session, actor)
    access.ensure(actor, Action.UPLOAD_IMAGES, Scope(units=frozenset({known[1]})))
    return known


async def unit_of(session: AsyncSession, actor: Actor) -> UUID:
    """The clinic for which a person sends: where the role was given, the oldest first. Raises Forbidden."""
    today = clock.day_in(settings().zone, clock.now())
    rows = (
        select(RoleGrant.organisation_id)
        .where(
            RoleGrant.account_id == actor.account_id,
            col(RoleGrant.role).in_((Role.TECHNICIAN, Role.REFERRING_DOCTOR)),
            RoleGrant.valid_from <= today,
            or_(col(RoleGrant.valid_to).is_(None), col(RoleGrant.valid_to) > today),
        )
        .order_by(col(RoleGrant.valid_from), col(RoleGrant.id))
    )
    unit = (await session.exec(rows)).first()
    if unit is None:
        raise Forbidden()
    return unit


@dataclass
class Message:
    """One request's parts on their way in: judged side by side, answered in order, committed together."""

    engine: AsyncEngine
    actor: Actor
    filing: Filing
    study_uid: str
    results: list[asyncio.Task[Flushed | Refusal] | Refusal] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    async def take(self, parts: Reader) -> "Verdicts":
        """Raises BadMultipart, TooSlow where the message itself is broken: what is not in the index yet is dropped."""
        try:
            async for part in parts:
                self.results.append(await self._begin(part))
                await self._leave_room()
            await self._commit()
        finally:
            await self._drop()
        return Verdicts(self.answers)

    async def _begin(self, part: Part) -> asyncio.Task[Flushed | Refusal] | Refusal:
        kind, _ = parameters(part.headers.get("content-type", "application/dicom"))
        if kind != "application/dicom":
            return Refusal(Code.NOT_DICOM)
        staged = await stage(blobs(), part.chunks)
        if isinstance(staged, Refusal):
            return staged
        return asyncio.create_task(settle(blobs(), self.actor, staged, self.filing, study_uid=self.study_uid))

    async def _leave_room(self) -> None:
        busy = [one for one in self.results if isinstance(one, asyncio.Task) and not one.done()]
        if len(busy) >= AT_ONCE:
            await asyncio.wait(busy, return_when=asyncio.FIRST_COMPLETED)
        if len(self.results) >= TOGETHER:
            await self._commit()

    async def _commit(self) -> None:
        judged = [await one if isinstance(one, asyncio.Task) else one for one in self.results]
        flushed = [one for one in judged if isinstance(one, Flushed)]
        self.results.clear()
        answers = iter(await commit(self.engine, blobs(), flushed) if flushed else ())
        self.answers.extend(next(answers) if isinstance(one, Flushed) else one for one in judged)

    async def _drop(self) -> None:
        tasks = [one for one in self.results if isinstance(one, asyncio.Task)]
        judged = await asyncio.gather(*tasks, return_exceptions=True)
        drop([one for one in judged if isinstance(one, Flushed)])


@dataclass
class Verdicts:
    """What became of a message's parts."""

    answers: list[Answer]

    @cached_property
    def refused(self) -> list[Refusal]:
        refusals = (one if isinstance(one, Refusal) else one.refusal for one in self.answers)
        return [one for one in refusals if one is not None]

    @cached_property
    def taken(self) -> list[Ingested]:
        return [one for one in self.answers if isinstance(one, Ingested) and one.outcome is not Outcome.QUARANTINED]

    @property
    def status(self) -> int:
        """200 all, 202 some, none: 413 where only size was wrong, else 409 (PS3.18, 10.5.3.1)."""
        if self.taken:
            return 202 if self.refused else 200
        return 413 if self.refused and all(one.code is Code.TOO_LARGE for one in self.refused) else 409

    def body(self, studies_url: str) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        study_uids = {one.study_uid for one in self.taken}
        if len(study_uids) == 1:
            answer["00081190"] = {"vr": "UR", "Value": [f"{studies_url}/{next(iter(study_uids))}"]}
        named = [_failed(one) for one in self.refused if one.sop_uid]
        nameless = [{"00081197": {"vr": "US", "Value": [one.failure_reason]}} for one in self.refused if not one.sop_uid]
        if named:
            answer["00081198"] = {"vr": "SQ", "Value": named}
        if self.taken:
            answer["00081199"] = {"vr": "SQ", "Value": [_stored(one, studies_url) for one in self.taken]}
        if nameless:
            answer["0008119A"] = {"vr": "SQ", "Value": nameless}
        return answer


def _uid(value: str) -> dict[str, Any]:
    return {"vr": "UI", "Value": [value]} if value else {"vr": "UI"}


def _failed(refusal: Refusal) -> dict[str, Any]:
    return {
        "00081150": _uid(refusal.sop_class),
        "00081155": _uid(refusal.sop_uid),
        "00081197": {"vr": "US", "Value": [refusal.failure_reason]},
    }


def _stored(one: Ingested, studies_url: str) -> dict[str, Any]:
    url = f"{studies_url}/{one.study_uid}/instances/{one.sop_uid}"
    item = {"00081150": _uid(one.sop_class), "00081155": _uid(one.sop_uid), "00081190": {"vr": "UR", "Value": [url]}}
    return item | {"00081196": {"vr": "US", "Value": [PREAMBLE_CLEARED]}} if one.preamble_cleared else item
