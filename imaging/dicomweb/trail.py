"""Who read and who searched, on record without a write for every frame.

A read is written before its answer leaves, once a person, study and ten minutes. Searches are counted by person and
kind and written within WRITE_EVERY_S, all of that time in one transaction.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.store.shelf import StudyCard
from telehealth.core import audit, clock
from telehealth.core.actor import Actor
from telehealth.core.audit import AuditEntry
from telehealth.core.db import session_scope

READ_AGAIN_AFTER = timedelta(minutes=10)
WRITE_EVERY_S = 1.0
REMEMBERED = 20_000
log = structlog.get_logger()


@dataclass
class Searched:
    """One person's searches by the same keys since the last writing."""

    actor: Actor
    times: int = 0
    found: int = 0


@dataclass
class Trail:
    engine: AsyncEngine
    until: OrderedDict[tuple[UUID | None, UUID], datetime] = field(default_factory=OrderedDict)
    """(person, study) -> when the next read is to be written down."""
    searches: dict[tuple[UUID | None, tuple[str, ...]], Searched] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self, actor: Actor, study: StudyCard, what: str) -> None:
        """Returns when the read is on record."""
        key = actor.account_id, study.id
        if self._is_written(key):
            return
        async with self.turn:  # of a viewer's first sixteen requests one writes
            if self._is_written(key):
                return
            async with session_scope(self.engine) as session:
                self.until[key] = await _record(session, actor, study, what) + READ_AGAIN_AFTER
        while len(self.until) > REMEMBERED:
            self.until.popitem(last=False)

    def _is_written(self, key: tuple[UUID | None, UUID]) -> bool:
        until = self.until.get(key)
        return until is not None and clock.now() < until

    def searched(self, actor: Actor, keys: tuple[str, ...], found: int) -> None:
        noted = self.searches.setdefault((actor.account_id, keys), Searched(actor))
        noted.times += 1
        noted.found += found

    async def write(self) -> None:
        """What was searched since the last time; kept for the next where the database does not answer."""
        noted, self.searches = self.searches, {}
        if not noted:
            return
        try:
            async with session_scope(self.engine) as session:
                for (_, keys), one in noted.items():
                    audit.record(session, one.actor, "study.searched", "", keys=list(keys), count=one.found, times=one.times)
        except (SQLAlchemyError, OSError) as error:
            log.warning("searches not on record yet", error=type(error).__name__)
            for key, one in self.searches.items():
                earlier = noted.setdefault(key, Searched(one.actor))
                earlier.times, earlier.found = earlier.times + one.times, earlier.found + one.found
            self.searches = noted

    async def keep_writing(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            await self.write()


async def _record(session: AsyncSession, actor: Actor, study: StudyCard, what: str) -> datetime:
    """When the read that counts was written: now, or by another process a while ago."""
    now = clock.now()
    recent = select(AuditEntry.at).where(
        AuditEntry.object_type == "study",
        AuditEntry.object_id == str(study.id),
        AuditEntry.act == "study.read",
        col(AuditEntry.actor_id) == actor.account_id,
        AuditEntry.at > now - READ_AGAIN_AFTER,
    )
    earlier = (await session.exec(recent.order_by(col(AuditEntry.at).desc()).limit(1))).first()
    if earlier is None:
        audit.record(
            session, actor, "study.read", study.id, patient_id=study.patient_id, purpose=study.referral_id or "", what=what
        )
    return earlier or now
