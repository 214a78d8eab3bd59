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
from sqlalchemy import select as sql_select
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import clock
from telehealth.core.actor import Actor
from telehealth.core.crypto import audit_key
from telehealth.core.db import UtcDateTime

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
) -> AuditEntry:
    """An entry that has no place in the chain yet: see `append`."""
    return AuditEntry(
        seq=0,
        at=clock.now(),
        actor_id=actor.account_id,
        actor_name=actor.name,
        act=act,
        object_type=act.partition(".")[0],
        object_id=str(object_id),
        patient_id=patient_id,
        purpose=str(purpose),
        facts=facts,
        previous="",
        hash="",
    )


async def write_recorded(session: AsyncSession) -> None:
    """Append the noted entries to the chain, in order."""
    waiting, session.info["audit"] = session.info.get("audit", []), []
    session.info.pop("kept_audit", None)
    if not waiting:
        return
    await session.flush()
    connection = await session.connection()
    await connection.run_sync(append, waiting)


def append(connection: Connection, entries: Sequence[AuditEntry]) -> None:
    """Chain the entries in their order and write them, the last thing before a commit."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({CHAIN_LOCK})"))
    last = connection.execute(_LAST).first()
    seq, previous = (last[0], last[1]) if last else (0, GENESIS)
    for one in entries:
        seq += 1
        one.seq, one.previous = seq, previous
        one.hash = previous = _hash(one, previous)
    connection.execute(_TABLE.insert(), [{name: getattr(one, name) for name in _COLUMNS} for one in entries])


async def head(session: AsyncSession) -> tuple[int, str]:
    """(number, hash) of the last row; (0, GENESIS) of an empty log."""
    last = (await (await session.connection()).execute(_LAST)).first()
    return (last[0], last[1]) if last else (0, GENESIS)


_TABLE: Table = SQLModel.metadata.tables["audit_entry"]
_COLUMNS = tuple(column.name for column in _TABLE.columns)
_LAST = sql_select(_TABLE.c.seq, _TABLE.c.hash).order_by(_TABLE.c.seq.desc()).limit(1)


def _hash(entry: AuditEntry, previous: str) -> str:
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
