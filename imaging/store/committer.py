"""Group commit: whoever waits goes along in the next transaction, whatever door and request it came through.

One thread a process does the writing, over a plain connection of its own. While it waits for the disk the next group
gathers, so that many senders cost hardly more flushes than one; it begins without waiting for the event loop.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
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
    """One a process and database. `commit` and `_tell` run on the event loop, the rest in the thread."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = make_plain_engine(engine)
        self.waiting: SimpleQueue[_Wish | None] = SimpleQueue()
        """None: nothing comes any more."""
        self.sending: set[asyncio.Task[None]] = set()
        self.thread = Thread(target=self._run, name="commit", daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.waiting.put(None)
        self.thread.join()
        self.engine.dispose()

    async def commit(self, blobs: Blobs, flushed: Sequence[Flushed]) -> list[Answer]:
        """Answers in order, once bytes and rows are durable. Raises Unavailable where the database does not answer."""
        wish = _Wish(blobs, flushed, asyncio.get_running_loop().create_future())
        self.waiting.put(wish)
        return await wish.done

    def _run(self) -> None:
        while group := self._next_group():
            if not self._together(group) and len(group) > 1:
                for wish in group:  # one of them cannot be written: the others need not suffer
                    self._together([wish])

    def _next_group(self) -> list[_Wish]:
        """Whoever waits, and who comes first where nobody does. Empty at the end."""
        group: list[_Wish] = []
        size = 0
        wish = self.waiting.get()
        while wish is not None:
            group.append(wish)
            size += len(wish.flushed)
            if size >= LARGEST_GROUP:
                return group
            try:
                wish = self.waiting.get_nowait()
            except Empty:
                return group
        if group:
            self.waiting.put(None)
        return group

    def _together(self, group: Sequence[_Wish]) -> bool:
        """Commit a group and wake its callers; False where it failed and its wishes should be tried alone."""
        loop = group[0].done.get_loop()
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            try:
                answers, wanted = self._commit(group)
            except Exception as error:  # the door of the thread: whoever waits must hear of it
                if len(group) == 1:
                    loop.call_soon_threadsafe(_tell_failure, group[0], error)
                return False
            loop.call_soon_threadsafe(self._tell, group, answers, wanted)
        return True

    def _tell(self, group: Sequence[_Wish], answers: Sequence[Answer], wanted: Jobs) -> None:
        for wish in group:
            mine, answers = answers[: len(wish.flushed)], answers[len(wish.flushed) :]
            if not wish.done.done():
                wish.done.set_result(list(mine))
        self._send(wanted)

    def _send(self, wanted: Jobs) -> None:
        """Beside the next group: a broker that is slow or away holds up nobody, and the sweep finds what it missed."""
        for job, study_id in wanted:
            task = asyncio.create_task(jobs.send(job, study_id=study_id))
            self.sending.add(task)
            task.add_done_callback(self.sending.discard)

    def _commit(self, group: Sequence[_Wish]) -> Committed:
        for blobs, wishes in groupby(group, attrgetter("blobs")):  # all at once: one turn of the disk for their names
            blobs.publish([(one.arrival.staged.blob_key, one.staged) for wish in wishes for one in wish.flushed])
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


def _tell_failure(wish: _Wish, error: Exception) -> None:
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
