"""One room as a value that answers messages with effects: no socket, no clock, no waiting.

Seats belong to accounts. Each page in a seat is a *line*; a new page of the same account takes the seat over and the old
line is dismissed, so nobody sits twice. A lost line keeps its seat for HOLD, then the seat is free.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, assert_never
from uuid import UUID

from signaling import messages as m
from signaling.lifecycle import ROOM, RoomEvent, RoomState
from telehealth.core.lifecycle import advance

HOLD = timedelta(seconds=120)
PARTIES = 2
"""Admitted at once; larger rooms need another way of sending media."""
CHAT_KEPT = 200

Role = Literal["host", "patient", "guest"]
Because = Literal["hung_up", "lost", "ended", "replaced", "denied", "admitted"]


@dataclass
class Seat:
    account: UUID
    name: str
    role: Role
    line: UUID
    since: datetime
    admitted: bool
    lost_at: datetime | None = None
    microphone: bool = True
    camera: bool = True

    @property
    def present(self) -> bool:
        return self.lost_at is None


# What the hub carries out


@dataclass(frozen=True)
class Tell:
    """Send a message to a line."""

    line: UUID
    message: m.FromRoom


@dataclass(frozen=True)
class Dismiss:
    """Say goodbye to a line and close its socket."""

    line: UUID
    reason: Literal["ended", "denied", "hung_up", "replaced"]


@dataclass(frozen=True)
class Began:
    """A stretch of presence begins, in the waiting room or inside."""

    account: UUID
    role: Role
    admitted: bool


@dataclass(frozen=True)
class Stopped:
    account: UUID
    because: Because


@dataclass(frozen=True)
class MediaConnected:
    account: UUID


@dataclass(frozen=True)
class Spoken:
    """A line of chat to be kept."""

    line: m.Line


@dataclass(frozen=True)
class Closed:
    """The room is over for good."""


Effect = Tell | Dismiss | Began | Stopped | MediaConnected | Spoken | Closed


@dataclass
class Room:
    id: UUID
    state: RoomState = RoomState.OPEN
    seats: dict[UUID, Seat] = field(default_factory=dict)
    chat: list[m.Line] = field(default_factory=list)
    met: bool = False
    """Host and guest were inside together at some time."""

    @property
    def empty(self) -> bool:
        return not self.seats

    def seat_of(self, line: UUID) -> Seat | None:
        return next((seat for seat in self.seats.values() if seat.line == line), None)

    # Coming and going

    def enter(self, account: UUID, name: str, role: Role, line: UUID, now: datetime) -> list[Effect]:
        """A page with a good ticket. The same account comes back to its seat, whatever became of the old page."""
        if self.state is RoomState.CLOSED:
            return [Dismiss(line, "ended")]
        old = self.seats.get(account)
        effects: list[Effect] = []
        if old and old.line != line:
            effects.append(Dismiss(old.line, "replaced"))
        if old and old.present:
            effects.append(Stopped(account, "replaced"))
        admitted = old.admitted if old else role == "host"
        self.seats[account] = Seat(account, name, role, line, old.since if old else now, admitted)
        return [*effects, Began(account, role, admitted), *self._changed()]

    def lose(self, line: UUID, now: datetime) -> list[Effect]:
        """The socket of a line is gone without a goodbye. A line that was replaced is nobody's any more."""
        seat = self.seat_of(line)
        if seat is None or not seat.present:
            return []
        seat.lost_at = now
        return [Stopped(seat.account, "lost"), *self._changed()]

    def tick(self, now: datetime) -> list[Effect]:
        """Time passes: seats whose line was lost too long ago become free, a room left by all is closed."""
        late = [seat for seat in self.seats.values() if seat.lost_at and now - seat.lost_at >= HOLD]
        if not late:
            return []
        for seat in late:
            del self.seats[seat.account]
        return self._after_leaving()

    # Messages

    def receive(self, sender: UUID, message: m.FromPage, now: datetime) -> list[Effect]:
        """What follows from a message of a line. A line without a seat is not heard."""
        seat = self.seat_of(sender)
        if seat is None or not seat.present or self.state is RoomState.CLOSED:
            return []
        match message:
            case m.Admit() | m.Deny() | m.End():
                return self._by_host(seat, message)
            case m.Describe() | m.Candidate():
                return self._relay(seat, message)
            case m.Devices():
                seat.microphone, seat.camera = message.microphone, message.camera
                return list(self._facts())
            case m.Media():
                return [MediaConnected(seat.account)] if message.connected and seat.admitted else []
            case m.Say():
                return self._say(seat, message.text, now)
            case m.Leave():
                del self.seats[seat.account]
                return [Stopped(seat.account, "hung_up"), Dismiss(seat.line, "hung_up"), *self._after_leaving()]
            case m.Hello() | m.Pong():
                return []
        assert_never(message)

    def end(self) -> list[Effect]:
        """Over for all, who waits included."""
        if self.state is RoomState.CLOSED:
            return []
        self.state = advance(ROOM, self.state, RoomEvent.CLOSE)
        gone, self.seats = list(self.seats.values()), {}
        effects: list[Effect] = [Stopped(seat.account, "ended") for seat in gone if seat.present]
        return [*effects, *(Dismiss(seat.line, "ended") for seat in gone if seat.present), Closed()]

    def _by_host(self, host: Seat, message: m.Admit | m.Deny | m.End) -> list[Effect]:
        if host.role != "host":
            return [Tell(host.line, m.Refused(reason="not_host"))]
        if isinstance(message, m.End):
            return self.end()
        guest = self.seats.get(message.account)
        if guest is None or guest.role == "host":
            return [Tell(host.line, m.Refused(reason="nobody_there"))]
        return self._admit(host, guest) if isinstance(message, m.Admit) else self._deny(guest)

    def _admit(self, host: Seat, guest: Seat) -> list[Effect]:
        if guest.admitted:
            return []
        if sum(seat.admitted for seat in self.seats.values()) >= PARTIES:
            return [Tell(host.line, m.Refused(reason="full"))]
        guest.admitted = True
        stretches: list[Effect] = []
        if guest.present:
            stretches = [Stopped(guest.account, "admitted"), Began(guest.account, guest.role, True)]
        return [*stretches, *self._changed()]

    def _deny(self, guest: Seat) -> list[Effect]:
        del self.seats[guest.account]
        away: list[Effect] = [Stopped(guest.account, "denied"), Dismiss(guest.line, "denied")] if guest.present else []
        return [*away, *self._after_leaving()]

    def _relay(self, seat: Seat, message: m.Describe | m.Candidate) -> list[Effect]:
        """Between two who are both inside, and to nobody else."""
        if not seat.admitted:
            return [Tell(seat.line, m.Refused(reason="not_admitted"))]
        other = self.seat_of(message.to)
        if other is None or not other.admitted or other is seat:
            return []  # a page that has just been replaced: the next `room` tells the sender
        return [Tell(other.line, _relayed(seat.line, message))]

    def _say(self, seat: Seat, text: str, now: datetime) -> list[Effect]:
        if not seat.admitted:
            return [Tell(seat.line, m.Refused(reason="not_admitted"))]
        line = m.Line(account=seat.account, name=seat.name, text=text, at=now)
        self.chat = [*self.chat, line][-CHAT_KEPT:]
        readers = [other.line for other in self.seats.values() if other.admitted]
        return [Spoken(line), *(Tell(reader, m.Said(line=line)) for reader in readers)]

    def _after_leaving(self) -> list[Effect]:
        if self.met and self.empty:
            return self.end()
        return self._changed()

    # What people see

    def _changed(self) -> list[Effect]:
        inside = [seat for seat in self.seats.values() if seat.admitted and seat.present]
        together = len(inside) >= PARTIES
        if together and self.state is not RoomState.LIVE:
            self.state, self.met = advance(ROOM, self.state, RoomEvent.MEET), True
        elif not together and self.state is RoomState.LIVE:
            self.state = advance(ROOM, self.state, RoomEvent.PART)
        return list(self._facts())

    def _facts(self) -> list[Tell]:
        return [Tell(seat.line, self.seen_by(seat)) for seat in self.seats.values()]

    def seen_by(self, reader: Seat) -> m.RoomFacts:
        """Who waits sees itself only; a patient inside sees who is inside; the host sees all."""
        if not reader.admitted:
            visible = [reader]
        elif reader.role == "host":
            visible = list(self.seats.values())
        else:
            visible = [seat for seat in self.seats.values() if seat.admitted]
        waiting = sorted((s for s in self.seats.values() if not s.admitted), key=lambda seat: seat.since)
        return m.RoomFacts(
            admitted=reader.admitted,
            place=0 if reader.admitted else waiting.index(reader) + 1,
            host_here=any(seat.role == "host" and seat.present for seat in self.seats.values()),
            seats=[_seat_facts(seat) for seat in visible],
        )


def _seat_facts(seat: Seat) -> m.SeatFacts:
    return m.SeatFacts(
        account=seat.account,
        name=seat.name,
        role=seat.role,
        line=seat.line,
        admitted=seat.admitted,
        present=seat.present,
        microphone=seat.microphone,
        camera=seat.camera,
    )


def _relayed(sender: UUID, message: m.Describe | m.Candidate) -> m.FromRoom:
    if isinstance(message, m.Describe):
        return m.Described(sender=sender, type=message.type, sdp=message.sdp)
    return m.Candidated(
        sender=sender, candidate=message.candidate, mid=message.mid, index=message.index, fragment=message.fragment
    )
