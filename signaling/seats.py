"""Who sits in a room, and what each reader may see of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from signaling import messages as m
from signaling.lifecycle import SEAT, SeatEvent, SeatState
from telehealth.core.lifecycle import advance

HOLD = {True: timedelta(seconds=120), False: timedelta(minutes=10)}
"""How long a lost line keeps its seat, inside and in the waiting room. Source: PRODUCT 5.2 and 4.1.7."""
INSIDE = (SeatState.INSIDE, SeatState.INSIDE_LOST)
PRESENT = (SeatState.INSIDE, SeatState.WAITING)


@dataclass
class Seat:
    """since: knocked first; it decides the place in line and outlives a lost line."""

    account: UUID
    name: str
    role: m.Role
    line: UUID
    since: datetime
    state: SeatState
    expected_at: datetime | None = None
    lost_at: datetime | None = None
    microphone: bool = True
    camera: bool = True
    screen: bool = False
    hand_at: datetime | None = None
    mode: Literal["video", "audio"] = "video"
    streams: list[m.Source] = field(default_factory=list)

    @property
    def admitted(self) -> bool:
        return self.state in INSIDE

    @property
    def present(self) -> bool:
        return self.state in PRESENT

    def take(self, event: SeatEvent) -> None:
        self.state = advance(SEAT, self.state, event)

    def expired(self, now: datetime) -> bool:
        return self.lost_at is not None and now - self.lost_at >= HOLD[self.admitted]

    def facts(self) -> m.SeatFacts:
        return m.SeatFacts(
            account=self.account,
            name=self.name,
            role=self.role,
            line=self.line,
            admitted=self.admitted,
            present=self.present,
            microphone=self.microphone,
            camera=self.camera,
            screen=self.screen,
            hand_at=self.hand_at,
            mode=self.mode,
            streams=self.streams,
        )


def visible_to(reader: Seat, seats: Iterable[Seat]) -> list[Seat]:
    """Who waits sees itself only; who is inside sees who is inside; the host sees all."""
    if not reader.admitted:
        return [reader]
    return [seat for seat in seats if seat.admitted or reader.role == "host"]


def place_of(reader: Seat, seats: Iterable[Seat]) -> int:
    """In the waiting room, 1 is next; 0 inside."""
    if reader.admitted:
        return 0
    waiting = sorted((seat for seat in seats if not seat.admitted), key=lambda seat: seat.since)
    return waiting.index(reader) + 1
