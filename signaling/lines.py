"""A line: one loaded page of one person. It outlives its sockets."""

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from signaling import messages as m
from signaling.close_codes import Close
from signaling.tickets import Ticket

TAIL_S = 60.0
"""How long a message that was not seen is kept; a page that was away longer begins anew."""
TAIL = 2048
PING_S = 1.0
ALONE_PING_S = 5.0
"""For somebody with nobody to talk to: ten thousand may wait."""
PATIENCE = 2.5
"""So many missed pings make a dead socket."""


class Socket(Protocol):
    """One open WebSocket. Neither call waits."""

    def send(self, frame: str) -> None: ...

    def close(self, code: Close) -> None: ...


@dataclass(slots=True)
class Line:
    """due_at: when its silence becomes a dead socket. ping_at, renew_at: when to ping it, to give it a younger ticket.

    Instants are seconds of the loop's clock. moved: taken over from a process that died; what it had counted is unknown,
    so counting goes on from what the page says, and both sides may hear something twice.
    """

    id: UUID
    ticket: Ticket
    socket: Socket | None
    due_at: float = 0.0
    renew_at: float = 0.0
    ping_at: float = 0.0
    every_s: float = ALONE_PING_S
    seen: int = 0
    """Highest number that came from the page."""
    sent: int = 0
    tail: deque[tuple[int, float, m.FromRoom]] = field(default_factory=deque)
    moved: bool = False

    def tell(self, message: m.FromRoom, ticks: float) -> None:
        """Number it, keep it until the page has seen it, send it if a socket is there."""
        self.sent += 1
        self.tail.append((self.sent, ticks, message))
        while ticks - self.tail[0][1] > TAIL_S or len(self.tail) > TAIL:
            self.tail.popleft()
        self._send(self.sent, message)

    def tell_unnumbered(self, message: m.FromRoom) -> None:
        self._send(0, message)

    def heard(self, seen: int, ticks: float) -> None:
        self.due_at = ticks + PATIENCE * self.every_s
        while self.tail and self.tail[0][0] <= seen:
            self.tail.popleft()

    def ping(self, every_s: float, ticks: float) -> None:
        if every_s != self.every_s:
            self.every_s, self.due_at = every_s, ticks + PATIENCE * every_s
        self.ping_at = ticks + every_s
        if self.socket:  # by hand: it is what most is said
            ping = f'{{"kind":"ping","every_ms":{round(1000 * every_s)}}}'
            self.socket.send(f'{{"number":0,"seen":{self.seen},"message":{ping}}}')

    def may_resume(self, seen: int) -> bool:
        """Whether nothing is missing between what the page saw and what is kept."""
        return self.moved or self.sent - len(self.tail) <= seen <= self.sent

    def resume(self, ticket: Ticket, socket: Socket, seen: int, ticks: float) -> None:
        """Another socket takes the line up; it is pinged at once."""
        self.close(Close.SILENT)  # a dead socket that nobody noticed yet
        self.ticket, self.socket, self.ping_at = ticket, socket, 0.0
        if self.moved:
            self.tail.clear()
            self.sent, self.moved = seen, False
        self.heard(seen, ticks)

    def send_tail(self) -> None:
        for number, _, message in self.tail:
            self._send(number, message)

    def _send(self, number: int, message: m.FromRoom) -> None:
        if self.socket:  # a RoomFrame, without making one
            self.socket.send(f'{{"number":{number},"seen":{self.seen},"message":{message.model_dump_json()}}}')

    def close(self, code: Close) -> None:
        socket, self.socket = self.socket, None
        if socket:
            socket.close(code)
