"""The rooms of this process: whose socket is whose line, timers, and carrying out what rooms decide.

The event loop never waits for the database: rows go through a journal that writes them in order. After each change the
directory may fetch the room's state, so that another process can take it over.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from signaling import effects as e
from signaling import messages as m
from signaling import service, snapshots, tickets
from signaling.arrivals import AT_ONCE, Arrivals
from signaling.close_codes import Close
from signaling.directory import Directory
from signaling.instructions import CallEmergency, EndRoom, Expel, HandOver, Instruction
from signaling.journal import Journal
from signaling.lines import ALONE_PING_S, PATIENCE, PING_S, Line, Socket
from signaling.models import Presence
from signaling.rooms import Room
from signaling.seats import HOLD
from signaling.tickets import LONGEST, BadTicket, Ticket
from telehealth.core import clock
from telehealth.core.db import reading_engine
from telehealth.core.ids import new_id

log = structlog.get_logger()

BEAT_S = 0.5
HEARTBEAT_S = 10.0
CHECK_S = 30.0
REVOKED_WITHIN = timedelta(seconds=10)
"""Longer than a beat and a slow commit; what was ended earlier has been seen."""
RENEW_S = 300.0
"""A page always holds a ticket with at least half of its life left."""


class Engine(Protocol):
    """The group media of rooms. Neither call waits; answers come through `Hub.tell`, `Hub.published` and `Hub.use`."""

    def inside(self, room: UUID, people: int) -> None:
        """So many are inside now: perhaps too many for a mesh."""

    def most(self, room: UUID) -> int:
        """How many people its media can carry now."""

    def hear(self, room: UUID, line: UUID, message: m.ToEngine) -> None: ...

    def unplug(self, room: UUID, line: UUID) -> None:
        """The line is nobody's any more."""

    def close(self, room: UUID) -> None: ...


