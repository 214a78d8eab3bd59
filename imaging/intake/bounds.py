"""How much may be on its way at once, and for how long."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel import func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.intake.errors import TooMuchWaiting
from imaging.intake.models import Parcel, ParcelState, Upload
from telehealth.core import clock
from telehealth.core.errors import TooLarge
from telehealth.core.settings import settings


def longest() -> int:
    """Bytes of the largest file that any kind may have."""
    return max(settings().limits.instance_bytes, settings().limits.unpacked_bytes)


def ensure_size(length: int, size: int) -> None:
    if max(length, size) > longest():
        raise TooLarge(limit=longest())


def expiry() -> datetime:
    """Until when a half-sent file is kept if nobody goes on with it."""
    return clock.now() + timedelta(days=settings().limits.waiting_days)


async def ensure_room(session: AsyncSession, organisation_id: UUID) -> None:
    """Raises TooMuchWaiting where a unit has announced more than it may before it finishes some."""
    waiting = select(func.coalesce(func.sum(Parcel.length - Parcel.received), 0)).join(Upload)
    waiting = waiting.where(Upload.organisation_id == organisation_id, Parcel.state == ParcelState.OPEN)
    if int((await session.exec(waiting)).one()) > settings().limits.waiting_bytes:
        raise TooMuchWaiting(limit=settings().limits.waiting_bytes)
