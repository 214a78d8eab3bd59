"""A study's progress pushed to a page: one short look a second, a word when something has changed.

The page then asks for its own part anew, through its own door and rights; nothing about a patient is in the stream.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.pipeline.models import StepRun
from imaging.store.models import Study
from telehealth.core.db import reading_engine

LOOK_EVERY_S = 1.0
WHILE_QUIET_S = 3.0
"""Between two looks once nothing has moved for a minute."""
QUIET_AFTER_S = 60.0
BREATH_S = 15.0
"""A comment so that proxies keep the line, and the moment in which the right is asked again."""
LONGEST_S = 600.0
"""Then the browser comes again by itself."""

Look = Callable[[AsyncSession], Awaitable[str]]


def of_referral(referral_id: UUID) -> Look:
    """Changes with every image and every step of the question's studies."""

    async def look(session: AsyncSession) -> str:
        studies = select(Study.id, Study.version, Study.state, Study.available_at).where(Study.referral_id == referral_id)
        steps = (
            select(StepRun.study_id, StepRun.state, func.count())
            .join(Study, col(Study.id) == col(StepRun.study_id))
            .where(Study.referral_id == referral_id, StepRun.study_version == Study.version)
            .group_by(col(StepRun.study_id), col(StepRun.state))
        )
        found = [sorted(map(str, await session.exec(rows))) for rows in (studies, steps)]
        return repr(found)

    return look


async def of_everything(session: AsyncSession) -> str:
    """Changes with every study's state and with every step that begins, ends or fails."""
    states = select(Study.state, func.count(), func.max(Study.version)).group_by(col(Study.state))
    steps = select(StepRun.state, func.count(), func.max(StepRun.attempts)).group_by(col(StepRun.state))
    return repr([sorted(map(str, await session.exec(rows))) for rows in (states, steps)])


async def events(
    engine: AsyncEngine, look: Look, still_allowed: Callable[[], Awaitable[bool]], look_every_s: float = LOOK_EVERY_S
) -> AsyncIterator[str]:
    """Server-sent events (HTML, 9.2): `changed` at once and at every change; ends when the right is gone."""
    yield "retry: 3000\n\n"
    seen, begun = "", time.monotonic()
    changed = breathed = begun
    while (now := time.monotonic()) < begun + LONGEST_S:
        async with AsyncSession(reading_engine(engine)) as session:
            found = await look(session)
        if found != seen:
            seen, changed = found, now
            yield "event: changed\ndata: \n\n"
        if now - breathed > BREATH_S:
            if not await still_allowed():
                return
            breathed = now
            yield ": still here\n\n"
        await asyncio.sleep(look_every_s if now - changed < QUIET_AFTER_S else WHILE_QUIET_S)
