"""What every service of an association shares: the talk, the database, and who is there."""

import time
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from imaging.dimse import nodes
from imaging.dimse.association import Association, Ended
from imaging.dimse.nodes import Guest
from telehealth.core.db import reading_engine, session_scope
from telehealth.core.rows import Rows
from telehealth.core.settings import Dimse

TRUST_S = 2.0
"""How long a node's rights are believed without asking again."""


@dataclass
class Session:
    """One accepted association. known: the guest as of `known_at` (monotonic seconds)."""

    association: Association
    engine: AsyncEngine
    rows: Rows
    config: Dimse
    address: str
    fingerprint: str
    known: Guest
    known_at: float

    async def guest(self) -> Guest:
        """Who is there, with the rights of this moment. Raises Ended where the node was switched off or moved."""
        if time.monotonic() - self.known_at > TRUST_S:
            async with session_scope(reading_engine(self.engine)) as session:
                found = await nodes.admit(session, self.known.ae_title, self.address, self.fingerprint)
            if not isinstance(found, Guest):
                raise Ended(found.value)
            self.known, self.known_at = found, time.monotonic()
        return self.known
