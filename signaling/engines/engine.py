"""What the service asks of whoever carries a group's media. One suite of tests holds for every engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from signaling import messages as m


class EngineLost(Exception):
    """The engine does not answer any more: its rooms must go elsewhere."""


class EngineRefused(Exception):
    """The engine answers, but not with what was asked for. The text is for the log."""


@dataclass(frozen=True)
class Offer:
    """An SDP offer of what a page subscribed to; streams name what arrives on which m-line."""

    sdp: str
    streams: list[m.Received]


@dataclass(frozen=True)
class Load:
    """What an engine carries now."""

    rooms: int
    publishers: int
    subscriptions: int


class Engine(Protocol):
    """Lines are pages. Every verb may raise EngineLost; those that take an SDP may raise EngineRefused.

    An engine of path "peer" negotiates nothing itself: its pages describe themselves to each other, and it answers None.
    """

    @property
    def path(self) -> m.MediaPath: ...

    async def open(self, room: UUID) -> None:
        """Make the room; opening it twice changes nothing."""

    async def publish(self, room: UUID, line: UUID, sdp: str, streams: Sequence[m.Stream]) -> str | None:
        """Take an offer of what the line sends; the answer's SDP. Another offer of the same connection changes it, one of
        a new connection replaces it, and what the line subscribed to begins anew as well."""

    async def subscribe(self, room: UUID, line: UUID, wanted: Sequence[m.Wanted]) -> Offer | None:
        """Exactly these streams from now on, those of them that exist. None while an offer waits for its answer (`accept`
        brings the next) or where nothing is wanted and nothing was."""

    async def accept(self, room: UUID, line: UUID, sdp: str) -> Offer | None:
        """The answer to an offer; another offer if something else was wanted in between."""

    async def choose(self, room: UUID, line: UUID, layers: Sequence[m.Layer]) -> None:
        """Which simulcast layers go to the line. What it does not receive is passed over."""

    async def trickle(self, room: UUID, line: UUID, candidate: m.Trickle) -> None: ...

    async def leave(self, room: UUID, line: UUID) -> None:
        """The line's connections go; the others' subscriptions lose its streams."""

    async def close(self, room: UUID) -> None:
        """The room and everything in it. Closing what is not open changes nothing."""

    def statistics(self) -> Load: ...
