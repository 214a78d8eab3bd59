"""What a room asks of the world around it. The hub carries these out, in order."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from signaling import messages as m

Because = Literal["hung_up", "lost", "ended", "replaced", "denied", "removed", "admitted", "handed_over"]


@dataclass(frozen=True, slots=True)
class Tell:
    """Send a message to a line."""

    line: UUID
    message: m.FromRoom


@dataclass(frozen=True, slots=True)
class Dismiss:
    """Say goodbye to a line and close its socket."""

    line: UUID
    reason: m.Farewell


@dataclass(frozen=True, slots=True)
class Began:
    """A stretch of presence begins, in the waiting room or inside."""

    account: UUID
    role: m.Role
    admitted: bool


@dataclass(frozen=True, slots=True)
class Stopped:
    account: UUID
    because: Because


@dataclass(frozen=True, slots=True)
class MediaConnected:
    account: UUID


@dataclass(frozen=True, slots=True)
class Spoken:
    """A line of chat to be kept."""

    line: m.Line


@dataclass(frozen=True, slots=True)
class ForEngine:
    """Pass on to the group engine, for a line that is inside."""

    line: UUID
    message: m.ToEngine


@dataclass(frozen=True, slots=True)
class Unplugged:
    """A line that was inside is nobody's any more: the engine lets its connections go."""

    line: UUID


@dataclass(frozen=True, slots=True)
class Closed:
    """The room is over for good."""


Effect = Tell | Dismiss | Began | Stopped | MediaConnected | Spoken | ForEngine | Unplugged | Closed
