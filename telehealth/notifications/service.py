"""Notices: written in the transaction of what they tell of, delivered after it, each once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import clock, jobs
from telehealth.core.actor import Actor
from telehealth.core.crypto import decrypt, encrypt
from telehealth.core.jobs import Job
from telehealth.core.settings import Settings
from telehealth.identity.models import OneTimeCode
from telehealth.notifications.models import Channel, Notice, NoticeState
from telehealth.notifications.texts import Message, compose

LEASE = timedelta(minutes=2)
"""Longer than any gateway's time-out: a notice claimed by a worker that died comes due again after this."""
MOST_ATTEMPTS = 8
LIVES = {"sign_in_code": timedelta(minutes=10)}
"""After this a message would only confuse: it becomes void instead of late."""
NO_GATEWAY_PAUSE = timedelta(minutes=5)


async def notify(
    session: AsyncSession,
    *,
    template: str,
    channel: Channel,
    address: str = "",
    account_id: UUID | None = None,
    language: str = "vi",
    facts: dict[str, Any] | None = None,
    secret: str | None = None,
    link: str = "",
    subject_id: UUID | None = None,
    due_at: datetime | None = None,
    dedupe_key: str | None = None,
) -> Notice:
    """Write one message to one address. The same `dedupe_key` again gives the notice that is there already."""
    notice = Notice(
        template=template,
        channel=channel,
        address=address,
        account_id=account_id,
        language=language,
        facts=facts or {},
        secret=encrypt(secret) if secret else None,
        link=link,
        subject_id=subject_id,
        due_at=due_at or clock.now(),
        dedupe_key=dedupe_key,
    )
    if dedupe_key and (earlier := await _by_key(session, dedupe_key)):
        return earlier
    try:
        async with session.begin_nested():
            session.add(notice)
            await session.flush()
    except IntegrityError:
        if not dedupe_key or not (earlier := await _by_key(session, dedupe_key)):
            raise
        return earlier
    if notice.due_at <= clock.now():
        jobs.enqueue(session, Job.DELIVER_NOTICE, notice_id=notice.id)
    return notice


async def _by_key(session: AsyncSession, dedupe_key: str) -> Notice | None:
    return (await session.exec(select(Notice).where(Notice.dedupe_key == dedupe_key))).first()


async def void(session: AsyncSession, subject_id: UUID, templates: list[str] | None = None) -> int:
    """Never send what is still waiting about this subject (all, or these templates). Returns how many."""
    waiting: list[ColumnElement[bool]] = [col(Notice.subject_id) == subject_id, col(Notice.state) == NoticeState.QUEUED]
    if templates is not None:
        waiting.append(col(Notice.template).in_(templates))
    done = await session.exec(update(Notice).where(*waiting).values(state=NoticeState.VOID, secret=None))
    return int(done.rowcount)


async def pass_on_code(session: AsyncSession, code_id: UUID) -> Notice | None:
    """Turn a one-time code that identity left sealed into a text message, once."""
    row = await session.get(OneTimeCode, code_id)
    if row is None or row.sealed is None:
        return None
    sealed = row.sealed
    mine = update(OneTimeCode).where(col(OneTimeCode.id) == code_id, col(OneTimeCode.sealed).is_not(None))
    if (await session.exec(mine.values(sealed=None))).rowcount == 0 or row.expires_at <= clock.now():
        return None
    return await notify(
        session,
        template="sign_in_code",
        channel=Channel.SMS,
        address=row.phone,
        language=row.language,
        secret=decrypt(sealed),
        subject_id=row.id,
        dedupe_key=f"code:{row.id}",
    )


async def sealed_codes(session: AsyncSession) -> list[UUID]:
    """Codes whose message to the queue was lost."""
    return list((await session.exec(select(OneTimeCode.id).where(col(OneTimeCode.sealed).is_not(None)))).all())


@dataclass(frozen=True)
class Parcel:
    """A claimed notice, ready to leave."""

    notice_id: UUID
    channel: Channel
    address: str
    message: Message
    attempts: int


