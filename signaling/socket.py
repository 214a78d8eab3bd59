"""The call's WebSocket: who may open it, how much it may send, and its frames to the gate and back. Pure ASGI.

No framework stands between the frame and the room: at a thousand messages a second it would cost as much as the work.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, FastAPI
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from signaling import messages as m
from signaling import service, tickets
from signaling.close_codes import Close
from signaling.directory import Alone
from signaling.engines.switchboard import Switchboard
from signaling.gate import Gate, Link, Malformed, TryAgain
from signaling.hub import Hub
from signaling.shared_directory import SharedDirectory
from telehealth.core import clock
from telehealth.core.settings import Settings

log = structlog.get_logger()

HELLO_S = 5.0
BURST = 200
"""Frames that may come at once; ICE candidates come in bunches."""
FRAMES_PER_S = 50
UNSENT = 1024
"""Frames waiting for a slow reader before its socket is given up."""


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """The rooms of this process, for as long as the application runs."""
    config: Settings = app.state.settings
    directory = SharedDirectory(config.calls_directory) if config.calls_directory else Alone()
    hub = app.state.hub = Hub(app.state.engine, directory)
    hub.media = switchboard = Switchboard(hub, config.janus.urls, config.janus.secret.get_secret_value())
    switchboard.start()
    gate = app.state.gate = Gate(hub, directory)
    await directory.start(gate.opened, gate.broken)
    work = [asyncio.create_task(part()) for part in (hub.run, hub.journal.run, gate.watch)]
    try:
        yield
    finally:
        await gate.drain()
        await switchboard.stop()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await directory.stop()


class Refusal(Exception):
    """The page broke the protocol; its socket is closed with this code."""

    def __init__(self, code: Close) -> None:
        super().__init__(code.name)
        self.code = code


class Outbox:
    """What waits to be sent on one socket, and at the end its close code."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.waiting: list[str] = []
        self.code: Close | None = None
        self._asleep: asyncio.Future[None] | None = None

    def send(self, frame: str) -> None:
        if self.code is None:
            self.waiting.append(frame)
            if len(self.waiting) > UNSENT:
                self.waiting.clear()
                self.close(Close.SILENT)
            self._wake()

    def close(self, code: Close) -> None:
        if self.code is None:
            self.code = code
            self._wake()

    def _wake(self) -> None:
        if self._asleep and not self._asleep.done():
            self._asleep.set_result(None)

    async def run(self) -> None:
        """Until the close code is sent, or the page was quicker."""
        loop = asyncio.get_running_loop()
        with suppress(OSError, RuntimeError):
            while True:
                batch, self.waiting = self.waiting, []
                for frame in batch:
                    await self._send({"type": "websocket.send", "text": frame})
                if self.waiting:
                    continue
                if self.code:
                    return await self._send({"type": "websocket.close", "code": int(self.code)})
                self._asleep = loop.create_future()
                await self._asleep


class Meter:
    """A token bucket: BURST frames at once, FRAMES_PER_S in the long run."""

    __slots__ = ("at", "tokens")

    def __init__(self, now: float) -> None:
        self.tokens, self.at = float(BURST), now

    def count(self, now: float) -> None:
        self.tokens = min(BURST, self.tokens + (now - self.at) * FRAMES_PER_S) - 1
        self.at = now
        if self.tokens < 0:
            raise Refusal(Close.FLOOD)


class Door:
    """One page's line to its room. No ticket in the address: it comes in the first message."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        app: FastAPI = scope["app"]
        if not _is_own_page(Headers(scope=scope), app.state.settings):
            await send({"type": "websocket.close", "code": int(Close.ORIGIN)})  # before the handshake's answer: HTTP 403
            return
        await send({"type": "websocket.accept"})
        outbox = Outbox(send)
        sender = asyncio.create_task(outbox.run())
        try:
            await _serve(app.state.gate, receive, outbox)
        except Refusal as refusal:
            log.info("call_socket_refused", close=refusal.code.value)
            outbox.close(refusal.code)
        finally:
            outbox.close(Close.SILENT)
            with suppress(TimeoutError):
                await asyncio.wait_for(sender, 2)


async def _serve(gate: Gate, receive: Receive, outbox: Outbox) -> None:
    """Until the page goes. Raises Refusal."""
    link = await _enter(gate, receive, outbox)
    if link is None:
        return
    clock_of = asyncio.get_running_loop().time
    meter = Meter(clock_of())
    try:
        while (text := _text(await receive())) is not None:
            meter.count(clock_of())
            link.hear(text)
    except Malformed:
        raise Refusal(Close.MALFORMED) from None
    finally:
        link.gone()


async def _enter(gate: Gate, receive: Receive, outbox: Outbox) -> Link | None:
    """None if the page has gone already. Raises Refusal."""
    try:
        text = _text(await asyncio.wait_for(receive(), HELLO_S))
        if text is None:
            return None
        frame = m.PageFrame.model_validate_json(text)
        if not isinstance(frame.message, m.Hello):
            raise Refusal(Close.MALFORMED)
        ticket = tickets.read(service.signing_key(), frame.message.ticket, clock.now())
        return await gate.enter(ticket, outbox, frame.message, frame.seen)
    except TimeoutError:
        raise Refusal(Close.SILENT) from None
    except ValidationError:
        raise Refusal(Close.MALFORMED) from None
    except TryAgain:
        raise Refusal(Close.RESTART) from None
    except tickets.BadTicket as error:
        log.info("call_ticket_refused", reason=str(error))
        raise Refusal(Close.TICKET) from None


def _text(event: Mapping[str, Any]) -> str | None:
    """A frame's text; None when the socket has closed. Raises Refusal."""
    if event["type"] == "websocket.disconnect":
        return None
    text: str | None = event.get("text")
    if text is None:
        raise Refusal(Close.MALFORMED)
    if len(text) > m.FRAME_BYTES:
        raise Refusal(Close.TOO_LARGE)
    return text


def _is_own_page(headers: Headers, config: Settings) -> bool:
    """A page of ours: same host and port as asked for, and the scheme that people type (CSWSH)."""
    origin = urlsplit(headers.get("origin", ""))
    schemes = ("https",) if config.secure else ("http", "https")
    return origin.scheme in schemes and origin.netloc == headers.get("host")


router = APIRouter(routes=[WebSocketRoute("/ws/calls", Door())])
