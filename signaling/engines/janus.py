"""A group's media through one Janus server: the VideoRoom plugin, one sending and one receiving connection a page.

Source: Janus 1.1 documentation, "VideoRoom" (multistream). Feeds, rooms and their secrets are made up here and known to
nobody else; pages speak to the room only.
"""

import asyncio
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from signaling import messages as m
from signaling.engines.engine import EngineRefused, Load, Offer
from signaling.engines.janus_wire import Answer, Wire

PUBLISHERS = 20
FEED_BITS = 52
"""Janus' ids are JSON numbers: up to 2^53."""
NOT_YET = "428"
"""No such feed: Janus says so until its DTLS with the publisher is done."""
TRIES, AGAIN_S = 60, 0.05

Key = tuple[UUID, m.Source]
Up = Callable[[UUID, UUID, list[m.Source]], None]


@dataclass
class Publisher:
    """connection: the session id of the page's SDP, constant for the life of its connection (RFC 8829, 5.2.1)."""

    handle: int
    feed: int
    connection: str
    sources: dict[str, m.Source]
    up: bool = False


@dataclass
class Subscription:
    """streams: by m-line, as last offered. wanted: what the page asked for last. offered: an answer is awaited."""

    handle: int
    joined: bool = False
    offered: bool = False
    streams: dict[str, Key] = field(default_factory=dict)
    wanted: list[Key] = field(default_factory=list)


@dataclass
class Conference:
    number: int
    pin: str
    secret: str
    handle: int
    publishers: dict[UUID, Publisher] = field(default_factory=dict)
    subscriptions: dict[UUID, Subscription] = field(default_factory=dict)


class Janus:
    """up: a line's streams can be subscribed to from now on (or are gone, with an empty list)."""

    path: m.MediaPath = "engine"

    def __init__(self, url: str, secret: str, up: Up, lost: Callable[[], None]) -> None:
        self.wire = Wire(url, secret, self._heard, lost)
        self.rooms: dict[UUID, Conference] = {}
        self._up = up

    # Rooms

    async def open(self, room: UUID) -> None:
        if room in self.rooms:
            return
        conference = Conference(secrets.randbits(FEED_BITS), secrets.token_hex(8), secrets.token_hex(8), await self.wire.attach())
        await self.wire.ask(conference.handle, _creation(conference))
        self.rooms[room] = conference

    async def close(self, room: UUID) -> None:
        conference = self.rooms.pop(room, None)
        if conference is None or not self.wire.open:
            return
        for line in {*conference.publishers, *conference.subscriptions}:
            await self._leave(conference, line)
        body = {"request": "destroy", "room": conference.number, "secret": conference.secret}
        await self.wire.ask(conference.handle, body)
        await self.wire.detach(conference.handle)

    async def leave(self, room: UUID, line: UUID) -> None:
        if conference := self.rooms.get(room):
            await self._leave(conference, line)

    async def _leave(self, conference: Conference, line: UUID) -> None:
        for gone in (conference.publishers.pop(line, None), conference.subscriptions.pop(line, None)):
            if gone:
                await self.wire.detach(gone.handle)

    # Sending

    async def publish(self, room: UUID, line: UUID, sdp: str, streams: Sequence[m.Stream]) -> str | None:
        conference = self._conference(room)
        sources = {stream.mid: stream.source for stream in streams}
        publisher = conference.publishers.get(line)
        if publisher and publisher.connection == connection_of(sdp):
            publisher.sources = sources
            return await self._configure(publisher, sdp)
        await self._leave(conference, line)
        handle = await self.wire.attach()
        publisher = Publisher(handle, secrets.randbits(FEED_BITS), connection_of(sdp), sources)
        conference.publishers[line] = publisher
        body = {
            "request": "joinandconfigure",
            "ptype": "publisher",
            "room": conference.number,
            "pin": conference.pin,
            "id": publisher.feed,
        }
        return _sdp((await self.wire.ask(handle, body, _jsep("offer", sdp)))[1])

    async def _configure(self, publisher: Publisher, sdp: str) -> str:
        """The same connection, changed: another track, or a new path to it."""
        answer = _sdp((await self.wire.ask(publisher.handle, {"request": "configure"}, _jsep("offer", sdp)))[1])
        if publisher.up:
            self._tell_up(publisher)
        return answer

    # Receiving

    async def subscribe(self, room: UUID, line: UUID, wanted: Sequence[m.Wanted]) -> Offer | None:
        conference = self._conference(room)
        subscription = conference.subscriptions.get(line)
        if subscription is None:
            if not wanted:
                return None
            subscription = conference.subscriptions[line] = Subscription(await self.wire.attach())
        keys = [(one.line, one.source) for one in wanted]
        again = keys == subscription.wanted and subscription.joined
        subscription.wanted = keys
        if subscription.offered:
            return None
        return await self._restart(conference, subscription) if again else await self._bring_up(conference, subscription)

    async def accept(self, room: UUID, line: UUID, sdp: str) -> Offer | None:
        conference = self._conference(room)
        subscription = conference.subscriptions.get(line)
        if subscription is None or not subscription.offered:
            return None
        await self.wire.ask(subscription.handle, {"request": "start"}, _jsep("answer", sdp))
        subscription.offered = False
        return await self._bring_up(conference, subscription)

    async def _bring_up(self, conference: Conference, subscription: Subscription) -> Offer | None:
        """From what is received to what is wanted and exists; None if that is the same."""
        available = self._available(conference)
        keys = [key for key in subscription.wanted if key in available]
        missing = [available[key] for key in keys if key not in subscription.streams.values()]
        unwanted = [{"sub_mid": mid} for mid, key in subscription.streams.items() if key not in keys]
        if not missing and not unwanted:
            return None
        if not subscription.joined:
            body: Answer = {
                "request": "join",
                "ptype": "subscriber",
                "room": conference.number,
                "pin": conference.pin,
                "autoupdate": False,
                "streams": missing,
            }
        else:
            body = {"request": "update"}
            body |= {"subscribe": missing} if missing else {}
            body |= {"unsubscribe": unwanted} if unwanted else {}
        return await self._offer(conference, subscription, body)

    async def _restart(self, conference: Conference, subscription: Subscription) -> Offer | None:
        """The page asks for the same once more: its path is gone."""
        return await self._offer(conference, subscription, {"request": "configure", "restart": True})

    async def _offer(self, conference: Conference, subscription: Subscription, body: Answer) -> Offer | None:
        data, jsep = await self._ask_patiently(subscription.handle, body)
        subscription.joined = True
        if jsep is None:
            return None
        subscription.offered = True
        if "streams" in data:
            subscription.streams = _received(conference, data["streams"])
        streams = [m.Received(mid=mid, line=line, source=source) for mid, (line, source) in subscription.streams.items()]
        return Offer(_sdp(jsep), streams)

    async def _ask_patiently(self, handle: int, body: Answer) -> tuple[Answer, Answer | None]:
        for _ in range(TRIES):
            try:
                return await self.wire.ask(handle, body)
            except EngineRefused as error:
                if not str(error).startswith(NOT_YET):
                    raise
            await asyncio.sleep(AGAIN_S)
        raise EngineRefused(NOT_YET)

    def _available(self, conference: Conference) -> dict[Key, Answer]:
        return {
            (line, source): {"feed": publisher.feed, "mid": mid}
            for line, publisher in conference.publishers.items()
            if publisher.up
            for mid, source in publisher.sources.items()
        }

    async def choose(self, room: UUID, line: UUID, layers: Sequence[m.Layer]) -> None:
        """Janus chooses no layer by itself: whoever looks at the picture does."""
        subscription = self._conference(room).subscriptions.get(line)
        if subscription is None:
            return
        known = [layer for layer in layers if layer.mid in subscription.streams]
        if known:
            await self.wire.ask(subscription.handle, {"request": "configure", "streams": [_layer(one) for one in known]})

    async def trickle(self, room: UUID, line: UUID, candidate: m.Trickle) -> None:
        conference = self._conference(room)
        group = conference.publishers if candidate.connection == "publish" else conference.subscriptions
        connection: Publisher | Subscription | None = group.get(line)
        if connection:
            await self.wire.trickle(connection.handle, _candidate(candidate))

    def statistics(self) -> Load:
        rooms = self.rooms.values()
        return Load(len(rooms), sum(len(r.publishers) for r in rooms), sum(len(r.subscriptions) for r in rooms))

    # Events

    def _heard(self, handle: int, message: Answer) -> None:
        for room, conference in self.rooms.items():
            for line, publisher in conference.publishers.items():
                if publisher.handle == handle and message["janus"] == "webrtcup":
                    publisher.up = True
                    self._up(room, line, list(publisher.sources.values()))

    def _tell_up(self, publisher: Publisher) -> None:
        for room, conference in self.rooms.items():
            for line, known in conference.publishers.items():
                if known is publisher:
                    self._up(room, line, list(publisher.sources.values()))

    def _conference(self, room: UUID) -> Conference:
        if room not in self.rooms:
            raise EngineRefused("the room is not open")
        return self.rooms[room]