async def claim(session: AsyncSession, notice_id: UUID, base_url: str) -> Parcel | None:
    """Take a due notice for this process; None if somebody else has it, or it is sent, void or not due.

    The attempt is counted and the next look put off before anything leaves, so a doubled message finds nothing.
    """
    now = clock.now()
    mine = update(Notice).where(col(Notice.id) == notice_id, col(Notice.state) == NoticeState.QUEUED, col(Notice.due_at) <= now)
    taken = await session.exec(mine.values(due_at=now + LEASE, attempts=Notice.attempts + 1))
    if taken.rowcount == 0:
        return None
    notice = await session.get(Notice, notice_id, populate_existing=True)
    assert notice is not None
    if now - notice.created_at > LIVES.get(notice.template, timedelta.max):
        notice.state, notice.secret = NoticeState.VOID, None
        session.add(notice)
        return None
    secret = decrypt(notice.secret) if notice.secret else ""
    url = f"{base_url}{notice.link}" if notice.link else ""
    message = compose(notice.template, notice.language, notice.facts, secret, url)
    return Parcel(notice.id, Channel(notice.channel), notice.address, message, notice.attempts)


async def record_sent(session: AsyncSession, notice_id: UUID, *, keep_secret: bool) -> None:
    """It has left. The secret goes too, except where the demo shows outgoing messages."""
    values: dict[str, Any] = {"state": NoticeState.SENT, "sent_at": clock.now(), "last_error": ""}
    if not keep_secret:
        values["secret"] = None
    await session.exec(update(Notice).where(col(Notice.id) == notice_id).values(**values))


async def record_delay(session: AsyncSession, notice_id: UUID, reason: str, pause: timedelta, *, counts: bool = True) -> None:
    """Not now: look again after the pause. counts: whether this was one of the attempts before giving up."""
    notice = await session.get(Notice, notice_id)
    if notice is None or notice.state != NoticeState.QUEUED:
        return
    notice.last_error = reason
    notice.due_at = clock.now() + pause
    notice.attempts -= 0 if counts else 1
    if counts and notice.attempts >= MOST_ATTEMPTS:
        notice.state, notice.secret = NoticeState.FAILED, None
    session.add(notice)


async def record_failed(session: AsyncSession, notice_id: UUID, reason: str) -> None:
    """Never: the gateway refuses this message for good."""
    failed = update(Notice).where(col(Notice.id) == notice_id, col(Notice.state) == NoticeState.QUEUED)
    await session.exec(failed.values(state=NoticeState.FAILED, last_error=reason, secret=None))


def pause_after(attempts: int) -> timedelta:
    """10 s, 20 s, 40 s … at most an hour."""
    return min(timedelta(seconds=10 * 2 ** (attempts - 1)), timedelta(hours=1))


async def due(session: AsyncSession, most: int = 200) -> list[UUID]:
    """Notices whose time has come, oldest first."""
    ready = select(Notice.id).where(Notice.state == NoticeState.QUEUED, col(Notice.due_at) <= clock.now())
    return list((await session.exec(ready.order_by(col(Notice.due_at)).limit(most))).all())


async def newest(session: AsyncSession, most: int = 100) -> list[Notice]:
    """Outgoing messages, for the demo's page."""
    return list((await session.exec(select(Notice).order_by(col(Notice.created_at).desc()).limit(most))).all())


def words_of(notice: Notice, config: Settings) -> Message:
    """A notice as its reader sees it."""
    secret = decrypt(notice.secret) if notice.secret else ""
    return compose(
        notice.template, notice.language, notice.facts, secret, f"{config.address}{notice.link}" if notice.link else ""
    )


async def inbox(session: AsyncSession, actor: Actor, most: int = 30) -> list[Notice]:
    """What the application itself has told this person, newest first."""
    mine = select(Notice).where(
        Notice.account_id == actor.account_id, Notice.channel == Channel.IN_APP, Notice.state == NoticeState.SENT
    )
    return list((await session.exec(mine.order_by(col(Notice.created_at).desc()).limit(most))).all())


async def mark_read(session: AsyncSession, actor: Actor) -> None:
    """Everything in the own inbox has been seen."""
    mine = update(Notice).where(col(Notice.account_id) == actor.account_id, col(Notice.read_at).is_(None))
    await session.exec(mine.where(col(Notice.channel) == Channel.IN_APP).values(read_at=clock.now()))
