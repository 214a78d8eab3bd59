"""What the reading doors of one process share: who asks, what is stored, what goes on record."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncEngine

from imaging.dicomweb.answers import Kept
from imaging.dicomweb.levels import Levels
from imaging.dicomweb.trail import Trail
from imaging.store.shelf import Shelf
from telehealth.core.actor import Actor
from telehealth.core.errors import SignInNeeded
from telehealth.core.rows import Rows, open_rows
from telehealth.identity.deps import secret_of
from telehealth.identity.known import KnownSecrets


@dataclass(frozen=True)
class Reads:
    rows: Rows
    secrets: KnownSecrets
    shelf: Shelf
    trail: Trail
    kept: Kept
    levels: Levels
    units: dict[UUID | None, tuple[Actor, UUID]] = field(default_factory=dict)
    """For which clinic an actor sends, for as long as the actor is remembered."""


@asynccontextmanager
async def running(engine: AsyncEngine) -> AsyncIterator[Reads]:
    rows = open_rows(engine.url)
    reads = Reads(rows, KnownSecrets(engine), Shelf(rows), Trail(engine), Kept(), Levels(rows))
    writing = asyncio.create_task(reads.trail.keep_writing())
    try:
        yield reads
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        await reads.trail.write()
        await rows.close()


def reads_of(request: Request) -> Reads:
    reads: Reads = request.app.state.reads
    return reads


async def actor_of(request: Request, reads: Reads) -> Actor:
    """Who asks, at most a second old. Raises SignInNeeded."""
    secret = secret_of(request)
    if not secret:
        raise SignInNeeded()
    actor = await reads.secrets.actor_of(secret)
    request.state.actor = actor
    return actor
