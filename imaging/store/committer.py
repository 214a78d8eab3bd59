"""Group commit: whoever waits goes along in the next transaction, whatever door and request it came through.

One thread a process does the writing, over a plain connection of its own. While it waits for the disk the next group
gathers, so that many senders cost hardly more flushes than one.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from imaging.store.service import Answer, Arrival, take
from telehealth.core import jobs
from telehealth.core.blobs import Blobs
from telehealth.core.db import make_plain_engine
from telehealth.core.errors import Unavailable
from telehealth.core.jobs import Job
from telehealth.core.writes import transaction

LARGEST_GROUP = 512
TRIES = 4
AWAY = (OperationalError, psycopg.OperationalError, sqlite3.OperationalError)
LOCK_CONFLICTS = ("40001", "40P01")
"""PostgreSQL: serialization failure, deadlock. Nothing was written, and the same again succeeds."""


@dataclass(frozen=True)
class Flushed:
    """An arrival whose bytes are durable in a staged file, but do not stand under their key yet."""

    arrival: Arrival
    staged: Path


@dataclass(frozen=True)
class _Wish:
    """What one caller wants in the index: all of it in one transaction, or an error."""

    blobs: Blobs
    flushed: Sequence[Flushed]
    done: asyncio.Future[list[Answer]]


Jobs = set[tuple[Job, UUID]]
Committed = tuple[list[Answer], Jobs]


class Committer:
    """One a process and database; all its methods but `_commit` run on the event loop."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = make_plain_engine(engine)
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self.waiting: list[_Wish] = []
        self.running: asyncio.Task[None] | None = None
        self.sending: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        self.thread.shutdown(wait=True)
        self.engine.dispose()

    async def commit(self, blobs: Blobs, flushed: Sequence[Flushed]) -> list[Answer]:
        """Answers in order, once bytes and rows are durable. Raises Unavailable where the database does not answer."""
        wish = _Wish(blobs, flushed, asyncio.get_running_loop().create_future())
        self.waiting.append(wish)
        if self.running is None or self.running.done():
            self.running = asyncio.create_task(self._run())
        return await wish.done

    async def _run(self) -> None:
        while self.waiting:
            group = self._next_group()
            if not await self._together(group) and len(group) > 1:
                for wish in group:  # one of them cannot be written: the others need not suffer
                    await self._together([wish])

    def _next_group(self) -> list[_Wish]:
        size = count = 0
        while count < len(self.waiting) and size < LARGEST_GROUP:
            size += len(self.waiting[count].flushed)
            count += 1
        group, self.waiting = self.waiting[:count], self.waiting[count:]
        return group

    async def _together(self, group: Sequence[_Wish]) -> bool:
        """Commit a group and wake its callers; False where it failed and its wishes should be tried alone."""
        loop = asyncio.get_running_loop()
        try:
            answers, wanted = await loop.run_in_executor(self.thread, self._commit, group)
        except Exception as error:  # the door of the thread: whoever waits must hear of it
            if len(group) == 1:
                _tell(group[0], error)
            return False
        for wish in group:
            mine, answers = answers[: len(wish.flushed)], answers[len(wish.flushed) :]
            if not wish.done.done():
                wish.done.set_result(mine)
        self._send(wanted)
        return True

    def _send(self, wanted: Jobs) -> None:
        """Beside the next group: a broker that is slow or away holds up nobody, and the sweep finds what it missed."""
        for job, study_id in wanted:
            task = asyncio.create_task(jobs.send(job, study_id=study_id))
            self.sending.add(task)
            task.add_done_callback(self.sending.discard)

    def _commit(self, group: Sequence[_Wish]) -> Committed:
        for wish in group:
            wish.blobs.publish([(one.arrival.staged.blob_key, one.staged) for one in wish.flushed if one.staged.exists()])
        arrivals = [one.arrival for wish in group for one in wish.flushed]
        for _ in range(TRIES - 1):
            try:
                return self._transaction(arrivals)
            except psycopg.errors.OperationalError as error:
                if error.sqlstate not in LOCK_CONFLICTS:
                    raise
        return self._transaction(arrivals)

    def _transaction(self, arrivals: Sequence[Arrival]) -> Committed:
        with transaction(self.engine) as statements:
            return take(statements, arrivals)


def _tell(wish: _Wish, error: Exception) -> None:
    if not wish.done.done():
        wish.done.set_exception(Unavailable("database") if isinstance(error, AWAY) else error)


_committers: WeakKeyDictionary[AsyncEngine, Committer] = WeakKeyDictionary()


def committer(engine: AsyncEngine) -> Committer:
    """The one that belongs to this engine, until the engine is disposed of."""
    if engine in _committers:
        return _committers[engine]

    @event.listens_for(engine.sync_engine, "engine_disposed", once=True)
    def close(_engine: Engine) -> None:
        _committers.pop(engine).close()

    found = _committers[engine] = Committer(engine)
    return found
