"""The rooms of this process: whose socket is whose line, timers, and carrying out what rooms decide.

The event loop never waits for the database: rows go through a journal that writes them in order.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from signaling import effects as e
from signaling import messages as m
from signaling import service, tickets
from signaling.close_codes import Close
from signaling.journal import Journal
from signaling.lines import PATIENCE, Line, Socket
from signaling.models import Presence
from signaling.rooms import CHAT_KEPT, Room
from signaling.tickets import LONGEST, BadTicket, Ticket
from telehealth.core import clock
from telehealth.core.db import reading_engine
from telehealth.core.ids import new_id

log = structlog.get_logger()

BEAT_S = 0.5
PING_S = 1.0
ALONE_PING_S = 5.0
"""For somebody with nobody to talk to: ten thousand may wait."""
HEARTBEAT_S = 10.0
RENEW_S = 300.0
"""A page always holds a ticket with at least half of its life left."""


class Engine(Protocol):
    """The group media of rooms. Neither call waits; answers come through `Hub.tell`, `Hub.published` and `Hub.use`."""

    def hear(self, room: UUID, line: UUID, message: m.ToEngine) -> None: ...

    def unplug(self, room: UUID, line: UUID) -> None:
        """The line is nobody's any more."""

    def record(self, room: UUID, on: bool) -> None:
        """Everybody inside agrees to a recording, or no longer."""

    def close(self, room: UUID) -> None: ...


