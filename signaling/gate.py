"""Whoever comes in here is brought to the room, in whichever process it lives.

Parcels between processes: one letter, the sixteen bytes of the link, the content. To the room's process go O (a page
opened: ticket and hello), F (a frame of it), G (it is gone), I (an instruction); back to the page's process go T (a frame
to it) and C (close it, with this code).
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID, uuid4

import structlog
from pydantic import TypeAdapter, ValidationError

from signaling import messages as m
from signaling.close_codes import Close
from signaling.directory import OVER, Directory, Recent, Unreachable
from signaling.hub import Hub
from signaling.instructions import INSTRUCTION, Instruction
from signaling.lines import Line, Socket
from signaling.tickets import BadTicket, Ticket
from telehealth.core import clock

log = structlog.get_logger()

WATCH_S = 0.5
LINK = slice(1, 17)
CONTENT = slice(17, None)


class Malformed(Exception):
    """Not a message of the protocol."""


class TryAgain(Exception):
    """This process cannot take anybody just now."""


class Link(Protocol):
    """An open page and its line, near or far. Neither call waits."""

    def hear(self, data: bytes) -> None:
        """A frame came. Raises Malformed, unless the room's process must judge it."""

    def gone(self) -> None: ...


@dataclass
class Opening:
    process: str
    ticket: Ticket
    line: UUID | None
    seen: int


OPENING = TypeAdapter(Opening)


def read_frame(data: bytes) -> m.PageFrame:
    """Raises Malformed; a second hello is none of the protocol."""
    try:
        frame = m.PageFrame.model_validate_json(data)
    except ValidationError:
        raise Malformed() from None
    if isinstance(frame.message, m.Hello):
        raise Malformed()
    return frame


@dataclass
class Near:
    """The room is in this process."""

    hub: Hub
    line: Line
    socket: Socket

    def hear(self, data: bytes) -> None:
        self.hub.hear(self.line, read_frame(data))

    def gone(self) -> None:
        self.hub.gone(self.line, self.socket)


@dataclass
class Far:
    """The room is in another process, `owner`."""

    gate: "Gate"
    owner: str
    id: bytes
    socket: Socket

    def hear(self, data: bytes) -> None:
        self.gate.directory.post(self.owner, b"F" + self.id + data)

    def gone(self) -> None:
        if self.gate.far.pop(self.id, None):
            self.gate.directory.post(self.owner, b"G" + self.id)


class Visitor:
    """A page of a room here whose socket is in another process."""

    def __init__(self, post: Callable[[bytes], None], link: bytes) -> None:
        self.post, self.link = post, link
        self.line: Line | None = None
        self.early: list[bytes] = []
        """Frames that came while the ticket was looked at."""

    def send(self, frame: str) -> None:
        self.post(b"T" + self.link + frame.encode())

    def close(self, code: Close) -> None:
        self.post(b"C" + self.link + str(code.value).encode())


