"""Every message on the wire: the protocol on one page.

A page opens `/ws/calls` and says `hello` with its ticket; a patient thereby knocks, the host is in at once. `welcome`
names the page's *line*: its address for others until the page is loaded anew. Each frame carries a number (0 for what
need not arrive: hello, welcome, ping, pong) and the highest number seen from the other side. After a lost socket the
page fetches a new ticket, says `hello` with its line, and both sides send again what was not seen: the seat, the line
and the order of messages survive. A page that was reloaded has no line: it gets a new one in the same seat, and the
other side builds its connection anew.

Who sends and in which room is filled in by the server; a page never says it. `room` is the whole truth after each
change, as far as the reader may see it. TypeScript types are made from here: `python -m signaling.typescript`.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

FRAME_BYTES = 64 * 1024
SDP_CHARACTERS = 48 * 1024
CHAT_CHARACTERS = 2000


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


# From a page


class Hello(Message):
    kind: Literal["hello"] = "hello"
    ticket: str = Field(max_length=2048)
    line: UUID | None = None
    """The line to take up again; None after a load."""


class Admit(Message):
    kind: Literal["admit"] = "admit"
    account: UUID


class Deny(Message):
    kind: Literal["deny"] = "deny"
    account: UUID


class Describe(Message):
    """An SDP offer or answer for one line; not delivered to a line that is gone."""

    kind: Literal["describe"] = "describe"
    to: UUID
    type: Literal["offer", "answer", "pranswer", "rollback"]
    sdp: str = Field(max_length=SDP_CHARACTERS)


class Candidate(Message):
    """An ICE candidate for one line; an empty one ends them."""

    kind: Literal["candidate"] = "candidate"
    to: UUID
    candidate: str = Field(max_length=4096)
    mid: str | None = Field(default=None, max_length=64)
    index: int | None = Field(default=None, ge=0, le=255)
    fragment: str | None = Field(default=None, max_length=256)


class Devices(Message):
    """What this person sends: the other page shows it."""

    kind: Literal["devices"] = "devices"
    microphone: bool
    camera: bool


class Media(Message):
    """Whether the browser holds a connection to the other person."""

    kind: Literal["media"] = "media"
    connected: bool


class Say(Message):
    kind: Literal["say"] = "say"
    text: str = Field(min_length=1, max_length=CHAT_CHARACTERS)


class Leave(Message):
    kind: Literal["leave"] = "leave"


class End(Message):
    """The host ends the visit for all."""

    kind: Literal["end"] = "end"


class Pong(Message):
    kind: Literal["pong"] = "pong"


FromPage = Annotated[
    Hello | Admit | Deny | Describe | Candidate | Devices | Media | Say | Leave | End | Pong, Field(discriminator="kind")
]

# From the room


class Line(Message):
    """One line of chat."""

    account: UUID
    name: str
    text: str
    at: datetime


class SeatFacts(Message):
    """line: where to send descriptions and candidates; changes when the person's page was loaded anew."""

    account: UUID
    name: str
    role: Literal["host", "patient", "guest"]
    line: UUID
    admitted: bool
    present: bool
    """False while the line is lost and the seat is kept."""
    microphone: bool
    camera: bool


class Welcome(Message):
    kind: Literal["welcome"] = "welcome"
    account: UUID
    role: Literal["host", "patient", "guest"]
    line: UUID
    resumed: bool
    """True: the line goes on, connections too. False: begin anew."""
    chat: list[Line]


class RoomFacts(Message):
    """seats: those whom the reader may see. place: in the waiting room, 1 is next; 0 once admitted."""

    kind: Literal["room"] = "room"
    admitted: bool
    place: int
    host_here: bool
    seats: list[SeatFacts]


class Described(Message):
    kind: Literal["described"] = "described"
    sender: UUID
    type: Literal["offer", "answer", "pranswer", "rollback"]
    sdp: str


class Candidated(Message):
    kind: Literal["candidated"] = "candidated"
    sender: UUID
    candidate: str
    mid: str | None
    index: int | None
    fragment: str | None


class Said(Message):
    kind: Literal["said"] = "said"
    line: Line


class Refused(Message):
    """The last request was not carried out; the call goes on."""

    kind: Literal["refused"] = "refused"
    reason: Literal["not_admitted", "not_host", "nobody_there", "full"]


class Goodbye(Message):
    """The last message: the socket closes after it."""

    kind: Literal["goodbye"] = "goodbye"
    reason: Literal["ended", "denied", "hung_up", "replaced"]


class Ping(Message):
    kind: Literal["ping"] = "ping"


FromRoom = Annotated[Welcome | RoomFacts | Described | Candidated | Said | Refused | Goodbye | Ping, Field(discriminator="kind")]


class PageFrame(Message):
    """number counts a line's messages from 1; seen is the highest number that came from the room."""

    number: int = Field(ge=0)
    seen: int = Field(ge=0)
    message: FromPage


class RoomFrame(Message):
    number: int
    seen: int
    message: FromRoom
