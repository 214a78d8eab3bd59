"""Which process holds which room, and how a word reaches it.

A room lives in one process. With one process only, that is this one. With several, the directory is shared
(`shared_directory`): it knows the owner of each room, its last state, and which tickets were spent. An owner is one only
while its process renews its lease; when the lease is gone, whoever asks next takes the room over with its state.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from signaling.tickets import LONGEST

OVER = ""
"""In place of an owner: the room is over for good."""
REMEMBERED = LONGEST + timedelta(minutes=1)
"""How long a spent ticket and a room that is over are known: longer than any ticket for it lives."""

State = Callable[[], bytes | None]
Parcels = Callable[[bytes], None]


class Unreachable(Exception):
    """The directory does not answer. What is in this process goes on; what must be asked has to wait."""


class Directory(Protocol):
    me: str

    async def start(self, opened: Parcels, broken: Callable[[], None], /) -> None:
        """opened: called with each parcel for this process. broken: when parcels, or the lease, may have been lost."""

    async def stop(self) -> None: ...

    async def claim(self, room: UUID, /) -> str:
        """The process in which the room lives: its living owner, otherwise this one from now on. OVER: in none."""

    async def owner_of(self, room: UUID, /) -> str | None:
        """Without claiming it."""

    async def spend(self, ticket: UUID, now: datetime, /) -> bool:
        """False for a ticket that was used before, in any process."""

    async def load(self, room: UUID, /) -> bytes | None:
        """The state that the last owner left."""

    def keep(self, room: UUID, state: State, /) -> None:
        """The state has changed; it is asked for when it is written, None for a room that all have left. Does not wait."""

    def close(self, room: UUID, now: datetime, /) -> None:
        """The room is over for good. Does not wait."""

    async def alive(self, processes: Collection[str], /) -> set[str]: ...

    def post(self, process: str, parcel: bytes, /) -> None:
        """Send to another process. Parcels arrive in order and once, or with a broken connection not at all."""

    async def leave(self, states: dict[UUID, bytes], /) -> None:
        """This process ends: its rooms are anybody's, with these states."""


class Recent:
    """What happened in the last minutes, oldest first."""

    def __init__(self) -> None:
        self.until: dict[UUID, datetime] = {}

    def add(self, what: UUID, now: datetime) -> bool:
        """False for what is known already."""
        while self.until and (oldest := next(iter(self.until.items())))[1] <= now:
            del self.until[oldest[0]]
        if what in self.until:
            return False
        self.until[what] = now + REMEMBERED
        return True


class Alone:
    """One process: every room is here, and nothing has to be remembered for others."""

    me = "here"

    def __init__(self) -> None:
        self.spent, self.over = Recent(), Recent()

    async def start(self, _opened: Parcels, _broken: Callable[[], None]) -> None:
        """Nothing comes from elsewhere."""

    async def stop(self) -> None: ...

    async def claim(self, room: UUID) -> str:
        return OVER if room in self.over.until else self.me

    async def owner_of(self, _room: UUID) -> str | None:
        return self.me

    async def spend(self, ticket: UUID, now: datetime) -> bool:
        return self.spent.add(ticket, now)

    async def load(self, _room: UUID) -> bytes | None:
        return None

    def keep(self, _room: UUID, _state: State) -> None:
        """Nobody else could read it."""

    def close(self, room: UUID, now: datetime) -> None:
        self.over.add(room, now)

    async def alive(self, processes: Collection[str]) -> set[str]:
        return set(processes)

    def post(self, _process: str, _parcel: bytes) -> None:
        raise AssertionError("there is no other process")

    async def leave(self, _states: dict[UUID, bytes]) -> None:
        """Nobody else could take them."""
