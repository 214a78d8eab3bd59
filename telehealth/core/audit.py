"""The audit log: append-only, hash-chained, written in the transaction of the act it tells of.

`record` only notes an entry; `session_scope` writes the notes as the last thing before the commit, so that the lock
on the chain's head is held for a moment only. Each row's HMAC-SHA256 covers the previous row's hash and its own
canonical JSON; the head (count and hash) is also appended to a file outside the database every hour.
"""

import hmac
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, Connection, Index, Table, text
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import clock
from telehealth.core.actor import Actor
from telehealth.core.crypto import audit_key
from telehealth.core.db import UtcDateTime
from telehealth.core.writes import Statements, insert

GENESIS = "0" * 64
FIRST_POSSIBLE = -(2**31)
"""Rows are numbered from 1; a row slipped in below that is found as well."""
CHAIN_LOCK = 0x7E1E4EA1
"""PostgreSQL advisory lock that orders writers of the chain."""


class AuditEntry(SQLModel, table=True):
    """One act or one read. Nobody updates or deletes it; triggers refuse."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_object", "object_type", "object_id"),)

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    actor_id: UUID | None = Field(default=None, index=True)
    actor_name: str
    act: str = Field(index=True)
    """`subject.verb`, such as `study.read`."""
    object_type: str
    object_id: str
    patient_id: UUID | None = Field(default=None, index=True)
    """Whose data this concerns, so that a person can see who looked."""
    purpose: str = ""
    """Why, such as the id of the referral under which an image was read."""
    facts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    previous: str
    hash: str


@dataclass
class Noted:
    """An entry that has no place in the chain yet: the columns of AuditEntry."""

    at: datetime
    actor_id: UUID | None
    actor_name: str
    act: str
    object_type: str
    object_id: str
    patient_id: UUID | None
    purpose: str
    facts: dict[str, Any]
    seq: int = 0
    previous: str = ""
    hash: str = ""


@dataclass(frozen=True)
class Broken:
    """The first row that does not fit: its number and what is wrong with it."""

    seq: int
    reason: str


def record(
    session: AsyncSession,
    actor: Actor,
    act: str,
    object_id: UUID | str,
    *,
    patient_id: UUID | None = None,
    purpose: UUID | str = "",
    even_if_refused: bool = False,
    **facts: Any,
) -> None:
    """Note that `actor` did `subject.verb` to an object. facts: ids and codes, never names or findings.

    even_if_refused: the entry stays when the work around it is refused and rolled back (a wrong code).
    """
    noted = entry(actor, act, object_id, patient_id=patient_id, purpose=purpose, **facts)
    session.info.setdefault("audit", []).append(noted)
    if even_if_refused:
        session.info.setdefault("kept_audit", []).append(noted)


def entry(
    actor: Actor, act: str, object_id: UUID | str, *, patient_id: UUID | None = None, purpose: UUID | str = "", **facts: Any
) -> Noted:
    """For `append`, or for a session by `record`."""
    subject = act.partition(".")[0]
    return Noted(clock.now(), actor.account_id, actor.name, act, subject, str(object_id), patient_id, str(purpose), facts)


async def write_recorded(session: AsyncSession) -> None:
    """Append the noted entries to the chain, in order."""
    waiting, session.info["audit"] = session.info.get("audit", []), []
    session.info.pop("kept_audit", None)
    if not waiting:
        return
    await session.flush()
    connection = await session.connection()
    await connection.run_sync(_append, waiting)


def _append(connection: Connection, entries: Sequence[Noted]) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(LOCK))
    _chain(entries, connection.execute(text(LAST)).first())
    connection.execute(_TABLE.insert(), [{name: getattr(one, name) for name in _COLUMNS} for one in entries])


def append(statements: Statements, entries: Sequence[Noted]) -> None:
    """Chain the entries in their order and write them, as the last thing of a transaction."""
    if not statements.is_sqlite:
        statements.rows(LOCK)
    _chain(entries, next(iter(statements.rows(LAST)), None))
    statements.write(INSERT, [[getattr(one, name) for name in _COLUMNS] for one in entries])


def _chain(entries: Sequence[Noted], last: Sequence[Any] | None) -> None:
    """Give each entry its place behind the last row of the log."""
    seq, previous = (last[0], last[1]) if last else (0, GENESIS)
    for one in entries:
        seq += 1
        one.seq, one.previous = seq, previous
        one.hash = previous = _hash(one, previous)


async def head(session: AsyncSession) -> tuple[int, str]:
    """(number, hash) of the last row; (0, GENESIS) of an empty log."""
    last = (await (await session.connection()).execute(text(LAST))).first()
    return (last[0], last[1]) if last else (0, GENESIS)


LAST = "SELECT seq, hash FROM audit_entry ORDER BY seq DESC LIMIT 1"
LOCK = f"SELECT pg_advisory_xact_lock({CHAIN_LOCK})"
_TABLE: Table = SQLModel.metadata.tables["audit_entry"]
_COLUMNS = tuple(column.name for column in _TABLE.columns)
INSERT = insert("audit_entry", " ".join(_COLUMNS))


def _hash(entry: AuditEntry | Noted, previous: str) -> str:
    canonical = json.dumps(
        [
            entry.seq,
            entry.at.isoformat(),
            str(entry.actor_id or ""),
            entry.actor_name,
            entry.act,
            entry.object_type,
            entry.object_id,
            str(entry.patient_id or ""),
            entry.purpose,
            entry.facts,
        ],
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
        default=str,
    )
    return hmac.new(audit_key(), f"{previous}\n{canonical}".encode(), sha256).hexdigest()


async def entries(session: AsyncSession, page: int = 1000) -> AsyncIterator[AuditEntry]:
    """Every row in order, a page at a time."""
    seq = FIRST_POSSIBLE
    while True:
        rows = (await session.exec(select(AuditEntry).where(AuditEntry.seq > seq).order_by(AuditEntry.seq).limit(page))).all()  # type: ignore[arg-type]
        for row in rows:
            yield row
        if len(rows) < page:
            return
        seq = rows[-1].seq
        session.expunge_all()


async def verify(session: AsyncSession, anchors: Iterable[tuple[int, str]] = ()) -> Broken | None:
    """Walk the chain. Names the first changed, removed or reordered row, or None.

    anchors: (number, hash) pairs kept outside the database; they show a log that was cut off or rewritten whole.
    """
    expected, previous = 1, GENESIS
    outside = dict(anchors)
    async for entry in entries(session):
        if entry.seq != expected:
            return Broken(min(expected, entry.seq), "removed" if entry.seq > expected else "added")
        if entry.previous != previous:
            return Broken(entry.seq, "reordered")
        if not hmac.compare_digest(entry.hash, _hash(entry, previous)):
            return Broken(entry.seq, "changed")
        if entry.seq in outside and outside.pop(entry.seq) != entry.hash:
            return Broken(entry.seq, "differs from the anchor kept outside the database")
        expected, previous = expected + 1, entry.hash
    if outside:
        return Broken(expected, "removed from the end")
    return None


def read_anchors(path: Path) -> list[tuple[int, str]]:
    """Anchors written by `append_anchor`; none if the file is not there yet."""
    if not path.exists():
        return []
    lines = (line.split() for line in path.read_text().splitlines() if line)
    return [(int(seq), digest) for _, seq, digest in lines]


def append_anchor(path: Path, seq: int, digest: str) -> None:
    """Keep the head outside the database: one line of time, number, hash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(f"{clock.now().isoformat()} {seq} {digest}\n")
