"""Hand-written SQL for hot writes: one transaction in a thread, a few dozen microseconds a statement.

As in `rows`, a statement has `?` for values on either database and ids come back as `uuid_of` reads them. What is
written here must look as the models write it: ids as 32 hex digits and times without a zone on SQLite.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from telehealth.core.rows import Row

AT = "%Y-%m-%d %H:%M:%S.%f"


class Statements:
    """One open transaction."""

    def __init__(self, cursor: Any, dialect: str) -> None:
        self.cursor = cursor
        self.is_sqlite = dialect == "sqlite"

    def rows(self, statement: str, *values: Any) -> list[Row]:
        return self._rows(statement, self._plain(values))

    def _rows(self, statement: str, plain: Sequence[Any]) -> list[Row]:
        self.cursor.execute(self._text(statement), plain)
        found: list[Row] = self.cursor.fetchall()
        return found

    def among(self, statement: str, values: Iterable[Any]) -> list[Row]:
        """Rows of a statement with `AMONG` in place of a comparison: `WHERE uid AMONG ORDER BY uid`."""
        wanted = sorted(values)
        if not wanted:
            return []
        one_of = "IN (SELECT value FROM json_each(?))" if self.is_sqlite else "= ANY(?)"
        listed = json.dumps(self._plain(wanted)) if self.is_sqlite else wanted
        return self._rows(statement.replace("AMONG", one_of), [listed])

    def write(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """The same statement for every row. Returns how many rows were written."""
        if not rows:
            return 0
        self.cursor.executemany(self._text(statement), [self._plain(row) for row in rows])
        return int(self.cursor.rowcount)

    def _text(self, statement: str) -> str:
        return statement if self.is_sqlite else _for_postgresql(statement)

    def _plain(self, values: Sequence[Any]) -> list[Any]:
        return [_sqlite_value(value) for value in values] if self.is_sqlite else [_postgresql_value(value) for value in values]


def locking(statement: str, statements: Statements) -> str:
    """The rows stay ours until the end; on SQLite everything is."""
    return statement if statements.is_sqlite else statement + " FOR UPDATE"


def insert(table: str, columns: str, conflict: str = "") -> str:
    """INSERT of columns named in their order; one that meets the unique columns `conflict` leaves alone what is there."""
    names = columns.split()
    places, quoted = ", ".join("?" * len(names)), ", ".join(f'"{name}"' for name in names)
    otherwise = f" ON CONFLICT ({conflict}) DO NOTHING" if conflict else ""
    return f"INSERT INTO {table} ({quoted}) VALUES ({places}){otherwise}"  # noqa: S608 names from the code


@contextmanager
def transaction(engine: Engine) -> Iterator[Statements]:
    """Commits at the end, rolls back on an error. Raises the driver's own errors."""
    connection = engine.raw_connection()
    try:
        statements = Statements(connection.cursor(), engine.dialect.name)
        if statements.is_sqlite:
            statements.cursor.execute("BEGIN IMMEDIATE")
        yield statements
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.close()


def _sqlite_value(value: Any) -> Any:
    kind = type(value)
    if kind is str or kind is int or value is None:
        return value
    if kind is UUID:
        return value.hex
    if kind is datetime:
        return value.astimezone(UTC).strftime(AT)
    if kind is dict or kind is list:
        return as_json(value)
    return str(value) if isinstance(value, str) else value


def _postgresql_value(value: Any) -> Any:
    if type(value) in (dict, list):
        return as_json(value)
    return str(value) if isinstance(value, str) else value


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


@lru_cache(256)
def _for_postgresql(statement: str) -> str:
    return statement.replace("%", "%%").replace("?", "%s")
