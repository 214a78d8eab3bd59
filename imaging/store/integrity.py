"""Every night: is each stored object there, and are its bytes still those that came? A report, not a repair.

A walk over the rows in sittings; where it stands is a row, so that a killed worker loses a minute, not the night.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.store.models import Instance, Verification
from telehealth.core import audit, clock
from telehealth.core.actor import SYSTEM
from telehealth.core.blobs import CHUNK, Blobs
from telehealth.core.db import fetch, reading_engine, session_scope
from telehealth.core.errors import NotFound

PAGE = 200
SITTING_S = 60.0
MOST_FAULTS = 1000
"""Listed one by one; beyond that they are only counted."""
GIVEN_UP_AFTER = timedelta(days=2)
"""An unfinished walk older than this is left, a new one begins."""
Progress = Callable[[int], None]


async def begin(session: AsyncSession) -> Verification:
    """The walk that is under way, or a new one."""
    open_walks = select(Verification).where(
        col(Verification.finished_at).is_(None), col(Verification.started_at) > clock.now() - GIVEN_UP_AFTER
    )
    walk = (await session.exec(open_walks.order_by(col(Verification.started_at).desc()).limit(1))).first()
    if walk is None:
        walk = Verification()
        session.add(walk)
        await session.flush()
    return walk


async def go_on(
    engine: AsyncEngine, blobs: Blobs, walk_id: UUID, sitting_s: float = SITTING_S, progress: Progress = lambda _count: None
) -> bool:
    """One sitting. Returns whether the walk is at its end."""
    until = time.monotonic() + sitting_s
    while True:
        async with AsyncSession(reading_engine(engine)) as session:
            walk = await fetch(session, Verification, walk_id)
            page = await _next(session, walk.last_id)
        found = [(instance_id, key, size, await _judge(blobs, key, digest, size)) for instance_id, key, digest, size in page]
        async with session_scope(engine) as session:
            walk = await fetch(session, Verification, walk_id, lock=True)
            _note(session, walk, found)
        progress(len(found))
        if walk.finished_at or time.monotonic() > until:
            return walk.finished_at is not None


async def _next(session: AsyncSession, after: UUID | None) -> list[tuple[UUID, str, str, int]]:
    rows = select(Instance.id, Instance.blob_key, Instance.sha256, Instance.size).order_by(col(Instance.id)).limit(PAGE)
    if after is not None:
        rows = rows.where(col(Instance.id) > after)
    return [(row[0], row[1], row[2], row[3]) for row in await session.exec(rows)]


async def _judge(blobs: Blobs, key: str, digest: str, size: int) -> str:
    """Empty, `missing` or `changed`. Read a piece at a time from the store itself, never from a local copy."""
    found = sha256()
    try:
        for offset in range(0, size, CHUNK):
            await asyncio.to_thread(found.update, await blobs.read(key, offset, CHUNK))
    except NotFound:
        return "missing"
    return "" if found.hexdigest() == digest else "changed"


def _note(session: AsyncSession, walk: Verification, found: list[tuple[UUID, str, int, str]]) -> None:
    bad = [{"instance_id": str(one), "blob_key": key, "what": what} for one, key, _, what in found if what]
    walk.checked += len(found)
    walk.bytes += sum(size for _, _, size, _ in found)
    walk.fault_count += len(bad)
    walk.faults = [*walk.faults, *bad][:MOST_FAULTS]
    if found:
        walk.last_id = found[-1][0]
    if len(found) < PAGE:
        walk.finished_at = clock.now()
        audit.record(session, SYSTEM, "objects.verified", walk.id, checked=walk.checked, faults=walk.fault_count)
    session.add(walk)


async def newest(session: AsyncSession) -> Verification | None:
    """The last report that is whole."""
    rows = select(Verification).where(col(Verification.finished_at).is_not(None))
    return (await session.exec(rows.order_by(col(Verification.started_at).desc()).limit(1))).first()
