"""The rooms of this process: whose socket is whose line, timers, and carrying out what rooms decide.

The event loop never waits for the database: rows go through a journal that writes them in order.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, cast
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from signaling import messages as m
from signaling import rooms, service
from signaling.close_codes import Close
from signaling.models import ChatLine, Presence
from signaling.tickets import LONGEST, BadTicket, Ticket
from telehealth.core import clock
from telehealth.core.db import reading_engine, session_scope
from telehealth.core.ids import new_id

log = structlog.get_logger()

PING_S = 1.0
SILENT_S = 10.0
HEARTBEAT_S = 10.0
TAIL = 512
"""Unseen messages kept for a line; more means that the page has been away too long to take up its line."""

Write = Callable[[AsyncSession], Awaitable[None]]


class Socket(Protocol):
    """One open WebSocket. Neither call waits."""

    def send(self, frame: str) -> None: ...

    def close(self, code: Close) -> None: ...


@dataclass
class Line:
    """One loaded page of one person; survives its sockets."""

    id: UUID
    ticket: Ticket
    socket: Socket | None
    heard_at: float
    seen: int = 0
    """Highest number that came from the page."""
    sent: int = 0
    tail: deque[tuple[int, m.FromRoom]] = field(default_factory=deque)

    def tell(self, message: m.FromRoom) -> None:
        """Number it, keep it until the page has seen it, send it if a socket is there."""
        self.sent += 1
        self.tail.append((self.sent, message))
        while len(self.tail) > TAIL:
            self.tail.popleft()
        self._send(self.sent, message)

    def tell_unnumbered(self, message: m.FromRoom) -> None:
        self._send(0, message)

    def acknowledge(self, seen: int) -> None:
        while self.tail and self.tail[0][0] <= seen:
            self.tail.popleft()

    def send_tail(self) -> None:
        for number, message in self.tail:
            self._send(number, message)

    def _send(self, number: int, message: m.FromRoom) -> None:
        if self.socket:
            self.socket.send(m.RoomFrame(number=number, seen=self.seen, message=message).model_dump_json())

    def close(self, code: Close) -> None:
        socket, self.socket = self.socket, None
        if socket:
            socket.close(code)


class Journal:
    """Writes in the order in which things happened, several in one transaction; tries again while the database is away."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.waiting: asyncio.Queue[Write] = asyncio.Queue()

    def add(self, write: Write) -> None:
        self.waiting.put_nowait(write)

    async def run(self) -> None:
        while True:
            batch = [await self.waiting.get()]
            while not self.waiting.empty():
                batch.append(self.waiting.get_nowait())
            try:
                await self._write(batch)
            finally:
                for _ in batch:
                    self.waiting.task_done()

    async def _write(self, batch: Sequence[Write]) -> None:
        for wait_s in (0.2, 1.0, 5.0, 15.0, 0.0):
            try:
                async with session_scope(self.engine) as session:
                    for write in batch:
                        await write(session)
                return
            except SQLAlchemyError as error:
                log.warning("journal_not_written", reason=type(error).__name__, writes=len(batch))
                await asyncio.sleep(wait_s)
        log.error("journal_lost", writes=len(batch))

    async def settled(self) -> None:
        """Everything noted so far is written."""
        await self.waiting.join()


