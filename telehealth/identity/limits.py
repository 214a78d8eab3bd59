"""How often somebody may try. Rows in the database, so that every process counts alike."""

from datetime import datetime, timedelta
from hashlib import sha256

from sqlmodel import col, delete, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import clock
from telehealth.core.errors import TooMany
from telehealth.identity.models import Attempt

WINDOW = timedelta(minutes=15)
WRONG_PER_ADDRESS = 100
"""Higher than for one account: a whole hospital may stand behind one address."""
CODES_PER_ADDRESS = 40


def key_of(kind: str, of: str) -> str:
    """What is limited, as a digest: the table shows nobody's phone or address."""
    return sha256(f"{kind}:{of.casefold()}".encode()).hexdigest()


async def ensure_below(session: AsyncSession, key: str, most: int, now: datetime | None = None) -> None:
    """Raises TooMany with the seconds until the oldest attempt no longer counts."""
    since = (now or clock.now()) - WINDOW
    recent = select(func.count(), func.min(Attempt.at)).where(Attempt.key == key, col(Attempt.at) > since)
    count, oldest = (await session.exec(recent)).one()
    if count >= most:
        raise TooMany(retry_after_s=max(1, int((oldest - since).total_seconds())))


async def note(session: AsyncSession, key: str) -> None:
    """Count one more attempt, and forget those that no longer count."""
    now = clock.now()
    await session.exec(delete(Attempt).where(col(Attempt.key) == key, col(Attempt.at) <= now - WINDOW))
    session.add(Attempt(key=key, at=now))
    await session.flush()
