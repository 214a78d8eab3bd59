"""Invitations into a room. A link's secret opens the door once, for a cookie; only digests of both are kept."""

import secrets
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from signaling.models import RoomPass
from telehealth.core.crypto import fingerprint

SECRET_BYTES = 16


async def add_link(session: AsyncSession, invited: RoomPass) -> str:
    """The link's secret, told once."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    invited.secret_hash = fingerprint(secret)
    session.add(invited)
    await session.flush()
    return secret


async def exchange(session: AsyncSession, secret: str, now: datetime) -> tuple[RoomPass, str] | None:
    """The invitation of a link that was not used before, and the secret of its cookie. Of two at once one wins."""
    cookie = secrets.token_urlsafe(2 * SECRET_BYTES)
    taken = await session.exec(
        update(RoomPass)
        .where(
            col(RoomPass.secret_hash) == fingerprint(secret),
            col(RoomPass.exchanged_at).is_(None),
            col(RoomPass.revoked_at).is_(None),
            col(RoomPass.expires_at) > now,
        )
        .values(exchanged_at=now, cookie_hash=fingerprint(cookie))
    )
    invited = await of_cookie(session, cookie, now) if taken.rowcount else None
    return (invited, cookie) if invited else None


async def of_cookie(session: AsyncSession, cookie: str, now: datetime) -> RoomPass | None:
    return (await session.exec(_living(now).where(RoomPass.cookie_hash == fingerprint(cookie)))).first()


async def of_room(session: AsyncSession, room: UUID, now: datetime) -> list[RoomPass]:
    """Those that still hold, oldest first."""
    return list(await session.exec(_living(now).where(RoomPass.room == room).order_by(col(RoomPass.created_at))))


def _living(now: datetime) -> SelectOfScalar[RoomPass]:
    return select(RoomPass).where(col(RoomPass.revoked_at).is_(None), RoomPass.expires_at > now)
