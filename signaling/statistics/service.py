"""Keep what pages measured, and forget the single samples after a while."""

from datetime import timedelta
from uuid import UUID

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from signaling.statistics import metrics
from signaling.statistics.models import CallLeg, CallSamples
from signaling.statistics.schemas import LegIn, StatisticsIn
from signaling.statistics.summary import carry_on
from telehealth.core import clock

SAMPLES_KEPT = timedelta(days=30)
"""Long enough to look into a complaint; the sums stay."""
LEGS_OF_ONE = 64
"""Of one person in one room: more is no call but somebody filling the table."""


async def keep(session: AsyncSession, room: UUID, account_id: UUID, report: StatisticsIn) -> None:
    known = {(leg.line, leg.to): leg for leg in await legs_of(session, [room]) if leg.account_id == account_id}
    for measured in report.legs:
        leg = known.get((report.line, measured.to))
        if leg is None:
            if len(known) >= LEGS_OF_ONE:
                return
            leg = CallLeg(room=room, account_id=account_id, line=report.line, to=measured.to)
            known[report.line, measured.to] = leg
        await _take(session, leg, measured, report.join_ms)
    metrics.note(report.legs, report.join_ms)


async def _take(session: AsyncSession, leg: CallLeg, measured: LegIn, join_ms: int | None) -> None:
    carry_on(leg, measured.samples, join_ms)
    leg.seen_at = clock.now()
    session.add(leg)
    await session.flush()
    session.add(CallSamples(leg_id=leg.id, samples=[sample.model_dump() for sample in measured.samples]))


async def legs_of(session: AsyncSession, rooms: list[UUID]) -> list[CallLeg]:
    rows = await session.exec(select(CallLeg).where(col(CallLeg.room).in_(rooms)).order_by(col(CallLeg.began_at)))
    return list(rows)


async def samples_of(session: AsyncSession, leg_id: UUID) -> list[CallSamples]:
    return list(await session.exec(select(CallSamples).where(CallSamples.leg_id == leg_id).order_by(col(CallSamples.at))))


async def forget(session: AsyncSession) -> None:
    await session.exec(delete(CallSamples).where(col(CallSamples.at) < clock.now() - SAMPLES_KEPT))
