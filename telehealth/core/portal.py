"""How a synchronous caller (Celery child, command) runs async verbs: one loop and one engine a process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core.db import make_engine, session_scope
from telehealth.core.settings import settings

P = ParamSpec("P")
T = TypeVar("T")


class _Portal:
    """Opened lazily, so never before a fork."""

    runner: asyncio.Runner | None = None
    engine: AsyncEngine | None = None


def engine() -> AsyncEngine:
    if _Portal.engine is None:
        _Portal.engine = make_engine(settings().database_url)
    return _Portal.engine


@asynccontextmanager
async def work() -> AsyncIterator[AsyncSession]:
    """A unit of work on this process's engine."""
    async with session_scope(engine()) as session:
        yield session


def run_async(call: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a coroutine function to its end on this process's loop."""
    if _Portal.runner is None:
        _Portal.runner = asyncio.Runner()

    async def main() -> T:
        return await call(*args, **kwargs)

    return _Portal.runner.run(main())


def run(verb: Callable[Concatenate[AsyncSession, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run one verb in one short transaction: `portal.run(service.claim_next_step, study_id)`."""

    async def main() -> T:
        async with work() as session:
            return await verb(session, *args, **kwargs)

    return run_async(main)


def close() -> None:
    """Give back connections and the loop; the next call opens new ones."""
    if _Portal.engine is not None and _Portal.runner is not None:
        _Portal.runner.run(_Portal.engine.dispose())
    if _Portal.runner is not None:
        _Portal.runner.close()
    _Portal.engine = _Portal.runner = None
