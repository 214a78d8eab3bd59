"""The reader's side: take a question, keep it, give it back, ask back. One question, one reader."""

from datetime import timedelta
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import clock
from telehealth.core.actor import SYSTEM, Actor
from telehealth.core.db import fetch
from telehealth.identity.access import Action
from telehealth.identity.models import Account
from telehealth.referrals import history, notices, queries
from telehealth.referrals.errors import AlreadyClaimed, NoSuchReader, NotYourClaim, WordsMissing
from telehealth.referrals.lifecycle import ReferralStatus, Step
from telehealth.referrals.models import Referral

LOCK = timedelta(minutes=15)
"""A claim without a sign of life for this long goes back to the pool; the draft is kept."""
LOCK_AFTER_ANSWER = timedelta(hours=8)
"""The reader who asked back may be asleep when the clinic answers."""


async def claim(session: AsyncSession, actor: Actor, referral_id: UUID) -> Referral:
    """Hold the question. The row's lock decides who came first. Raises AlreadyClaimed with who and since when."""
    referral = await history.hold(session, actor, referral_id, Action.CLAIM)
    if is_held_by(referral, actor):
        return await _keep(session, referral)
    if _is_abandoned(referral):
        await _time_out(session, referral)
    if referral.reader_id is not None:
        reader = await fetch(session, Account, referral.reader_id)
        since = referral.claimed_at.isoformat() if referral.claimed_at else ""
        raise AlreadyClaimed(held_by=reader.full_name, since=since)
    _give(referral, actor.account_id)
    await history.move(session, actor, referral, Step.CLAIMED)
    return referral


def is_held_by(referral: Referral, actor: Actor) -> bool:
    held = referral.status in (ReferralStatus.ASSIGNED, ReferralStatus.INFO_REQUESTED)
    return held and actor.account_id is not None and referral.reader_id == actor.account_id


def _is_abandoned(referral: Referral) -> bool:
    return referral.status == ReferralStatus.ASSIGNED and referral.lock_until is not None and referral.lock_until < clock.now()


def _give(referral: Referral, reader_id: UUID | None) -> None:
    now = clock.now()
    referral.reader_id = reader_id
    referral.claimed_at = now if reader_id else None
    referral.lock_until = now + LOCK if reader_id else None


async def _keep(session: AsyncSession, referral: Referral) -> Referral:
    if referral.status == ReferralStatus.ASSIGNED:
        referral.lock_until = max(referral.lock_until or clock.now(), clock.now() + LOCK)
        session.add(referral)
        await session.flush()
    return referral


async def _time_out(session: AsyncSession, referral: Referral) -> None:
    gone = referral.reader_id
    _give(referral, None)
    await history.move(session, SYSTEM, referral, Step.TIMED_OUT, reader_id=str(gone))


async def held(session: AsyncSession, actor: Actor, referral_id: UUID, action: Action = Action.CLAIM) -> Referral:
    """The row, locked, if the actor holds the question. Raises NotYourClaim."""
    referral = await history.hold(session, actor, referral_id, action)
    if not is_held_by(referral, actor):
        raise NotYourClaim(state=referral.status)
    return referral


async def heartbeat(session: AsyncSession, actor: Actor, referral_id: UUID) -> Referral:
    """The reader is still there. Raises NotYourClaim where somebody else has taken over."""
    return await _keep(session, await held(session, actor, referral_id))


async def release(session: AsyncSession, actor: Actor, referral_id: UUID) -> Referral:
    """Back to the pool; due time and draft stay."""
    referral = await held(session, actor, referral_id)
    _give(referral, None)
    await history.move(session, actor, referral, Step.RELEASED)
    return referral


async def decline(session: AsyncSession, actor: Actor, referral_id: UUID, reason: str) -> Referral:
    """Back to the pool with a reason that the clinic sees; the due time is not reset."""
    referral = await held(session, actor, referral_id)
    if not reason.strip():
        raise WordsMissing()
    _give(referral, None)
    await history.move(session, actor, referral, Step.DECLINED, reason.strip())
    await notices.declined(session, referral)
    return referral


async def assign(session: AsyncSession, actor: Actor, referral_id: UUID, reader_id: UUID) -> Referral:
    """A coordinator names the reader, also in place of one who fell ill. Raises NoSuchReader."""
    referral = await history.hold(session, actor, referral_id, Action.ASSIGN)
    readers = {account.id for account in await queries.readers_of(session, referral.to_organisation_id)}
    if reader_id not in readers:
        raise NoSuchReader()
    _give(referral, reader_id)
    referral.lock_until = clock.now() + LOCK_AFTER_ANSWER
    await history.move(session, actor, referral, Step.ASSIGNED, reader_id=str(reader_id))
    await notices.tell(session, reader_id, "referral_assigned", referral, f"/reading/{referral.id}")
    return referral


async def ask_back(session: AsyncSession, actor: Actor, referral_id: UUID, text: str) -> Referral:
    """Ask the clinic for more: the clock stops until it answers."""
    referral = await held(session, actor, referral_id)
    if not text.strip():
        raise WordsMissing()
    referral.info_request, referral.lock_until = text.strip(), None
    await history.move(session, actor, referral, Step.INFO_REQUESTED, text.strip())
    await history.reckon(session, referral)
    await notices.info_requested(session, referral)
    return referral


async def return_abandoned(session: AsyncSession) -> int:
    """Give every claim without a sign of life back to the pool. Returns how many."""
    late = select(Referral.id).where(Referral.status == ReferralStatus.ASSIGNED, col(Referral.lock_until) < clock.now())
    found = list(await session.exec(late))
    for referral_id in found:
        referral = await fetch(session, Referral, referral_id, lock=True)
        if _is_abandoned(referral):
            await _time_out(session, referral)
    return len(found)
