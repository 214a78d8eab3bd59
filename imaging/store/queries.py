"""Shared reads of the index."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.store.models import Study


async def studies_of_referral(session: AsyncSession, referral_id: UUID) -> Sequence[Study]:
    rows = select(Study).where(Study.referral_id == referral_id).order_by(col(Study.received_at))
    return (await session.exec(rows)).all()
