"""Rows of rooms are written behind the event loop's back: in the order in which things happened, several at once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core.db import session_scope

log = structlog.get_logger()

Write = Callable[[AsyncSession], Awaitable[None]]


class Journal:
    """Several writes in one transaction; tries again while the database is away."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.waiting: asyncio.Queue[Write] = asyncio.Queue()

    def add(self, write: Write) -> None:
        self.waiting.put_nowait(write)

    async def run(self) -> None:
        while True:
            batch = [await self.waiting.get()]
            while not self.waiting.empty():
                batch.append(self.waiting.get_nowait())
            try:
                await self._write(batch)
            finally:
                for _ in batch:
                    self.waiting.task_done()

    async def _write(self, batch: Sequence[Write]) -> None:
        for wait_s in (0.2, 1.0, 5.0, 15.0, 0.0):
            try:
                async with session_scope(self.engine) as session:
                    for write in batch:
                        await write(session)
                return
            except SQLAlchemyError as error:
                log.warning("journal_not_written", reason=type(error).__name__, writes=len(batch))
                await asyncio.sleep(wait_s)
        log.error("journal_lost", writes=len(batch))

    async def settled(self) -> None:
        """Everything noted so far is written."""
        await self.waiting.join()
