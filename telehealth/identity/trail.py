"""Reading the audit log: the auditor all of it, an administrator the own people's, a patient what concerns them."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import audit, clock
from telehealth.core.actor import Actor, Role
from telehealth.core.audit import AuditEntry
from telehealth.core.errors import Forbidden
from telehealth.identity import access
from telehealth.identity.models import RoleGrant

PAGE = 100
EXPORT = 10_000
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = ("seq", "at", "actor_name", "actor_id", "act", "object_type", "object_id", "patient_id", "purpose", "facts", "hash")


@dataclass(frozen=True)
class Wanted:
    """What to look for; empty fields do not narrow. Days are inclusive, where the clinic is."""

    actor: str = ""
    act: str = ""
    object: str = ""
    since: date | None = None
    until: date | None = None
    before: int | None = None
    """Only rows older than this number: the next page."""


async def find(session: AsyncSession, actor: Actor, wanted: Wanted, zone: str, most: int = PAGE) -> list[AuditEntry]:
    """Newest first. Reading the log is itself logged. Raises Forbidden."""
    rows = select(AuditEntry).where(*_within_reach(actor), *_narrowed(wanted, zone))
    found = list((await session.exec(rows.order_by(col(AuditEntry.seq).desc()).limit(most))).all())
    audit.record(session, actor, "audit.read", "log", rows=len(found), kind=wanted.act, export=most > PAGE)
    return found


def _within_reach(actor: Actor) -> list[Any]:
    if access.province_wide(actor, access.Action.READ_AUDIT):
        return []
    units = access.units_for(actor, access.Action.READ_AUDIT)
    if not units:
        raise Forbidden()
    staff = select(RoleGrant.account_id).where(col(RoleGrant.organisation_id).in_(units))
    return [col(AuditEntry.actor_id).in_(staff)]


def _narrowed(wanted: Wanted, zone: str) -> list[Any]:
    conditions: list[Any] = []
    if wanted.actor:
        conditions.append(col(AuditEntry.actor_name).icontains(wanted.actor, autoescape=True))
    if wanted.act:
        conditions.append(col(AuditEntry.act).startswith(wanted.act, autoescape=True))
    if wanted.object:
        conditions.append(or_(col(AuditEntry.object_id) == wanted.object, col(AuditEntry.object_type) == wanted.object))
    if wanted.since:
        conditions.append(col(AuditEntry.at) >= clock.day_bounds(zone, wanted.since)[0])
    if wanted.until:
        conditions.append(col(AuditEntry.at) < clock.day_bounds(zone, wanted.until)[1])
    if wanted.before:
        conditions.append(col(AuditEntry.seq) < wanted.before)
    return conditions


async def acts(session: AsyncSession) -> list[str]:
    """Every kind of act that occurs, for the filter."""
    return list((await session.exec(select(AuditEntry.act).distinct().order_by(AuditEntry.act))).all())


def as_csv(rows: Iterable[AuditEntry]) -> str:
    """A table for a spreadsheet: every cell quoted, none of them a formula."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_harmless(getattr(row, name)) for name in COLUMNS])
    return text.getvalue()


def _harmless(value: object) -> str:
    """A cell that begins like a formula gets an apostrophe (ASVS 1.2.10)."""
    text = value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)
    return f"'{text}" if text.startswith(DANGEROUS) else text


@dataclass(frozen=True)
class Look:
    """One person's acts of one kind on one day: a reader who scrolls through 300 images looked once."""

    patient_id: UUID
    actor_id: UUID | None
    actor_name: str
    act: str
    first: datetime
    last: datetime
    times: int


async def looks(session: AsyncSession, actor: Actor, zone: str, most: int = 2000) -> list[Look]:
    """Who did what with the data of the people this account acts for, newest first. Raises Forbidden for others."""
    if not actor.has(Role.PATIENT):
        raise Forbidden()
    mine = select(AuditEntry).where(col(AuditEntry.patient_id).in_(actor.patients))
    rows = (await session.exec(mine.order_by(col(AuditEntry.seq).desc()).limit(most))).all()
    audit.record(session, actor, "audit.read", "own", rows=len(rows))
    return group(rows, zone)


def group(rows: Iterable[AuditEntry], zone: str) -> list[Look]:
    """Rows, newest first, put together by day, person, act and patient."""
    found: dict[tuple[object, ...], Look] = {}
    for row in rows:
        if row.patient_id is None:
            continue
        key = (clock.day_in(zone, row.at), row.actor_id, row.act, row.patient_id)
        last, times = (found[key].last, found[key].times + 1) if key in found else (row.at, 1)
        found[key] = Look(row.patient_id, row.actor_id, row.actor_name, row.act, row.at, last, times)
    return list(found.values())


async def count(session: AsyncSession) -> int:
    return (await session.exec(select(func.count()).select_from(AuditEntry))).one()
