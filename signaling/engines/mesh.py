"""Every page to every other: nothing to install, and each page sends its picture once for each other page."""

from collections.abc import Sequence
from uuid import UUID

from signaling import messages as m
from signaling.engines.engine import Load, Offer

MOST = 4
"""Four pages mean three encoders on a phone; more melts it."""


class Mesh:
    """Keeps who sends and receives; the pages negotiate among themselves through the room."""

    path: m.MediaPath = "peer"

    def __init__(self) -> None:
        self.rooms: dict[UUID, dict[UUID, list[m.Wanted]]] = {}
        self.sending: set[tuple[UUID, UUID]] = set()

    async def open(self, room: UUID) -> None:
        self.rooms.setdefault(room, {})

    async def publish(self, room: UUID, line: UUID, sdp: str, streams: Sequence[m.Stream]) -> str | None:  # noqa: ARG002
        self.sending.add((room, line))
        return None

    async def subscribe(self, room: UUID, line: UUID, wanted: Sequence[m.Wanted]) -> Offer | None:
        self.rooms[room][line] = list(wanted)
        return None

    async def accept(self, room: UUID, line: UUID, sdp: str) -> Offer | None:  # noqa: ARG002
        return None

    async def choose(self, room: UUID, line: UUID, layers: Sequence[m.Layer]) -> None:
        """Pages choose for themselves what they send."""

    async def trickle(self, room: UUID, line: UUID, candidate: m.Trickle) -> None:
        """Candidates go from page to page."""

    async def leave(self, room: UUID, line: UUID) -> None:
        self.sending.discard((room, line))
        self.rooms.get(room, {}).pop(line, None)

    async def close(self, room: UUID) -> None:
        self.rooms.pop(room, None)
        self.sending = {(where, line) for where, line in self.sending if where != room}

    def statistics(self) -> Load:
        return Load(len(self.rooms), len(self.sending), sum(len(lines) for lines in self.rooms.values()))
