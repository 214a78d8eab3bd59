"""Hand-written SQL for hot reads: plain tuples over connections that cannot write, beside the sessions.

A statement has `?` for values on either database. SQLite gives ids as 32 hex digits, PostgreSQL as UUID: `uuid_of`.
A look sees what is committed when it begins. None may take longer than PATIENCE_S.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, Protocol, cast
from uuid import UUID

import psycopg
from sqlalchemy import URL, make_url

from telehealth.core.errors import Unavailable

PATIENCE_S = 2
CONNECTIONS = 4
INSTRUCTIONS_BETWEEN_LOOKS = 20_000
"""Of SQLite's virtual machine: about a millisecond."""
PREPARE_AFTER = 1

Row = tuple[Any, ...]


class Rows(Protocol):
    dialect: str
    """sqlite or postgresql."""

    async def all(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """Every row. Raises Unavailable where the database does not answer in time."""

    async def close(self) -> None: ...


def uuid_of(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(hex=value)


class SqliteRows:
    """A few threads with a read-only connection each; in WAL mode they never wait for a writer."""

    dialect = "sqlite"

    def __init__(self, path: str) -> None:
        self.path = path
        self.threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="rows")
        self.mine = threading.local()
        self.opened: list[sqlite3.Connection] = []

    async def all(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        return await asyncio.get_running_loop().run_in_executor(self.threads, self._all, statement, values)

    def _all(self, statement: str, values: Sequence[Any]) -> list[Row]:
        plain = [value.hex if isinstance(value, UUID) else value for value in values]
        connection = self._connection()
        until = time.monotonic() + PATIENCE_S
        connection.set_progress_handler(lambda: time.monotonic() > until, INSTRUCTIONS_BETWEEN_LOOKS)
        try:
            return connection.execute(statement, plain).fetchall()
        except sqlite3.OperationalError as error:
            raise Unavailable(str(error)) from error

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self.mine, "connection", None)
        if found is None:
            found = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, cached_statements=256, timeout=30)
            found.execute("PRAGMA query_only=ON")
            self.mine.connection = found
            self.opened.append(found)
        return found

    async def close(self) -> None:
        self.threads.shutdown()
        while self.opened:
            self.opened.pop().close()


class PostgresRows:
    """A few connections of their own in autocommit, whose statements stay prepared."""

    dialect = "postgresql"

    def __init__(self, url: URL) -> None:
        self.address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self.turns = asyncio.BoundedSemaphore(CONNECTIONS)
        self.idle: list[psycopg.AsyncConnection[Row]] = []

    async def all(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        async with self.turns:
            while self.idle:
                connection = self.idle.pop()
                try:
                    return await self._ask(connection, statement, values)
                except psycopg.OperationalError:  # a server that was restarted: try a connection made now
                    if not connection.closed:
                        raise Unavailable("the database takes too long") from None
            try:
                return await self._ask(await self._connect(), statement, values)
            except psycopg.OperationalError as error:
                raise Unavailable(type(error).__name__) from error

    async def _ask(self, connection: psycopg.AsyncConnection[Row], statement: str, values: Sequence[Any]) -> list[Row]:
        try:
            # the text is ours, written in the code; values go beside it
            cursor = await connection.execute(cast(Any, _with_percent(statement)), values)
            return await cursor.fetchall()
        finally:
            if not connection.closed:
                self.idle.append(connection)

    async def _connect(self) -> psycopg.AsyncConnection[Row]:
        connection = await psycopg.AsyncConnection.connect(self.address, autocommit=True, prepare_threshold=PREPARE_AFTER)
        await connection.execute(f"SET default_transaction_read_only = on; SET statement_timeout = {PATIENCE_S * 1000}")
        return connection

    async def close(self) -> None:
        while self.idle:
            await self.idle.pop().close()


@lru_cache(512)
def _with_percent(statement: str) -> str:
    return statement.replace("%", "%%").replace("?", "%s")


def open_rows(url: str | URL) -> Rows:
    """Beside the engine of the same address."""
    address = make_url(url)
    return SqliteRows(address.database or "") if address.get_backend_name() == "sqlite" else PostgresRows(address)
