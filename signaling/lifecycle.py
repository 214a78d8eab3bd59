"""A room: open while people gather, live while two are in, closed for good. A seat: waiting or inside, its line up or lost."""

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


class SeatState(StrEnum):
    WAITING = "waiting"
    WAITING_LOST = "waiting_lost"
    INSIDE = "inside"
    INSIDE_LOST = "inside_lost"
    GONE = "gone"


class SeatEvent(StrEnum):
    ADMIT = "admit"
    LOSE = "lose"
    COME_BACK = "come_back"
    GO = "go"
    """Hung up, turned away, sent out, or lost for too long."""


Seat, Event = SeatState, SeatEvent
SEAT: dict[tuple[SeatState, SeatEvent], SeatState] = {
    (Seat.WAITING, Event.ADMIT): Seat.INSIDE,
    (Seat.WAITING, Event.LOSE): Seat.WAITING_LOST,
    (Seat.WAITING, Event.COME_BACK): Seat.WAITING,  # a new page before the old one was missed
    (Seat.WAITING_LOST, Event.ADMIT): Seat.INSIDE_LOST,
    (Seat.WAITING_LOST, Event.COME_BACK): Seat.WAITING,
    (Seat.INSIDE, Event.LOSE): Seat.INSIDE_LOST,
    (Seat.INSIDE, Event.COME_BACK): Seat.INSIDE,
    (Seat.INSIDE_LOST, Event.COME_BACK): Seat.INSIDE,
    **{(state, Event.GO): Seat.GONE for state in SeatState if state is not Seat.GONE},
}
