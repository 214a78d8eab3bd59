"""Every message on the wire: the protocol on one page.

A page opens `/ws/calls` and says `hello` with its ticket; a patient thereby knocks, the host is in at once. `welcome`
names the page's *line*: its address for others until the page is loaded anew. Each frame carries a number (0 for what
need not arrive: hello, welcome, ping, pong) and the highest number seen from the other side. After a lost socket the
page says `hello` with its line and the ticket it was last given (`welcome`, `renewed`), and both sides send again what
was not seen: the seat, the line and the order of messages survive. A page that was reloaded has no line: it gets a new
one in the same seat, and the other side builds its connection anew.

Who sends and in which room is filled in by the server; a page never says it. `room` is the whole truth after each
change, as far as the reader may see it. Media go by `room.media`: "peer" is a mesh of pages (`describe`, `candidate` to
each other's line), "engine" is the group engine (`publish`, `subscribe`, `accept`, `layers`, `trickle`), anew whenever
`room.epoch` rises. TypeScript types are made from here: `python -m signaling.typescript`.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

FRAME_BYTES = 64 * 1024
SDP_CHARACTERS = 48 * 1024
CHAT_CHARACTERS = 2000
STREAMS = 64
"""In one subscription: eight people with sound, picture and screen fit twice."""

Role = Literal["host", "colleague", "patient", "relative", "interpreter", "guest"]
"""host leads the visit; a colleague may take it over. The last three came by a one-time link."""
Source = Literal["microphone", "camera", "screen"]
SdpType = Literal["offer", "answer", "pranswer", "rollback"]
MediaPath = Literal["peer", "engine"]
Connection = Literal["publish", "subscribe"]
Reason = Literal["not_admitted", "not_host", "nobody_there", "full", "screen_taken", "no_engine", "engine_busy"]
Farewell = Literal["ended", "denied", "hung_up", "replaced", "removed", "locked"]

Sdp = Annotated[str, Field(max_length=SDP_CHARACTERS)]


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Stream(Message):
    """One track that a page sends to the engine, named by its m-line in the page's offer."""

    mid: str = Field(max_length=64)
    source: Source


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


class Remove(Message):
    """The host sends somebody out; they may knock again."""

    kind: Literal["remove"] = "remove"
    account: UUID


class AskMute(Message):
    """The host asks somebody to switch the microphone off: their page does it and says so."""

    kind: Literal["ask_mute"] = "ask_mute"
    account: UUID


class Lock(Message):
    """The host lets nobody new knock. The patient and who has a seat always come in."""

    kind: Literal["lock"] = "lock"
    locked: bool


class Note(Message):
    """Between the waiting room and the host: from the host to one person, from who waits to the hosts (to: None)."""

    kind: Literal["note"] = "note"
    to: UUID | None
    text: str = Field(min_length=1, max_length=CHAT_CHARACTERS)


class Describe(Message):
    """An SDP offer or answer for one line; not delivered to a line that is gone."""

    kind: Literal["describe"] = "describe"
    to: UUID
    type: SdpType
    sdp: Sdp


class Candidate(Message):
    """An ICE candidate for one line; an empty one ends them."""

    kind: Literal["candidate"] = "candidate"
    to: UUID
    candidate: str = Field(max_length=4096)
    mid: str | None = Field(default=None, max_length=64)
    index: int | None = Field(default=None, ge=0, le=255)
    fragment: str | None = Field(default=None, max_length=256)


class Publish(Message):
    """The offer of what this page sends to the engine; `published` answers. A new one replaces the old."""

    kind: Literal["publish"] = "publish"
    sdp: Sdp
    streams: list[Stream] = Field(max_length=8)


class Wanted(Message):
    """One stream of somebody's line."""

    line: UUID
    source: Source


class Subscribe(Message):
    """Everything this page wants to receive, not a change of it; `offered` answers."""

    kind: Literal["subscribe"] = "subscribe"
    streams: list[Wanted] = Field(max_length=STREAMS)


class Accept(Message):
    """The answer to `offered`."""

    kind: Literal["accept"] = "accept"
    sdp: Sdp


class Layer(Message):
    """layer: of the simulcast, 0 is the smallest; None pauses the stream."""

    mid: str = Field(max_length=64)
    layer: int | None = Field(ge=0, le=2)


class Layers(Message):
    """Which layers of the subscribed streams to send; what is not named stays."""

    kind: Literal["layers"] = "layers"
    layers: list[Layer] = Field(max_length=STREAMS)


class Trickle(Message):
    """An ICE candidate for the engine; None ends them."""

    kind: Literal["trickle"] = "trickle"
    connection: Connection
    candidate: str | None = Field(max_length=4096)
    mid: str | None = Field(default=None, max_length=64)
    index: int | None = Field(default=None, ge=0, le=255)


class Devices(Message):
    """What this person sends: the other pages show it."""

    kind: Literal["devices"] = "devices"
    microphone: bool
    camera: bool


class Hand(Message):
    kind: Literal["hand"] = "hand"
    raised: bool


class Screen(Message):
    """This page shares its screen, as one layer. One person at a time: `refused` with screen_taken."""

    kind: Literal["screen"] = "screen"
    on: bool


class MediaState(Message):
    """Whether the browser holds a connection to the others, and what still fits through it."""

    kind: Literal["media"] = "media"
    connected: bool
    mode: Literal["video", "audio"] = "video"


