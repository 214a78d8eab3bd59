"""A room: open while people gather, live while host and guest are both in, closed for good."""

from enum import StrEnum


class RoomState(StrEnum):
    OPEN = "open"
    LIVE = "live"
    INTERRUPTED = "interrupted"
    CLOSED = "closed"


class RoomEvent(StrEnum):
    MEET = "meet"
    PART = "part"
    CLOSE = "close"


ROOM: dict[tuple[RoomState, RoomEvent], RoomState] = {
    (RoomState.OPEN, RoomEvent.MEET): RoomState.LIVE,
    (RoomState.LIVE, RoomEvent.PART): RoomState.INTERRUPTED,
    (RoomState.INTERRUPTED, RoomEvent.MEET): RoomState.LIVE,
    (RoomState.OPEN, RoomEvent.CLOSE): RoomState.CLOSED,
    (RoomState.LIVE, RoomEvent.CLOSE): RoomState.CLOSED,
    (RoomState.INTERRUPTED, RoomEvent.CLOSE): RoomState.CLOSED,
}
