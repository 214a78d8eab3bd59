"""What a room writes down: stretches of presence, chat, and word of its end."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from uuid import UUID

from joserfc.jwk import OKPKey
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from signaling import messages as m
from signaling import tickets
from signaling.models import ChatLine, Presence, RoomPass
from signaling.rooms import CHAT_KEPT
from telehealth.core.crypto import ticket_key
from telehealth.core.jobs import Job, enqueue
from telehealth.identity.models import Account, LoginSession


@cache
def signing_key() -> OKPKey:
    """The ticket key of this deployment as a JWK."""
    key = ticket_key()
    return tickets.key_of(key.private_bytes_raw(), key.public_key().public_bytes_raw())


async def begin(session: AsyncSession, presence: Presence) -> None:
    session.add(presence)
    await session.flush()


async def stop(session: AsyncSession, presence_id: UUID, because: str, at: datetime) -> None:
    """The stretch is over. A second stop changes nothing."""
    await session.exec(
        update(Presence)
        .where(col(Presence.id) == presence_id, col(Presence.left_at).is_(None))
        .values(left_at=at, seen_at=at, left_because=because)
    )


async def touch(session: AsyncSession, presence_ids: Collection[UUID], at: datetime) -> None:
    """Still here: so that a killed process loses no more than one heartbeat."""
    await session.exec(update(Presence).where(col(Presence.id).in_(presence_ids)).values(seen_at=at))


async def media_connected(session: AsyncSession, presence_id: UUID) -> None:
    await session.exec(update(Presence).where(col(Presence.id) == presence_id).values(media_connected=True))


async def keep_line(session: AsyncSession, room: UUID, line: m.Line) -> None:
    """Kept once, however often the page had to say it."""
    row = ChatLine(
        id=line.id, room=room, account_id=line.account, name=line.name, text=line.text, at=line.at, document_id=line.document
    )
    await session.merge(row)


async def chats_of(session: AsyncSession, rooms: Collection[UUID]) -> dict[UUID, list[m.Line]]:
    """The last lines of each room, oldest first."""
    rows = await session.exec(select(ChatLine).where(col(ChatLine.room).in_(rooms)).order_by(col(ChatLine.at)))
    found: dict[UUID, list[m.Line]] = {}
    for row in rows:
        found.setdefault(row.room, []).append(_chat_line(row))
    return {room: lines[-CHAT_KEPT:] for room, lines in found.items()}


def _chat_line(row: ChatLine) -> m.Line:
    return m.Line(id=row.id, account=row.account_id, name=row.name, text=row.text, at=row.at, document=row.document_id)


async def room_closed(session: AsyncSession, room: UUID) -> None:
    """The word travels up as a job: this workshop does not know what a visit is."""
    enqueue(session, Job.CALL_ENDED, room=room)


async def presence_of(session: AsyncSession, room: UUID) -> list[Presence]:
    return list(await session.exec(select(Presence).where(Presence.room == room).order_by(col(Presence.joined_at))))


async def were_inside(session: AsyncSession, rooms: Collection[UUID], since: datetime) -> set[tuple[UUID, UUID]]:
    """(room, account) of those who sat inside a moment ago and did not leave on purpose."""
    rows = await session.exec(
        select(Presence).where(col(Presence.room).in_(rooms), col(Presence.seen_at) >= since).order_by(col(Presence.joined_at))
    )
    last = {(row.room, row.account_id): row for row in rows}
    return {who for who, row in last.items() if row.admitted and row.left_because in ("", "lost", "replaced")}


async def standing(session: AsyncSession, logins: Collection[UUID], now: datetime) -> set[UUID]:
    """Those of these sign-in sessions, or invitations by link, that still hold."""
    people = await session.exec(
        select(LoginSession.id)
        .join(Account, col(Account.id) == col(LoginSession.account_id))
        .where(
            col(LoginSession.id).in_(logins),
            col(LoginSession.revoked_at).is_(None),
            LoginSession.expires_at > now,
            col(Account.active).is_(True),
        )
    )
    held = set(people)
    if held == set(logins):
        return held
    passes = await session.exec(
        select(RoomPass.id).where(col(RoomPass.id).in_(logins), col(RoomPass.revoked_at).is_(None), RoomPass.expires_at > now)
    )
    return held | set(passes)


async def revoked_since(session: AsyncSession, since: datetime) -> set[UUID]:
    """Sign-in sessions and invitations that were ended on purpose in the last seconds."""
    logins = await session.exec(select(LoginSession.id).where(col(LoginSession.revoked_at) >= since))
    passes = await session.exec(select(RoomPass.id).where(col(RoomPass.revoked_at) >= since))
    return set(logins) | set(passes)
