"""One room as a value that answers messages with effects: no socket, no clock, no waiting.

Seats belong to accounts (for somebody who came by a link, to the invitation). Each page in a seat is a *line*; a new page
of the same account takes the seat over and the old line is dismissed, so nobody sits twice. A lost line keeps its seat
for a while, then the seat is free.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, assert_never
from uuid import UUID, uuid5

from signaling import messages as m
from signaling.effects import (
    Because,
    Began,
    Closed,
    Dismiss,
    Effect,
    ForEngine,
    MediaConnected,
    Spoken,
    Stopped,
    Tell,
    Unplugged,
)
from signaling.lifecycle import ROOM, RoomEvent, RoomState, SeatEvent, SeatState
from signaling.seats import Seat, place_of, visible_to
from telehealth.core.lifecycle import advance

INSIDE_AT_ONCE = 16
WAITING_AT_ONCE = 32
CHAT_KEPT = 200

ByHost = m.Admit | m.Deny | m.Remove | m.AskMute | m.Lock | m.Phone | m.End
Inside = m.Hand | m.Screen | m.MediaState | m.Say | m.ShareFile
"""What only somebody inside may do."""


@dataclass
class Room:
    id: UUID
    state: RoomState = RoomState.OPEN
    seats: dict[UUID, Seat] = field(default_factory=dict)
    chat: list[m.Line] = field(default_factory=list)
    met: bool = False
    """Two were inside together at some time."""
    locked: bool = False
    emergency: bool = False
    phone: bool = False
    media: m.MediaPath = "peer"
    epoch: int = 0
    most: int = INSIDE_AT_ONCE
    """So many may be inside: whoever carries the media knows."""

    @property
    def empty(self) -> bool:
        return not self.seats

    @property
    def inside(self) -> list[Seat]:
        return [seat for seat in self.seats.values() if seat.admitted]

    @property
    def full(self) -> bool:
        return len(self.inside) >= self.most

    def seat_of(self, line: UUID) -> Seat | None:
        for seat in self.seats.values():
            if seat.line == line:
                return seat
        return None

    # Coming and going

    def enter(
        self,
        account: UUID,
        name: str,
        role: m.Role,
        line: UUID,
        now: datetime,
        *,
        expected_at: datetime | None = None,
        was_inside: bool = False,
    ) -> list[Effect]:
        """A page with a good ticket. The same account comes back to its seat, whatever became of the old page.

        was_inside: just before this room had to be made anew, after a restart.
        """
        if self.state is RoomState.CLOSED:
            return [Dismiss(line, "ended")]
        if seat := self.seats.get(account):
            return self._come_back(seat, line)
        if self.locked and role not in ("host", "patient"):
            return [Dismiss(line, "locked")]
        if len(self.seats) >= INSIDE_AT_ONCE + WAITING_AT_ONCE:
            return [Dismiss(line, "denied")]
        state = SeatState.INSIDE if role == "host" or was_inside else SeatState.WAITING
        self.seats[account] = Seat(account, name, role, line, now, state, expected_at)
        return [Began(account, role, state is SeatState.INSIDE), *self._changed()]

    def _come_back(self, seat: Seat, line: UUID) -> list[Effect]:
        effects: list[Effect] = []
        if seat.line != line:
            effects = [*self._unplugged(seat), Dismiss(seat.line, "replaced")]
            seat.line, seat.screen, seat.streams = line, False, []
        if seat.present:
            effects.append(Stopped(seat.account, "replaced"))
        seat.take(SeatEvent.COME_BACK)
        seat.lost_at = None
        return [*effects, Began(seat.account, seat.role, seat.admitted), *self._changed()]

    def lose(self, line: UUID, now: datetime) -> list[Effect]:
        """The socket of a line is gone without a goodbye. A line that was replaced is nobody's any more."""
        seat = self.seat_of(line)
        if seat is None or not seat.present:
            return []
        seat.take(SeatEvent.LOSE)
        seat.lost_at = now
        return [Stopped(seat.account, "lost"), *self._changed()]

    def tick(self, now: datetime) -> list[Effect]:
        """Time passes: seats whose line was lost too long ago become free, a room left by all is closed."""
        late = [seat for seat in self.seats.values() if seat.expired(now)]
        if not late:
            return []
        effects = [effect for seat in late for effect in self._free(seat)]
        return [*effects, *self._after_leaving()]

    def end(self) -> list[Effect]:
        """Over for all, who waits included."""
        if self.state is RoomState.CLOSED:
            return []
        self.state = advance(ROOM, self.state, RoomEvent.CLOSE)
        gone = list(self.seats.values())
        return [*(effect for seat in gone for effect in self._free(seat, "ended", "ended")), Closed()]

    def _free(self, seat: Seat, because: Because = "lost", farewell: m.Farewell | None = None) -> Iterator[Effect]:
        """The seat is nobody's from now on. A seat whose line was lost has stopped already."""
        del self.seats[seat.account]
        if seat.present:
            yield Stopped(seat.account, because)
        yield from self._unplugged(seat)
        if farewell:
            yield Dismiss(seat.line, farewell)
        seat.take(SeatEvent.GO)

    def _unplugged(self, seat: Seat) -> list[Effect]:
        return [Unplugged(seat.line)] if seat.admitted else []

    def _after_leaving(self) -> list[Effect]:
        if self.met and self.empty:
            return self.end()
        return self._changed()

    # Messages

    def receive(self, sender: UUID, message: m.FromPage, now: datetime, number: int = 0) -> list[Effect]:
        """What follows from a message of a line. A line without a seat is not heard.

        number: of the frame; with the line it names a line of chat, so that one said twice is kept once.
        """
        seat = self.seat_of(sender)
        if seat is None or not seat.present or self.state is RoomState.CLOSED:
            return []
        match message:
            case m.Candidate() | m.Describe():
                return self._relay(seat, message)
            case m.Publish() | m.Subscribe() | m.Accept() | m.Layers() | m.Trickle():
                return [ForEngine(sender, message)] if seat.admitted else _refused(seat, "not_admitted")
            case m.Devices():
                seat.microphone, seat.camera = message.microphone, message.camera
                return list(self._facts())
            case m.Note():
                return self._note(seat, message, uuid5(sender, f"note {number}"), now)
            case m.Hand() | m.Screen() | m.MediaState() | m.Say() | m.ShareFile():
                return self._inside(seat, message, uuid5(sender, str(number)), now)
            case m.Leave():
                return [*self._free(seat, "hung_up", "hung_up"), *self._after_leaving()]
            case m.Hello() | m.Pong():
                return []
            case _:
                return self._by_host(seat, message)

    def _inside(self, seat: Seat, message: Inside, said: UUID, now: datetime) -> list[Effect]:
        if not seat.admitted:
            return _refused(seat, "not_admitted")
        match message:
            case m.Hand():
                seat.hand_at = (seat.hand_at or now) if message.raised else None
            case m.Screen():
                return self._screen(seat, message.on)
            case m.MediaState():
                return self._media_state(seat, message)
            case m.Say():
                return self._say(m.Line(id=said, account=seat.account, name=seat.name, text=message.text, at=now))
            case m.ShareFile(document=document, name=text):
                return self._say(m.Line(id=said, account=seat.account, name=seat.name, text=text, at=now, document=document))
            case _:
                assert_never(message)
        return list(self._facts())

    def _relay(self, seat: Seat, message: m.Describe | m.Candidate) -> list[Effect]:
        """Between two who are both inside, and to nobody else."""
        if not seat.admitted:
            return _refused(seat, "not_admitted")
        other = self.seat_of(message.to)
        if other is None or not other.admitted or other is seat:
            return []  # a page that has just been replaced: the next `room` tells the sender
        return [Tell(other.line, _relayed(seat.line, message))]

    def _screen(self, seat: Seat, on: bool) -> list[Effect]:
        if on and any(other.screen for other in self.seats.values() if other is not seat):
            return _refused(seat, "screen_taken")
        seat.screen = on
        return list(self._facts())

    def _media_state(self, seat: Seat, message: m.MediaState) -> list[Effect]:
        connected: list[Effect] = [MediaConnected(seat.account)] if message.connected else []
        if seat.mode == message.mode:
            return connected
        seat.mode = message.mode
        return [*connected, *self._facts()]

    def _say(self, line: m.Line) -> list[Effect]:
        if any(known.id == line.id for known in self.chat):
            return []
        self.chat = [*self.chat, line][-CHAT_KEPT:]
        return [Spoken(line), *(Tell(seat.line, m.Said(line=line)) for seat in self.inside)]

    def _note(self, seat: Seat, message: m.Note, said: UUID, now: datetime) -> list[Effect]:
        """The host writes to who waits, who waits writes to the hosts; both see what they wrote."""
        line = m.Line(id=said, account=seat.account, name=seat.name, text=message.text, at=now)
        if seat.role == "host" and message.to:
            reader = self.seats.get(message.to)
            readers = [seat, reader] if reader and not reader.admitted else []
        else:
            readers = [seat, *(other for other in self.inside if other.role == "host" and other is not seat)]
        if len(readers) < 2:
            return _refused(seat, "nobody_there")
        return [Tell(reader.line, m.Noted(to=message.to, line=line)) for reader in readers]

    # The host

    def _by_host(self, host: Seat, message: ByHost) -> list[Effect]:
        if host.role != "host":
            return _refused(host, "not_host")
        match message:
            case m.End():
                return self.end()
            case m.Lock():
                self.locked = message.locked
            case m.Phone():
                self.phone = message.on
            case _:
                return self._to_other(host, message)
        return list(self._facts())

    def _to_other(self, host: Seat, message: m.Admit | m.Deny | m.Remove | m.AskMute) -> list[Effect]:
        other = self.seats.get(message.account)
        if other is None or other.role == "host":
            return _refused(host, "nobody_there")
        match message:
            case m.Admit():
                return self._admit(host, other)
            case m.Deny() | m.Remove():
                because: Literal["removed", "denied"] = "removed" if other.admitted else "denied"
                return [*self._free(other, because, because), *self._after_leaving()]
            case m.AskMute():
                return [Tell(other.line, m.AskedMute())] if other.admitted else _refused(host, "not_admitted")
        assert_never(message)

    def _admit(self, host: Seat, other: Seat) -> list[Effect]:
        if other.admitted:
            return []
        if self.full:
            return _refused(host, "full")
        other.take(SeatEvent.ADMIT)
        stretches: list[Effect] = []
        if other.present:
            stretches = [Stopped(other.account, "admitted"), Began(other.account, other.role, True)]
        return [*stretches, *self._changed()]

    # From other doors than the socket

    def hand_over(self, account: UUID) -> list[Effect]:
        """The colleague leads from now on; who led stays as a colleague. Nobody there, nothing happens."""
        leader = self.seats.get(account)
        if leader is None or leader.role != "colleague":
            return []
        former = [seat for seat in self.inside if seat.role == "host"]
        changed = [effect for seat in former for effect in self._change_role(seat, "colleague")]
        return [*changed, *self._change_role(leader, "host"), *self._changed()]

    def _change_role(self, seat: Seat, role: m.Role) -> list[Effect]:
        seat.role = role
        if not seat.admitted:
            seat.take(SeatEvent.ADMIT)
        return [Stopped(seat.account, "handed_over"), Began(seat.account, role, True)] if seat.present else []

    def expel(self, account: UUID) -> list[Effect]:
        """The invitation was taken back."""
        if seat := self.seats.get(account):
            return [*self._free(seat, "removed", "removed"), *self._after_leaving()]
        return []

    def call_emergency(self) -> list[Effect]:
        self.emergency = True
        return list(self._facts())

    def use(self, media: m.MediaPath) -> list[Effect]:
        """Media go another way from now on, or the same way from the beginning (an engine's host is gone)."""
        self.media, self.epoch = media, self.epoch + 1
        for seat in self.seats.values():
            seat.streams = []
        return list(self._facts())

    def published(self, line: UUID, streams: list[m.Source]) -> list[Effect]:
        """What the engine has of a line now."""
        seat = self.seat_of(line)
        if seat is None or not seat.admitted:
            return []
        seat.streams = streams
        return list(self._facts())

    # What people see

    def _changed(self) -> list[Effect]:
        together = sum(seat.present for seat in self.inside) >= 2
        if together and self.state is not RoomState.LIVE:
            self.state, self.met = advance(ROOM, self.state, RoomEvent.MEET), True
        elif not together and self.state is RoomState.LIVE:
            self.state = advance(ROOM, self.state, RoomEvent.PART)
        return list(self._facts())

    def _facts(self) -> Iterator[Effect]:
        for seat in self.seats.values():
            yield Tell(seat.line, self.seen_by(seat))

    def seen_by(self, reader: Seat) -> m.RoomFacts:
        """The whole truth, as far as this reader may see it."""
        return m.RoomFacts(
            admitted=reader.admitted,
            place=place_of(reader, self.seats.values()),
            expected_at=None if reader.admitted else reader.expected_at,
            host_here=any(seat.role == "host" and seat.present for seat in self.seats.values()),
            full=self.full,
            locked=self.locked,
            emergency=self.emergency and reader.admitted,
            phone=self.phone,
            media=self.media,
            epoch=self.epoch,
            seats=[seat.facts() for seat in visible_to(reader, self.seats.values())],
        )


def _refused(seat: Seat, reason: m.Reason) -> list[Effect]:
    return [Tell(seat.line, m.Refused(reason=reason))]


def _relayed(sender: UUID, message: m.Describe | m.Candidate) -> m.FromRoom:
    if isinstance(message, m.Describe):
        return m.Described(sender=sender, type=message.type, sdp=message.sdp)
    return m.Candidated(
        sender=sender, candidate=message.candidate, mid=message.mid, index=message.index, fragment=message.fragment
    )