class Phone(Message):
    """The host goes on by telephone: the visit stays one visit."""

    kind: Literal["phone"] = "phone"
    on: bool


class Say(Message):
    kind: Literal["say"] = "say"
    text: str = Field(min_length=1, max_length=CHAT_CHARACTERS)


class ShareFile(Message):
    """A file that is already in the record: readers open it there, with their own rights."""

    kind: Literal["share_file"] = "share_file"
    document: UUID
    name: str = Field(min_length=1, max_length=200)


class Leave(Message):
    kind: Literal["leave"] = "leave"


class End(Message):
    """The host ends the visit for all."""

    kind: Literal["end"] = "end"


class Pong(Message):
    kind: Literal["pong"] = "pong"


ToEngine = Publish | Subscribe | Accept | Layers | Trickle
"""Passed on to the group engine, for whoever is inside."""

FromPage = Annotated[
    Hello
    | Admit
    | Deny
    | Remove
    | AskMute
    | Lock
    | Note
    | Describe
    | Candidate
    | Publish
    | Subscribe
    | Accept
    | Layers
    | Trickle
    | Devices
    | Hand
    | Screen
    | MediaState
    | Phone
    | Say
    | ShareFile
    | Leave
    | End
    | Pong,
    Field(discriminator="kind"),
]

# From the room


class Line(Message):
    """One line of chat. document: the file it announces."""

    id: UUID
    account: UUID
    name: str
    text: str
    at: datetime
    document: UUID | None = None


class SeatFacts(Message):
    """line: where to send descriptions and candidates; changes when the person's page was loaded anew."""

    account: UUID
    """Who: the account, or for somebody who came by a link the invitation."""
    name: str
    role: Role
    line: UUID
    admitted: bool
    present: bool
    """False while the line is lost and the seat is kept."""
    microphone: bool
    camera: bool
    screen: bool
    hand_at: datetime | None
    """Since when the hand is raised."""
    mode: Literal["video", "audio"]
    """To being recorded; None: not answered."""
    streams: list[Source]
    """What the engine has of this line."""


class Welcome(Message):
    kind: Literal["welcome"] = "welcome"
    account: UUID
    role: Role
    line: UUID
    resumed: bool
    """True: the line goes on, connections too. False: begin anew."""
    ticket: str
    """For the next hello, if this socket is lost."""
    chat: list[Line]
    """Whole for who is inside; a page that has them already knows them by id."""


class Renewed(Message):
    """A younger ticket for the next hello."""

    kind: Literal["renewed"] = "renewed"
    ticket: str


class RoomFacts(Message):
    """seats: those whom the reader may see. place: in the waiting room, 1 is next; 0 once admitted."""

    kind: Literal["room"] = "room"
    admitted: bool
    place: int
    expected_at: datetime | None
    """About when the reader's turn comes; an instant, so that it does not jump at a reload."""
    host_here: bool
    full: bool
    """Nobody more can be let in for now."""
    locked: bool
    emergency: bool
    """The host has called 115."""
    phone: bool
    media: MediaPath
    epoch: int
    """Rises when the engine's connections must be built anew."""
    seats: list[SeatFacts]


class Described(Message):
    kind: Literal["described"] = "described"
    sender: UUID
    type: SdpType
    sdp: str


class Candidated(Message):
    kind: Literal["candidated"] = "candidated"
    sender: UUID
    candidate: str
    mid: str | None
    index: int | None
    fragment: str | None


class Published(Message):
    """The engine's answer to `publish`."""

    kind: Literal["published"] = "published"
    sdp: str


class Received(Message):
    """What arrives on an m-line of the subscription. Key by mid: engines give every track the same id."""

    mid: str
    line: UUID
    source: Source


class Offered(Message):
    """The engine's offer for what was wanted and exists; `accept` answers. Also unasked, when somebody's streams change."""

    kind: Literal["offered"] = "offered"
    sdp: str
    streams: list[Received]


class Trickled(Message):
    kind: Literal["trickled"] = "trickled"
    connection: Connection
    candidate: str | None
    mid: str | None
    index: int | None


class Said(Message):
    kind: Literal["said"] = "said"
    line: Line


class Noted(Message):
    """A note between the waiting room and the host; not part of the chat. to: None means the hosts."""

    kind: Literal["noted"] = "noted"
    to: UUID | None
    line: Line


class AskedMute(Message):
    kind: Literal["asked_mute"] = "asked_mute"


class Refused(Message):
    """The last request was not carried out; the call goes on."""

    kind: Literal["refused"] = "refused"
    reason: Reason


class Goodbye(Message):
    """The last message: the socket closes after it."""

    kind: Literal["goodbye"] = "goodbye"
    reason: Farewell


class Ping(Message):
    """The next one follows in every_ms; two and a half times as long without one means a dead socket, on both sides."""

    kind: Literal["ping"] = "ping"
    every_ms: int


FromRoom = Annotated[
    Welcome
    | Renewed
    | RoomFacts
    | Described
    | Candidated
    | Published
    | Offered
    | Trickled
    | Said
    | Noted
    | AskedMute
    | Refused
    | Goodbye
    | Ping,
    Field(discriminator="kind"),
]


class PageFrame(Message):
    """number counts a line's messages from 1; seen is the highest number that came from the room."""

    number: int = Field(ge=0)
    seen: int = Field(ge=0)
    message: FromPage


class RoomFrame(Message):
    number: int
    seen: int
    message: FromRoom