class Hub:
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.journal = Journal(engine)
        self.media: Engine | None = None
        self.rooms: dict[UUID, Room] = {}
        self.lines: dict[UUID, Line] = {}
        self.used: dict[UUID, datetime] = {}
        self.over: dict[UUID, datetime] = {}
        """Rooms that were closed, until the last ticket for them is too old."""
        self.stretches: dict[tuple[UUID, UUID], UUID] = {}
        self._key = service.signing_key()
        self._touched_at = 0.0

    # Sockets

    async def enter(self, ticket: Ticket, socket: Socket, hello: m.Hello, seen: int) -> Line:
        """A page said hello with a good ticket. Raises BadTicket for a used one or an ended sign-in."""
        now = clock.now()
        if ticket.id in self.used:
            raise BadTicket("used before")
        self.used[ticket.id] = ticket.expires_at
        room = await self._room_for(ticket, now)
        line = self.lines.get(hello.line) if hello.line else None
        if line and self._may_resume(line, ticket, seen):
            self._resume(line, ticket, socket, seen)
        else:
            line = self._begin(ticket, socket)
        if room is None:
            self._dismiss(line.id, "ended")
            return line
        entered = room.enter(ticket.account, ticket.name, ticket.role, line.id, now, ticket.expected_at)
        self._carry_out(room, entered, now)
        return line

    async def _room_for(self, ticket: Ticket, now: datetime) -> Room | None:
        """The room, made with its chat if nobody is there yet; None once it is over. Raises BadTicket."""
        async with AsyncSession(reading_engine(self.engine)) as session:
            if ticket.login not in await service.live_logins(session, {ticket.login}, now):
                raise BadTicket("sign-in has ended")
            chat = [] if ticket.room in self.rooms else await service.chat_of(session, ticket.room, CHAT_KEPT)
        if ticket.room in self.over:
            return None
        return self.rooms.setdefault(ticket.room, Room(ticket.room, chat=chat))

    def _may_resume(self, line: Line, ticket: Ticket, seen: int) -> bool:
        """The page's own line, still in its seat."""
        room = self.rooms.get(ticket.room)
        same = (line.ticket.room, line.ticket.account) == (ticket.room, ticket.account)
        return same and line.may_resume(seen) and room is not None and room.seat_of(line.id) is not None

    def _resume(self, line: Line, ticket: Ticket, socket: Socket, seen: int) -> None:
        line.close(Close.SILENT)  # a dead socket that nobody noticed yet
        line.ticket, line.socket, line.ping_at = ticket, socket, 0.0
        line.heard(seen, _ticks())
        self._welcome(line, resumed=True)
        line.send_tail()

    def _begin(self, ticket: Ticket, socket: Socket) -> Line:
        ticks = _ticks()
        line = Line(
            new_id(), ticket, socket, ticks + PATIENCE * ALONE_PING_S, ticks + RENEW_S, every_s=ALONE_PING_S
        )  # heard before its first ping, it has as long as after one
        self.lines[line.id] = line
        self._welcome(line, resumed=False)
        return line

    def _welcome(self, line: Line, *, resumed: bool) -> None:
        room = self.rooms.get(line.ticket.room)
        seat = room.seats.get(line.ticket.account) if room else None
        role = seat.role if seat else line.ticket.role
        inside = seat.admitted if seat else role == "host"
        chat = room.chat if room and inside and not resumed else []
        line.tell_unnumbered(
            m.Welcome(
                account=line.ticket.account,
                role=role,
                line=line.id,
                resumed=resumed,
                ticket=self._next_ticket(line),
                chat=chat,
            )
        )

    def _next_ticket(self, line: Line) -> str:
        """With it the page comes back without asking another door first."""
        now = clock.now()
        line.renew_at = _ticks() + RENEW_S
        return tickets.sign(self._key, replace(line.ticket, id=new_id(), expires_at=now + LONGEST), now)

    def hear(self, line: Line, frame: m.PageFrame) -> None:
        """A frame of a line; one that came before is only acknowledged."""
        line.heard(frame.seen, _ticks())
        if frame.number == 0 or frame.number <= line.seen:
            return
        line.seen = frame.number
        room = self.rooms.get(line.ticket.room)
        if room:
            now = clock.now()
            self._carry_out(room, room.receive(line.id, frame.message, now, frame.number), now)

    def gone(self, line: Line, socket: Socket) -> None:
        """A socket closed. If the line already has another, nothing happened."""
        if line.socket is not socket and line.socket is not None:
            return
        line.socket = None
        if room := self.rooms.get(line.ticket.room):
            now = clock.now()
            self._carry_out(room, room.lose(line.id, now), now)

    # Other doors

    def end(self, room_id: UUID) -> None:
        """Another door ended the visit: whoever is in the room is told."""
        now = clock.now()
        self.over[room_id] = now + LONGEST
        if room := self.rooms.get(room_id):
            self._carry_out(room, room.end(), now)

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

    def _carry_out(self, room: Room, effects: Sequence[e.Effect], now: datetime) -> None:
        for effect in effects:
            self._do(room, effect, now)
        if room.empty:
            self.rooms.pop(room.id, None)

    def _do(self, room: Room, effect: e.Effect, now: datetime) -> None:
        match effect:
            case e.Tell(line, message):
                self.tell(line, message)
            case e.Dismiss(line, reason):
                self._dismiss(line, reason)
            case e.ForEngine() | e.Unplugged() | e.Recorded():
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
        self.over[room] = now + LONGEST
        self.journal.add(lambda session: service.room_closed(session, room))
        if self.media:
            self.media.close(room)

    def _to_engine(self, room: UUID, effect: e.ForEngine | e.Unplugged | e.Recorded) -> None:
        if self.media is None:
            if isinstance(effect, e.ForEngine):
                self.tell(effect.line, m.Refused(reason="no_engine"))
            return
        match effect:
            case e.ForEngine(line, message):
                self.media.hear(room, line, message)
            case e.Unplugged(line):
                self.media.unplug(room, line)
            case e.Recorded(on):
                self.media.record(room, on)

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
        self.used = {ticket: expires for ticket, expires in self.used.items() if expires > now}
        self.over = {room: until for room, until in self.over.items() if until > now}
        for line in list(self.lines.values()):
            if line.socket:
                self._attend(line, ticks)
        for room in list(self.rooms.values()):
            self._carry_out(room, room.tick(now), now)
        self._forget_lines()
        if ticks - self._touched_at >= HEARTBEAT_S and self.stretches:
            self._touched_at, ids = ticks, list(self.stretches.values())
            self.journal.add(lambda session: service.touch(session, ids, now))
        await self._close_ended_logins(now)

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

    async def _close_ended_logins(self, now: datetime) -> None:
        open_lines = [line for line in self.lines.values() if line.socket]
        if not open_lines:
            return
        async with AsyncSession(reading_engine(self.engine)) as session:
            standing = await service.live_logins(session, {line.ticket.login for line in open_lines}, now)
        for line in open_lines:
            if line.ticket.login not in standing:
                self._lose(line, Close.TICKET)

    async def stop(self) -> None:
        """The process ends: pages are told to come back, presence is written down."""
        now = clock.now()
        for line in list(self.lines.values()):
            line.close(Close.RESTART)
        for room, account in list(self.stretches):
            self._stretch_ends(room, account, "lost", now)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.journal.settled(), 5)


def _ticks() -> float:
    """Seconds of the monotonic clock, for silence."""
    return asyncio.get_running_loop().time()