class Hub:
    def __init__(self, engine: AsyncEngine, directory: Directory) -> None:
        self.engine = engine
        self.directory = directory
        self.journal = Journal(engine)
        self.media: Engine | None = None
        self.rooms: dict[UUID, Room] = {}
        self.lines: dict[UUID, Line] = {}
        self.stretches: dict[tuple[UUID, UUID], UUID] = {}
        """(room, account) -> the open row of its presence."""
        self._key = service.signing_key()
        self.arrivals = Arrivals(engine, HOLD[True])
        self._touched_at = self._checked_at = 0.0

    # Sockets

    async def enter(self, ticket: Ticket, socket: Socket, hello: m.Hello, seen: int) -> Line:
        """A page said hello with a good ticket for a room of this process. Raises BadTicket if its sign-in has ended."""
        now = clock.now()
        room, was_inside = await self._room_for(ticket, now)
        line = self._line_of(ticket, hello, room, was_inside=was_inside)
        if line and line.may_resume(seen):
            line.resume(ticket, socket, seen, _ticks())
            self._welcome(line, room, resumed=True)
            line.send_tail()
        else:
            line = Line(new_id(), ticket, socket, due_at=_ticks() + PATIENCE * ALONE_PING_S)
            self.lines[line.id] = line
            self._welcome(line, room, resumed=False)
        self._measure(room)
        entered = room.enter(
            ticket.account, ticket.name, ticket.role, line.id, now, expected_at=ticket.expected_at, was_inside=was_inside
        )
        self._carry_out(room, entered, now)
        return line

    def _measure(self, room: Room) -> None:
        """Engines come and go: asked whenever somebody may come in."""
        if self.media:
            room.most = self.media.most(room.id)

    def turn_away(self, ticket: Ticket, socket: Socket) -> Line:
        """The room is over for good: the page is told so."""
        line = Line(new_id(), ticket, socket)
        line.tell(m.Goodbye(reason="ended"), _ticks())
        line.close(Close.OVER)
        return line

    async def _room_for(self, ticket: Ticket, now: datetime) -> tuple[Room, bool]:
        """The room, and whether this person was inside before the room had to be made anew. Raises BadTicket."""
        is_new = ticket.room not in self.rooms
        state = await self.directory.load(ticket.room) if is_new else None
        arrival = await self.arrivals.ask(ticket, is_new=is_new)
        if not arrival.stands:
            raise BadTicket("sign-in has ended")
        if ticket.room not in self.rooms:  # another page may have come first
            if state:
                self._restore(state, now)
            self.rooms.setdefault(ticket.room, Room(ticket.room)).chat = arrival.chat
        return self.rooms[ticket.room], arrival.was_inside

    def _restore(self, state: bytes, now: datetime) -> None:
        """A room whose process is gone: every seat is kept, every line is lost until its page comes."""
        try:
            kept = snapshots.load(state)
        except ValueError:
            log.warning("call_state_not_read")  # pages come in as new
            return
        room = self.rooms[kept.room.id] = kept.room
        self.lines |= {line.id: snapshots.line_of(line, _ticks()) for line in kept.lines}
        self.stretches |= {(room.id, account): row for account, row in kept.stretches.items()}
        for line in kept.lines:
            self._carry_out(room, room.lose(line.id, now), now)
        if room.media == "engine":  # its connections hung on the process that is gone
            self._carry_out(room, room.use("engine"), now)

    def _line_of(self, ticket: Ticket, hello: m.Hello, room: Room, *, was_inside: bool) -> Line | None:
        """The line that the page wants to take up, if it is its own and still in its seat."""
        if hello.line is None:
            return None
        line = self.lines.get(hello.line)
        if line is None and was_inside and ticket.line == hello.line:
            line = self.lines[hello.line] = Line(hello.line, ticket, None, moved=True)  # after a restart the ticket says so
            return line
        same = line and (line.ticket.room, line.ticket.account) == (ticket.room, ticket.account)
        return line if line and same and room.seat_of(line.id) else None

    def _welcome(self, line: Line, room: Room, *, resumed: bool) -> None:
        seat = room.seats.get(line.ticket.account)
        role = seat.role if seat else line.ticket.role
        inside = seat.admitted if seat else role == "host"
        line.tell_unnumbered(
            m.Welcome(
                account=line.ticket.account,
                role=role,
                line=line.id,
                resumed=resumed,
                ticket=self._next_ticket(line),
                chat=room.chat if inside else [],
            )
        )

    def _next_ticket(self, line: Line) -> str:
        """With it the page comes back without asking another door first."""
        now = clock.now()
        line.renew_at = _ticks() + RENEW_S
        ticket = replace(line.ticket, id=new_id(), expires_at=now + LONGEST, line=line.id)
        return tickets.sign(self._key, ticket, now)

    def hear(self, line: Line, frame: m.PageFrame) -> None:
        """A frame of a line; one that came before is only acknowledged."""
        line.heard(frame.seen, _ticks())
        if frame.number == 0 or frame.number <= line.seen:
            return
        line.seen = frame.number
        room = self.rooms.get(line.ticket.room)
        if room:
            now = clock.now()
            self._measure(room)
            effects = room.receive(line.id, frame.message, now, frame.number)
            if isinstance(frame.message, m.Candidate | m.Describe):
                self._pass_on(effects)
            else:
                self._carry_out(room, effects, now)

    def gone(self, line: Line, socket: Socket) -> None:
        """A socket closed. If the line already has another, nothing happened."""
        if line.socket is not socket and line.socket is not None:
            return
        line.socket = None
        if room := self.rooms.get(line.ticket.room):
            now = clock.now()
            self._carry_out(room, room.lose(line.id, now), now)

    # Other doors

    def instruct(self, room_id: UUID, instruction: Instruction) -> None:
        """Nobody there, nothing happens."""
        room, now = self.rooms.get(room_id), clock.now()
        if isinstance(instruction, EndRoom):
            self.directory.close(room_id, now)
        if room:
            self._carry_out(room, _instructed(room, instruction), now)

    # The group engine

    def tell(self, line: UUID, message: m.FromRoom) -> None:
        """The engine answers a page. A line that is gone hears nothing."""
        if found := self.lines.get(line):
            found.tell(message, _ticks())

    def published(self, room_id: UUID, line: UUID, streams: list[m.Source]) -> None:
        if room := self.rooms.get(room_id):
            self._carry_out(room, room.published(line, streams), clock.now())

    def use(self, room_id: UUID, media: m.MediaPath) -> None:
        """From now on media go this way, connections built anew."""
        if room := self.rooms.get(room_id):
            self._carry_out(room, room.use(media), clock.now())

    # Effects

    def _pass_on(self, effects: Sequence[e.Effect]) -> None:
        """What pages say to each other changes nothing in the room."""
        for effect in effects:
            if isinstance(effect, e.Tell):
                self.tell(effect.line, effect.message)

    def _carry_out(self, room: Room, effects: Sequence[e.Effect], now: datetime) -> None:
        for effect in effects:
            self._do(room, effect, now)
        if room.empty:
            self.rooms.pop(room.id, None)
        elif self.media:
            self.media.inside(room.id, len(room.inside))
        self.keep(room.id)

    def _do(self, room: Room, effect: e.Effect, now: datetime) -> None:
        match effect:
            case e.Tell(line, message):
                self.tell(line, message)
            case e.Dismiss(line, reason):
                self._dismiss(line, reason)
            case e.ForEngine() | e.Unplugged():
                self._to_engine(room.id, effect)
            case e.Closed():
                self._close(room.id, now)
            case _:
                self._write_down(room.id, effect, now)

    def _write_down(self, room: UUID, effect: e.Began | e.Stopped | e.MediaConnected | e.Spoken, now: datetime) -> None:
        match effect:
            case e.Began(account, role, admitted):
                self._stretch_begins(room, account, role, admitted, now)
            case e.Stopped(account, because):
                self._stretch_ends(room, account, because, now)
            case e.MediaConnected(account):
                if found := self.stretches.get((room, account)):
                    self.journal.add(lambda session: service.media_connected(session, found))
            case e.Spoken(line):
                self.journal.add(lambda session: service.keep_line(session, room, line))

    def _close(self, room: UUID, now: datetime) -> None:
        self.directory.close(room, now)
        self.journal.add(lambda session: service.room_closed(session, room))
        if self.media:
            self.media.close(room)

    def _to_engine(self, room: UUID, effect: e.ForEngine | e.Unplugged) -> None:
        if self.media is None:
            if isinstance(effect, e.ForEngine):
                self.tell(effect.line, m.Refused(reason="no_engine"))
            return
        match effect:
            case e.ForEngine(line, message):
                self.media.hear(room, line, message)
            case e.Unplugged(line):
                self.media.unplug(room, line)

    def _dismiss(self, line_id: UUID, reason: m.Farewell) -> None:
        line = self.lines.pop(line_id, None)
        if line:
            line.tell(m.Goodbye(reason=reason), _ticks())
            line.close(Close.REPLACED if reason == "replaced" else Close.OVER)

    def _stretch_begins(self, room: UUID, account: UUID, role: str, admitted: bool, now: datetime) -> None:
        row = Presence(room=room, account_id=account, role=role, admitted=admitted, joined_at=now, seen_at=now)
        self.stretches[room, account] = row.id
        self.journal.add(lambda session: service.begin(session, row))

    def _stretch_ends(self, room: UUID, account: UUID, because: str, now: datetime) -> None:
        if found := self.stretches.pop((room, account), None):
            self.journal.add(lambda session: service.stop(session, found, because, now))

    # Time

    async def run(self) -> None:
        """Twice a second: pings, silent lines, ended sign-ins, seats held too long; every ten, the heartbeat."""
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                await self.beat()
            except SQLAlchemyError as error:
                log.warning("hub_beat_failed", reason=type(error).__name__)

    async def beat(self) -> None:
        now, ticks = clock.now(), _ticks()
        for line in list(self.lines.values()):
            if line.socket:
                self._attend(line, ticks)
        for room in list(self.rooms.values()):
            self._carry_out(room, room.tick(now), now)
        self._forget_lines()
        if ticks - self._touched_at >= HEARTBEAT_S and self.stretches:
            self._touched_at, ids = ticks, list(self.stretches.values())
            for part in range(0, len(ids), AT_ONCE):
                self.journal.add(partial(service.touch, presence_ids=ids[part : part + AT_ONCE], at=now))
        await self._close_ended_logins(now, ticks)

    def _attend(self, line: Line, ticks: float) -> None:
        """One line with a socket: dead, due for a ping, for a younger ticket."""
        if ticks > line.due_at:
            self._lose(line, Close.SILENT)
            return
        room = self.rooms.get(line.ticket.room)
        every_s = PING_S if room and len(room.seats) > 1 else ALONE_PING_S
        if ticks >= line.ping_at or every_s < line.every_s:
            line.ping(every_s, ticks)
        if ticks >= line.renew_at:
            line.tell_unnumbered(m.Renewed(ticket=self._next_ticket(line)))

    def _lose(self, line: Line, code: Close) -> None:
        line.close(code)
        if room := self.rooms.get(line.ticket.room):
            now = clock.now()
            self._carry_out(room, room.lose(line.id, now), now)

    def _forget_lines(self) -> None:
        for line in list(self.lines.values()):
            room = self.rooms.get(line.ticket.room)
            if line.socket is None and (room is None or room.seat_of(line.id) is None):
                del self.lines[line.id]

    async def _close_ended_logins(self, now: datetime, ticks: float) -> None:
        """What was revoked in the last seconds, at every beat; now and then whether each one still holds."""
        open_lines = [line for line in self.lines.values() if line.socket]
        if not open_lines:
            return
        everyone = ticks - self._checked_at >= CHECK_S
        async with AsyncSession(reading_engine(self.engine)) as session:
            ended = await service.revoked_since(session, now - REVOKED_WITHIN)
            if everyone:
                self._checked_at, logins = ticks, [line.ticket.login for line in open_lines]
                for part in range(0, len(logins), AT_ONCE):
                    some = set(logins[part : part + AT_ONCE])
                    ended |= some - await service.standing(session, some, now)
        for line in open_lines:
            if line.ticket.login in ended:
                self._lose(line, Close.TICKET)

    # Another process takes over

    def state_of(self, room_id: UUID, *, whole: bool = False) -> bytes | None:
        """What a successor needs; None once nobody is left."""
        room = self.rooms.get(room_id)
        if room is None:
            return None
        lines = [self.lines[seat.line] for seat in room.seats.values() if seat.line in self.lines]
        stretches = {account: row for (in_room, account), row in self.stretches.items() if in_room == room_id}
        return snapshots.dump(room, lines, stretches, whole=whole)

    def keep(self, room_id: UUID) -> None:
        self.directory.keep(room_id, partial(self.state_of, room_id))

    def last_states(self) -> dict[UUID, bytes]:
        """Of a process that ends in order: nothing is missing in them."""
        states = {room: self.state_of(room, whole=True) for room in self.rooms}
        return {room: state for room, state in states.items() if state}

    def let_go(self, room_id: UUID) -> None:
        """The room lives elsewhere from now on: its pages are sent there, and nothing is decided here any more."""
        if self.rooms.pop(room_id, None) and self.media:
            self.media.close(room_id)
        for line in [line for line in self.lines.values() if line.ticket.room == room_id]:
            del self.lines[line.id]
            line.close(Close.RESTART)

    async def stop(self) -> None:
        """The process ends: pages are told to come back, presence is written down."""
        now = clock.now()
        for room in list(self.rooms):
            self.let_go(room)
        for room, account in list(self.stretches):
            self._stretch_ends(room, account, "lost", now)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.journal.settled(), 5)


def _instructed(room: Room, instruction: Instruction) -> list[e.Effect]:
    match instruction:
        case EndRoom():
            return room.end()
        case HandOver(account=account):
            return room.hand_over(account)
        case Expel(account=account):
            return room.expel(account)
        case CallEmergency():
            return room.call_emergency()


def _ticks() -> float:
    """Seconds of the monotonic clock, for silence."""
    return asyncio.get_running_loop().time()
