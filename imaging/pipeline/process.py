"""Takes a study through everything that is due now: claim, work, record, and again."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.pipeline import due, service
from imaging.pipeline.service import LEASE, Claim
from imaging.pipeline.steps import STEPS, Bench
from telehealth.core.blobs import Blobs
from telehealth.core.db import reading_engine, session_scope
from telehealth.core.errors import DomainError
from telehealth.core.ids import new_id

log = structlog.get_logger()


def new_owner() -> str:
    """Unlike any other worker's, any other run's too."""
    return f"{socket.gethostname()}:{os.getpid()}:{new_id()}"


async def process_next(engine: AsyncEngine, blobs: Blobs, asked: UUID, turn: int) -> int:
    """The study whose turn it is; the one that the message names where that is taken. Returns how many steps were done."""
    async with AsyncSession(reading_engine(engine)) as session:
        chosen = await due.next_study(session, turn)
    done = await process(engine, blobs, chosen) if chosen else 0
    return done or await process(engine, blobs, asked)


async def process(engine: AsyncEngine, blobs: Blobs, study_id: UUID) -> int:
    """Do every step that is due and free. Returns how many were done. Safe to call twice, at once too."""
    owner, done = new_owner(), 0
    while True:
        async with session_scope(engine) as session:
            claim = await service.claim_next_step(session, study_id, owner)
        if claim is None:
            return done
        await _do(Bench(engine, blobs), claim)
        done += 1


async def _do(bench: Bench, claim: Claim) -> None:
    try:
        async with _kept(bench.engine, claim):
            result = await STEPS[claim.step](bench, claim)
    except Exception as error:  # the door of the worker: the row remembers, the sweep tries again
        log.warning("step_failed", study_id=str(claim.study_id), step=claim.step, kind=type(error).__name__, exc_info=True)
        reason = error.code if isinstance(error, DomainError) else type(error).__name__
        async with session_scope(bench.engine) as session:
            await service.fail(session, claim, reason)
        return
    async with session_scope(bench.engine) as session:
        study = await service.record(session, claim, result.outcome)
        if study is not None and result.keep is not None:
            await result.keep(session, study)


@asynccontextmanager
async def _kept(engine: AsyncEngine, claim: Claim) -> AsyncIterator[None]:
    """Renew the lease while the work goes on."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            async with session_scope(engine) as session:
                await service.renew(session, claim)

    beat = asyncio.create_task(renew())
    try:
        yield
    finally:
        beat.cancel()
        with suppress(asyncio.CancelledError):
            await beat
