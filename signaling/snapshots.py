"""A room as it is kept for the process that may have to take it over."""

from dataclasses import dataclass, field, replace
from uuid import UUID

from pydantic import TypeAdapter

from signaling import messages as m
from signaling.lines import Line
from signaling.rooms import Room
from signaling.tickets import Ticket


@dataclass
class KeptLine:
    """whole: written by a process that ended in order, so that no message is missing; otherwise its counts say nothing."""

    id: UUID
    ticket: Ticket
    whole: bool = False
    seen: int = 0
    sent: int = 0
    tail: list[tuple[int, m.FromRoom]] = field(default_factory=list)


@dataclass
class Snapshot:
    """stretches: account -> the open row of its presence. The chat is in the database."""

    room: Room
    lines: list[KeptLine]
    stretches: dict[UUID, UUID]


SNAPSHOT = TypeAdapter(Snapshot)


def dump(room: Room, lines: list[Line], stretches: dict[UUID, UUID], *, whole: bool) -> bytes:
    kept = [_kept(line, whole) for line in lines]
    return SNAPSHOT.dump_json(Snapshot(replace(room, chat=[]), kept, stretches))


def _kept(line: Line, whole: bool) -> KeptLine:
    if not whole:
        return KeptLine(line.id, line.ticket)
    tail = [(number, message) for number, _, message in line.tail]
    return KeptLine(line.id, line.ticket, True, line.seen, line.sent, tail)


def load(state: bytes) -> Snapshot:
    """Raises ValueError for what another version wrote."""
    return SNAPSHOT.validate_json(state)


def line_of(kept: KeptLine, ticks: float) -> Line:
    """A line without a socket yet."""
    line = Line(kept.id, kept.ticket, None, seen=kept.seen, sent=kept.sent, moved=not kept.whole)
    line.tail.extend((number, ticks, message) for number, message in kept.tail)
    return line
