"""The database: engine, one unit of work, and types that behave alike on SQLite and PostgreSQL."""

import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Engine, LargeBinary, MetaData, TypeDecorator, create_engine, event
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core.errors import DomainError, NotFound

SQLModel.metadata.naming_convention = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
).naming_convention


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. Refuses naive values, stores UTC, returns aware on both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive datetime cannot be stored: {value}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PackedText(TypeDecorator[str]):
    """Text that is kept compressed: written once, long, and never searched. Takes bytes that are packed already."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | bytes | None, dialect: Dialect) -> bytes | None:
        return pack_text(value) if isinstance(value, str) else value

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else unpack_text(value)


def pack_text(text: str) -> bytes:
    return zlib.compress(text.encode(), 1)  # the higher levels save a tenth and cost three times


def unpack_text(packed: bytes) -> str:
    return zlib.decompress(packed).decode()


def one_of(column: str, values: type[Any]) -> CheckConstraint:
    """A CHECK that holds a StrEnum's values in a text column."""
    listed = ", ".join(f"'{v.value}'" for v in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def make_engine(url: str, **options: Any) -> AsyncEngine:
    """An engine for one of the two databases we support, with SQLite made durable and serial for writers."""
    engine = create_async_engine(url, json_serializer=_json, **options)
    if engine.dialect.name == "sqlite":
        _durable_sqlite(engine.sync_engine)
    return engine


def make_plain_engine(beside: AsyncEngine) -> Engine:
    """The same database for a thread of its own: a batch of statements costs no turn of the event loop each."""
    is_sqlite = beside.dialect.name == "sqlite"
    url = beside.url.set(drivername="sqlite") if is_sqlite else beside.url
    engine = create_engine(url, json_serializer=_json, pool_size=1, max_overflow=0, pool_pre_ping=not is_sqlite)
    if is_sqlite:
        _durable_sqlite(engine)
    return engine


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _durable_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we begin ourselves, below
        cursor = connection.cursor()
        for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # a reader that later writes would fail with "database is locked": writers take the lock at the start
        readonly = connection.get_execution_options().get("readonly", False)
        connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")


def reading_engine(engine: AsyncEngine) -> AsyncEngine:
    """The same pool for work that only reads: on SQLite it never waits for a writer."""
    return engine.execution_options(readonly=True)


@asynccontextmanager
async def session_scope(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """One unit of work: audit rows just before the commit, jobs just after it; everything or nothing.

    Used by requests, tasks, commands and DIMSE handlers alike. A service never commits.
    """
    from telehealth.core import audit, jobs  # they write through sessions themselves

    async with AsyncSession(engine, expire_on_commit=False) as session:
        refusal: DomainError | None = None
        try:
            yield session
        except DomainError as error:
            refusal = error
            if not error.keeps_work:
                await session.rollback()
                session.info["audit"], session.info["jobs"] = session.info.get("kept_audit", []), []
        session.add_all(session.info.pop("kept", []))
        await audit.write_recorded(session)
        await session.commit()
        await jobs.send_enqueued(session)
        if refusal is not None:
            raise refusal


def keep(session: AsyncSession, row: SQLModel) -> None:
    """Write this row whether the work is done or refused, such as an attempt that counts."""
    session.info.setdefault("kept", []).append(row)


Row = TypeVar("Row", bound=SQLModel)


async def fetch(session: AsyncSession, model: type[Row], row_id: UUID | str, *, lock: bool = False) -> Row:
    """The row, locked against other writers if asked. Raises NotFound, also for an id that is not one."""
    try:
        key = row_id if isinstance(row_id, UUID) else UUID(row_id)
    except ValueError:
        raise NotFound() from None
    row = await session.get(model, key, with_for_update=lock, populate_existing=lock)
    if row is None:
        raise NotFound()
    return row
