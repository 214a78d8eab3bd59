"""STOW-RS (PS3.18, 10.5): every instance judged alone, the answer says which and why."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dicom.refusals import Code, Refusal
from imaging.dicomweb.multipart import Reader, parameters
from imaging.store.receive import receive
from imaging.store.service import Filing, Ingested, Outcome
from telehealth.core import clock
from telehealth.core.actor import Actor, Role
from telehealth.core.blobs import blobs
from telehealth.core.db import session_scope
from telehealth.core.errors import Forbidden, SignInNeeded
from telehealth.core.settings import settings
from telehealth.identity import access
from telehealth.identity.access import Action, Scope
from telehealth.identity.deps import secret_of
from telehealth.identity.models import RoleGrant
from telehealth.identity.sessions import actor_of


async def sender(request: Request) -> tuple[Actor, UUID]:
    """(who sends, for which clinic) in a transaction of its own: none may stay open while a body arrives."""
    secret = secret_of(request)
    if not secret:
        raise SignInNeeded()
    async with session_scope(request.app.state.engine) as session:
        actor = await actor_of(session, secret)
        organisation_id = await unit_of(session, actor)
    access.ensure(actor, Action.UPLOAD_IMAGES, Scope(units=frozenset({organisation_id})))
    return actor, organisation_id


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
class Verdicts:
    """What became of a message's parts."""

    taken: list[Ingested] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def add(self, answer: Ingested | Refusal) -> None:
        if isinstance(answer, Refusal):
            self.refused.append(answer)
        elif answer.outcome is Outcome.QUARANTINED and answer.refusal:
            self.refused.append(answer.refusal)
        else:
            self.taken.append(answer)

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
    return {"00081150": _uid(one.sop_class), "00081155": _uid(one.sop_uid), "00081190": {"vr": "UR", "Value": [url]}}


async def take(request: Request, actor: Actor, organisation_id: UUID, boundary: str, study_uid: str = "") -> Verdicts:
    """Every part of the message. Raises BadMultipart where the message itself is broken and nothing was taken."""
    verdicts = Verdicts()
    filing = Filing(organisation_id)
    async for part in Reader(request.stream(), boundary):
        kind, _ = parameters(part.headers.get("content-type", "application/dicom"))
        if kind != "application/dicom":
            verdicts.add(Refusal(Code.NOT_DICOM))
            continue
        verdicts.add(await receive(request.app.state.engine, blobs(), actor, part.chunks, filing, study_uid=study_uid))
    return verdicts
