"""Pages on lines that lose, repeat and delay: whatever happens, all sides come to know the same truth."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from signaling import messages as m
from signaling import service, tickets
from signaling.arrivals import Arrival
from signaling.close_codes import Close
from signaling.directory import Alone
from signaling.hub import Hub
from signaling.lines import Line
from signaling.seats import HOLD
from signaling.tickets import LONGEST, Ticket
from telehealth.core import clock, ids

ROOM = UUID(int=1)
ROLES: dict[str, m.Role] = {"doctor": "host", "patient": "patient", "colleague": "colleague", "cousin": "relative"}
ACCOUNTS = {name: UUID(int=100 + number) for number, name in enumerate(ROLES)}


ASKED = ("admit", "admit", "deny", "remove", "say", "hand", "screen", "lock")


class Everybody:
    """In place of the database: every sign-in stands, no room has a past."""

    async def ask(self, _ticket: Ticket, **_is_new: bool) -> Arrival:
        return Arrival(stands=True)


@dataclass
class Browser:
    """A page with its own memory, and the frames that are on their way to and from it."""

    name: str
    line: UUID | None = None
    seen: int = 0
    sent: int = 0
    tail: list[m.PageFrame] = field(default_factory=list)
    coming: list[m.RoomFrame] = field(default_factory=list)
    leaving: list[m.PageFrame] = field(default_factory=list)
    at: Line | None = None
    """Its line in the hub, while a socket is open."""
    facts: m.RoomFacts | None = None
    ending: m.Farewell | None = None
    code: Close | None = None
    chat: list[str] = field(default_factory=list)

    def send(self, frame: str) -> None:
        self.coming.append(m.RoomFrame.model_validate_json(frame))

    def close(self, code: Close) -> None:
        self.code = code

    def say(self, message: m.FromPage) -> None:
        self.sent += 1
        self.tail.append(m.PageFrame(number=self.sent, seen=self.seen, message=message))
        if self.at:
            self.leaving.append(self.tail[-1])

    def read(self, frame: m.RoomFrame) -> None:
        """As client/src/call/socket.ts reads it."""
        self.tail = [kept for kept in self.tail if kept.number > frame.seen]
        message = frame.message
        if isinstance(message, m.Welcome):
            self.welcomed(message)
        if frame.number:
            if frame.number <= self.seen:
                return
            assert frame.number == self.seen + 1, "a message is missing"
            self.seen = frame.number
        if isinstance(message, m.RoomFacts):
            self.facts = message
        if isinstance(message, m.Goodbye):
            self.ending = message.reason
        if isinstance(message, m.Said):
            assert message.line.text not in self.chat, "heard twice"
            self.chat.append(message.line.text)

    def welcomed(self, welcome: m.Welcome) -> None:
        if not welcome.resumed:
            self.line, self.seen, self.sent, self.tail = welcome.line, 0, 0, []
            self.chat = [line.text for line in welcome.chat]
        self.leaving += self.tail

    def reload(self) -> None:
        self.line, self.facts, self.ending, self.code = None, None, None, None
        self.tail, self.seen, self.sent = [], 0, 0


class Call(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.runner.run(self._start())
        self.pages = {name: Browser(name) for name in ROLES}
        self.lines = 0

    async def _start(self) -> None:
        self.hub = Hub(None, Alone())  # type: ignore[arg-type]  # nothing here reaches the database
        self.hub.arrivals = Everybody()  # type: ignore[assignment]

    def in_loop(self, act, *arguments):
        async def step():
            return act(*arguments)

        return self.runner.run(step())

    names = st.sampled_from(sorted(ROLES))

    @rule(name=names)
    def connect(self, name: str) -> None:
        page = self.pages[name]
        if page.at is None and page.ending is None:
            self.runner.run(self._enter(page))

    async def _enter(self, page: Browser) -> None:
        now = clock.now()
        ticket = Ticket(ids.new_id(), ROOM, ACCOUNTS[page.name], page.name, ROLES[page.name], UUID(int=5), now + LONGEST)
        socket = replace(page)  # a face of this one connection
        socket.coming = page.coming = []
        page.code, page.leaving = None, []
        if await self.hub.directory.claim(ROOM) == "":
            self.hub.turn_away(ticket, socket)
        else:
            page.at = await self.hub.enter(ticket, socket, m.Hello(ticket="", line=page.line), page.seen)
        page.socket = socket

    @initialize()
    def everybody_comes(self) -> None:
        self.calm()

    @rule()
    def calm(self) -> None:
        """For a moment nothing is wrong with any line."""
        for name in ROLES:
            self.connect(name)
        for name in (*ROLES, *ROLES):
            self.deliver(name, 10_000)
            self.arrive(name, False)
        for name in ROLES:
            self.deliver(name, 10_000)

    @rule(name=names, count=st.integers(1, 9))
    def deliver(self, name: str, count: int) -> None:
        """Frames reach the page."""
        page = self.pages[name]
        for _ in range(min(count, len(page.coming))):
            page.read(page.coming.pop(0))
        if page.at and page.socket.code and not page.coming:
            self._closed(page)

    @rule(name=names, twice=st.booleans())
    def arrive(self, name: str, twice: bool) -> None:
        """Frames reach the room, the last perhaps twice."""
        page = self.pages[name]
        frames, page.leaving = page.leaving, []
        for frame in [*frames, *frames[-1:]] if twice else frames:
            if page.at and page.at.socket is page.socket:
                self.in_loop(self.hub.hear, page.at, frame)

    @rule(name=names)
    def cut(self, name: str) -> None:
        """The line breaks; what was on its way is lost. The room notices."""
        page = self.pages[name]
        if page.at:
            self._closed(page)

    def _closed(self, page: Browser) -> None:
        line, page.at, page.coming, page.leaving = page.at, None, [], []
        self.in_loop(self.hub.gone, line, page.socket)
        if page.socket.code in (Close.REPLACED, Close.OVER) and page.ending is None:
            page.ending = "ended" if page.socket.code == Close.OVER else "replaced"

    @rule(name=names)
    def reload(self, name: str) -> None:
        page = self.pages[name]
        if page.at:
            self._closed(page)
        page.reload()

    @rule(
        name=names,
        other=names,
        at_once=st.booleans(),
        what=st.sampled_from(ASKED),
    )
    def ask(self, name: str, other: str, at_once: bool, what: str) -> None:
        self.lines += 1
        messages: dict[str, m.FromPage] = {
            "admit": m.Admit(account=ACCOUNTS[other]),
            "deny": m.Deny(account=ACCOUNTS[other]),
            "remove": m.Remove(account=ACCOUNTS[other]),
            "say": m.Say(text=f"{self.lines}"),
            "hand": m.Hand(raised=self.lines % 2 == 0),
            "screen": m.Screen(on=self.lines % 2 == 0),
            "lock": m.Lock(locked=self.lines % 2 == 0),
        }
        self.pages[name].say(messages[what])
        if at_once:
            self.arrive(name, twice=False)

    @precondition(lambda self: self.lines > 5)
    @rule(name=names, end=st.booleans())
    def finish(self, name: str, end: bool) -> None:
        self.pages[name].say(m.End() if end else m.Leave())

    @precondition(lambda self: self.lines > 5)
    @rule()
    def wait(self) -> None:
        """Longer than lost lines keep their seats."""
        room = self.hub.rooms.get(ROOM)
        if room:
            later = clock.now() + HOLD[False] + timedelta(seconds=1)
            self.in_loop(lambda: self.hub._carry_out(room, room.tick(later), later))

    @invariant()
    def nobody_sits_twice_and_nobody_is_a_ghost(self) -> None:
        room = self.hub.rooms.get(ROOM)
        seats = list(room.seats.values()) if room else []
        assert len({seat.line for seat in seats}) == len(seats)
        for seat in seats:
            line = self.hub.lines.get(seat.line)
            assert seat.present == bool(line and line.socket)
        assert {account for _, account in self.hub.stretches} == {seat.account for seat in seats if seat.present}

    def teardown(self) -> None:
        """The lines recover: after that every page knows how it stands, and all know the same."""
        for _ in range(4):
            self.calm()
        room = self.hub.rooms.get(ROOM)
        for page in self.pages.values():
            seat = room.seats.get(ACCOUNTS[page.name]) if room else None
            assert (seat is None) == (page.ending is not None), f"{page.name}: {page.ending}"
            if room and seat:
                assert page.facts == room.seen_by(seat)
        if ROOM in self.hub.directory.over.until:
            assert room is None
            assert all(page.ending for page in self.pages.values())
        self.runner.close()


Call.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestCall = Call.TestCase


def test_the_next_ticket_is_one_for_the_same_seat():
    line = Line(UUID(int=7), Ticket(UUID(int=6), ROOM, UUID(int=100), "x", "host", UUID(int=5), clock.now()), None)

    async def made() -> str:
        return Hub(None, Alone())._next_ticket(line)  # type: ignore[arg-type]

    again = tickets.read(service.signing_key(), asyncio.run(made()), clock.now())
    assert (again.line, again.room, again.account, again.role, again.login) == (
        line.id,
        ROOM,
        UUID(int=100),
        "host",
        UUID(int=5),
    )
    assert again.id != line.ticket.id