class Hub:
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.journal = Journal(engine)
        self.rooms: dict[UUID, rooms.Room] = {}
        self.lines: dict[UUID, Line] = {}
        self.used: dict[UUID, datetime] = {}
        self.over: dict[UUID, datetime] = {}
        """Rooms that were closed, until the last ticket for them is too old."""
        self.stretches: dict[tuple[UUID, UUID], UUID] = {}
        self._touched_at = 0.0

    # Sockets

    async def enter(self, ticket: Ticket, socket: Socket, hello: m.Hello, seen: int) -> Line:
        """A page said hello with a good ticket. Raises BadTicket for a used one or an ended sign-in."""
        now = clock.now()
        if ticket.id in self.used:
            raise BadTicket("used before")
        self.used[ticket.id] = ticket.expires_at
        if not await self._login_stands(ticket.login, now):
            raise BadTicket("sign-in has ended")
        line = self.lines.get(hello.line) if hello.line else None
        if line and self._may_resume(line, ticket, seen):
            self._resume(line, ticket, socket, seen)
        else:
            line = self._begin(ticket, socket)
        if ticket.room in self.over:
            self._dismiss(line.id, "ended")
            return line
        room = self.rooms.setdefault(ticket.room, rooms.Room(ticket.room))
        effects = room.enter(ticket.account, ticket.name, cast(rooms.Role, ticket.role), line.id, now)
        self._carry_out(room, effects, now)
        return line

    def _may_resume(self, line: Line, ticket: Ticket, seen: int) -> bool:
        """The page's own line, still in its seat, with nothing missing between what it saw and what is kept."""
        room = self.rooms.get(ticket.room)
        same = (line.ticket.room, line.ticket.account) == (ticket.room, ticket.account)
        whole = line.sent - len(line.tail) <= seen <= line.sent
        return same and whole and room is not None and room.seat_of(line.id) is not None

    def _resume(self, line: Line, ticket: Ticket, socket: Socket, seen: int) -> None:
        line.close(Close.SILENT)  # a dead socket that nobody noticed yet
        line.ticket, line.socket, line.heard_at = ticket, socket, _ticks()
        line.acknowledge(seen)
        self._welcome(line, resumed=True)
        line.send_tail()

    def _begin(self, ticket: Ticket, socket: Socket) -> Line:
        line = Line(new_id(), ticket, socket, _ticks())
        self.lines[line.id] = line
        self._welcome(line, resumed=False)
        return line

    def _welcome(self, line: Line, *, resumed: bool) -> None:
        room = self.rooms.get(line.ticket.room)
        seat = room.seats.get(line.ticket.account) if room else None
        inside = line.ticket.role == "host" or (seat is not None and seat.admitted)
        role = cast(rooms.Role, line.ticket.role)
        chat = room.chat if room and inside and not resumed else []
        line.tell_unnumbered(m.Welcome(account=line.ticket.account, role=role, line=line.id, resumed=resumed, chat=chat))

    def hear(self, line: Line, frame: m.PageFrame) -> None:
        """A frame of a line; one that came before is only acknowledged."""
        line.heard_at = _ticks()
        line.acknowledge(frame.seen)
        if frame.number == 0 or frame.number <= line.seen:
            return
        line.seen = frame.number
        room = self.rooms.get(line.ticket.room)
        if room:
            now = clock.now()
            self._carry_out(room, room.receive(line.id, frame.message, now), now)

    def gone(self, line: Line, socket: Socket) -> None:
        """A socket closed. If the line already has another, nothing happened."""
        if line.socket is not socket and line.socket is not None:
            return
        line.socket = None
        if room := self.rooms.get(line.ticket.room):
            now = clock.now()
            self._carry_out(room, room.lose(line.id, now), now)

    def end(self, room_id: UUID) -> None:
        """Another door ended the visit: whoever is in the room is told."""
        now = clock.now()
        self.over[room_id] = now + LONGEST
        if room := self.rooms.get(room_id):
            self._carry_out(room, room.end(), now)

    # Effects

    def _carry_out(self, room: rooms.Room, effects: Sequence[rooms.Effect], now: datetime) -> None:
        for effect in effects:
            self._do(room, effect, now)
        if room.empty:
            self.rooms.pop(room.id, None)

    def _do(self, room: rooms.Room, effect: rooms.Effect, now: datetime) -> None:
        match effect:
            case rooms.Tell(line, message):
                if line in self.lines:
                    self.lines[line].tell(message)
            case rooms.Dismiss(line, reason):
                self._dismiss(line, reason)
            case rooms.Began(account, role, admitted):
                self._stretch_begins(room.id, account, role, admitted, now)
            case rooms.Stopped(account, because):
                self._stretch_ends(room.id, account, because, now)
            case rooms.MediaConnected(account):
                if found := self.stretches.get((room.id, account)):
                    self.journal.add(lambda session: service.media_connected(session, found))
            case rooms.Spoken(line=said):
                row = ChatLine(room=room.id, account_id=said.account, name=said.name, text=said.text, at=said.at)
                self.journal.add(lambda session: service.keep_line(session, row))
            case rooms.Closed():
                self.over[room.id] = now + LONGEST
                self.journal.add(lambda session: service.room_closed(session, room.id))

    def _dismiss(self, line_id: UUID, reason: str) -> None:
        line = self.lines.pop(line_id, None)
        if line:
            line.tell(m.Goodbye.model_validate({"kind": "goodbye", "reason": reason}))
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
        """Every second: pings, silent lines, ended sign-ins, seats held too long; every ten, the heartbeat."""
        while True:
            await asyncio.sleep(PING_S)
            try:
                await self.beat()
            except SQLAlchemyError as error:
                log.warning("hub_beat_failed", reason=type(error).__name__)

    async def beat(self) -> None:
        now, ticks = clock.now(), _ticks()
        self.used = {ticket: expires for ticket, expires in self.used.items() if expires > now}
        self.over = {room: until for room, until in self.over.items() if until > now}
        for line in list(self.lines.values()):
            if line.socket and ticks - line.heard_at > SILENT_S:
                self._lose(line, Close.SILENT)
            else:
                line.tell_unnumbered(m.Ping())
        for room in list(self.rooms.values()):
            self._carry_out(room, room.tick(now), now)
        self._forget_lines()
        if ticks - self._touched_at >= HEARTBEAT_S and self.stretches:
            self._touched_at, ids = ticks, list(self.stretches.values())
            self.journal.add(lambda session: service.touch(session, ids, now))
        await self._close_ended_logins(now)

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

    async def _login_stands(self, login: UUID, now: datetime) -> bool:
        async with AsyncSession(reading_engine(self.engine)) as session:
            return login in await service.live_logins(session, {login}, now)

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
