"""Who stands behind a secret, remembered for a second: a scroll through 300 slices asks once, not 300 times.

Only what allows is remembered. A session that was revoked or ran out, an account switched off, a role that ended are
noticed by every process within FRESH_S, with nobody having to tell them; a refusal is never remembered.
"""

import asyncio
import time
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core.actor import Actor
from telehealth.core.crypto import fingerprint
from telehealth.core.db import reading_engine, session_scope
from telehealth.identity.sessions import actor_of, describe, is_silent, login_of

FRESH_S = 1.0
REMEMBERED = 4096


@dataclass
class KnownSecrets:
    """The actors of one process, by the digest of their secret."""

    engine: AsyncEngine
    actors: dict[str, tuple[float, Actor]] = field(default_factory=dict)
    looks: dict[str, asyncio.Task[Actor]] = field(default_factory=dict)

    async def actor_of(self, secret: str) -> Actor:
        """As `sessions.actor_of`, at most FRESH_S old. Raises SignInNeeded."""
        digest = fingerprint(secret)
        known = self.actors.get(digest)
        if known and time.monotonic() < known[0]:
            return known[1]
        look = self.looks.get(digest)
        if look is None:  # whoever comes while we look waits for the same answer
            look = self.looks[digest] = asyncio.create_task(self._look(secret, digest))
            look.add_done_callback(lambda _: self.looks.pop(digest, None))
        return await asyncio.shield(look)

    async def _look(self, secret: str, digest: str) -> Actor:
        self.actors.pop(digest, None)
        until = time.monotonic() + FRESH_S  # counted from before the look: what changes meanwhile is seen in time
        async with AsyncSession(reading_engine(self.engine), expire_on_commit=False) as session:
            login, account = await login_of(session, digest)
            actor = await describe(session, account, login)
        if is_silent(login):
            async with session_scope(self.engine) as session:
                actor = await actor_of(session, secret)
        while len(self.actors) >= REMEMBERED:
            self.actors.pop(next(iter(self.actors)))
        self.actors[digest] = until, actor
        return actor