class Gate:
    def __init__(self, hub: Hub, directory: Directory) -> None:
        self.hub = hub
        self.directory = directory
        self.far: dict[bytes, Far] = {}
        self.visitors: dict[bytes, Visitor] = {}
        self.spent = Recent()
        self.draining = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def enter(self, ticket: Ticket, socket: Socket, hello: m.Hello, seen: int) -> Link:
        """A page with a good ticket said hello. Raises BadTicket, TryAgain."""
        if not self.spent.add(ticket.id, clock.now()):
            raise BadTicket("used before")
        owner = await self._owner(ticket)
        if self.draining:
            raise TryAgain()
        if owner == OVER:
            return Near(self.hub, self.hub.turn_away(ticket, socket), socket)
        if owner == self.directory.me:
            return Near(self.hub, await self.hub.enter(ticket, socket, hello, seen), socket)
        far = Far(self, owner, uuid4().bytes, socket)
        self.far[far.id] = far
        opening = Opening(self.directory.me, ticket, hello.line, seen)
        self.directory.post(owner, b"O" + far.id + OPENING.dump_json(opening))
        return far

    async def _owner(self, ticket: Ticket) -> str:
        """Rooms of this process go on while the directory is away; tickets are then known as spent here only."""
        try:
            if not await self.directory.spend(ticket.id, clock.now()):
                raise BadTicket("used before")
            return await self.directory.claim(ticket.room)
        except Unreachable:
            if ticket.room in self.hub.rooms:
                return self.directory.me
            raise TryAgain() from None

    async def instruct(self, room: UUID, instruction: Instruction) -> None:
        """What another door asks of a room, wherever it is."""
        try:
            owner = await self.directory.owner_of(room)
        except Unreachable:
            owner = None
        if owner in (None, self.directory.me):
            self.hub.instruct(room, instruction)
        else:
            self.directory.post(str(owner), b"I" + room.bytes + INSTRUCTION.dump_json(instruction))

    # Parcels

    def opened(self, parcel: bytes) -> None:
        """A parcel for this process."""
        kind, link, content = parcel[:1], parcel[LINK], parcel[CONTENT]
        match kind:
            case b"T" | b"C":
                self._for_page(kind, link, content)
            case b"F" | b"G":
                self._from_page(kind, link, content)
            case b"O":
                self._start(self._opened(link, OPENING.validate_json(content)))
            case b"I":
                self.hub.instruct(UUID(bytes=link), INSTRUCTION.validate_json(content))

    def _for_page(self, kind: bytes, link: bytes, content: bytes) -> None:
        far = self.far.get(link)
        if far is None:
            return
        if kind == b"T":
            far.socket.send(content.decode())
        else:
            del self.far[link]
            far.socket.close(Close(int(content)))

    def _from_page(self, kind: bytes, link: bytes, content: bytes) -> None:
        visitor = self.visitors.get(link)
        if visitor is None:
            return
        if kind == b"G":
            del self.visitors[link]
            if visitor.line:
                self.hub.gone(visitor.line, visitor)
        elif visitor.line is None:
            visitor.early.append(content)
        else:
            self._hear(visitor, visitor.line, content)

    def _hear(self, visitor: Visitor, line: Line, content: bytes) -> None:
        try:
            self.hub.hear(line, read_frame(content))
        except Malformed:
            visitor.close(Close.MALFORMED)
            self.hub.gone(line, visitor)

    async def _opened(self, link: bytes, opening: Opening) -> None:
        visitor = Visitor(lambda parcel: self.directory.post(opening.process, parcel), link)
        self.visitors[link] = visitor
        try:
            hello = m.Hello(ticket="", line=opening.line)
            visitor.line = await self.hub.enter(opening.ticket, visitor, hello, opening.seen)
        except BadTicket:
            del self.visitors[link]
            visitor.close(Close.TICKET)
            return
        if link not in self.visitors:  # it left while its ticket was looked at
            self.hub.gone(visitor.line, visitor)
        for content in visitor.early:
            self._hear(visitor, visitor.line, content)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # When something breaks

    def broken(self) -> None:
        """Parcels or the lease may have been lost: pages of far rooms come back, and who owns what is asked again."""
        for far in list(self.far.values()):
            self._let_go(far)
        for link, visitor in list(self.visitors.items()):
            del self.visitors[link]
            if visitor.line:
                self.hub.gone(visitor.line, visitor)
        self._start(self._look_after_rooms())

    def _let_go(self, far: Far) -> None:
        self.far.pop(far.id, None)
        far.socket.close(Close.RESTART)

    async def _look_after_rooms(self) -> None:
        for room in list(self.hub.rooms):
            try:
                owner = await self.directory.claim(room)
            except Unreachable:
                return
            if owner == self.directory.me:
                self.hub.keep(room)
            else:
                self.hub.let_go(room)

    async def watch(self) -> None:
        """Pages whose room's process has died come back, and find the room in another one."""
        while True:
            await asyncio.sleep(WATCH_S)
            owners = {far.owner for far in self.far.values()}
            try:
                gone = owners - await self.directory.alive(owners) if owners else owners
            except Unreachable:
                continue
            for far in [far for far in self.far.values() if far.owner in gone]:
                self._let_go(far)

    async def drain(self) -> None:
        """This process ends: rooms are handed on whole, then every page is sent to look for them."""
        self.draining = True
        await self.directory.leave(self.hub.last_states())
        for far in list(self.far.values()):
            self._let_go(far)
        await self.hub.stop()