def connection_of(sdp: str) -> str:
    """The session id of the origin line: `o=<user> <session id> <version> …` (RFC 8866, 5.2)."""
    found = re.search(r"^o=\S+ (\S+)", sdp, re.MULTILINE)
    return found.group(1) if found else ""


def _creation(conference: Conference) -> Answer:
    return {
        "request": "create",
        "room": conference.number,
        "pin": conference.pin,
        "secret": conference.secret,
        "is_private": True,
        "permanent": False,
        "publishers": PUBLISHERS,
        "bitrate": 0,
        "audiocodec": "opus",
        "videocodec": "vp8,h264",  # iPhones before 2021 send H.264 only
        "notify_joining": False,
        "require_pvtid": False,
    }


def _jsep(kind: str, sdp: str) -> Answer:
    return {"type": kind, "sdp": sdp}


def _sdp(jsep: Answer | None) -> str:
    if jsep is None:
        raise EngineRefused("no description in the answer")
    return str(jsep["sdp"])


def _received(conference: Conference, streams: Sequence[Answer]) -> dict[str, Key]:
    """By m-line. Janus gives every track the same id, so only the m-line tells them apart."""
    feeds = {publisher.feed: (line, publisher) for line, publisher in conference.publishers.items()}
    found: dict[str, Key] = {}
    for stream in streams:
        line, publisher = feeds.get(stream.get("feed_id", 0), (None, None))
        source = publisher.sources.get(str(stream.get("feed_mid", ""))) if publisher else None
        if stream.get("active") and line and source:
            found[str(stream["mid"])] = (line, source)
    return found


def _layer(layer: m.Layer) -> dict[str, Any]:
    if layer.layer is None:
        return {"mid": layer.mid, "send": False}
    return {"mid": layer.mid, "send": True, "substream": layer.layer}


def _candidate(candidate: m.Trickle) -> Answer:
    if candidate.candidate is None:
        return {"completed": True}
    return {"candidate": candidate.candidate, "sdpMid": candidate.mid, "sdpMLineIndex": candidate.index}
