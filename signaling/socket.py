"""The call's WebSocket: frame to message to hub, hub to frame."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, FastAPI, WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from signaling import messages as m
from signaling import service, tickets
from signaling.close_codes import Close
from signaling.hub import Hub
from signaling.lines import Line
from telehealth.core import clock
from telehealth.core.settings import Settings

log = structlog.get_logger()
router = APIRouter()

HELLO_S = 5.0
BURST = 200
"""Frames that may come at once; ICE candidates come in bunches."""
FRAMES_PER_S = 50
UNSENT = 1024
"""Frames waiting for a slow reader before its socket is given up."""


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """The hub of this process, for as long as the application runs."""
    hub = app.state.hub = Hub(app.state.engine)
    work = [asyncio.create_task(hub.run()), asyncio.create_task(hub.journal.run())]
    try:
        yield
    finally:
        await hub.stop()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


class Outbox:
    """What waits to be sent on one socket, and at the end its close code."""

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self.waiting: asyncio.Queue[str | Close] = asyncio.Queue()
        self.closed = False

    def send(self, frame: str) -> None:
        if self.closed:
            return
        if self.waiting.qsize() >= UNSENT:
            self.close(Close.SILENT)
            return
        self.waiting.put_nowait(frame)

    def close(self, code: Close) -> None:
        if not self.closed:
            self.closed = True
            self.waiting.put_nowait(code)

    async def run(self) -> None:
        while True:
            item = await self.waiting.get()
            with suppress(WebSocketDisconnect, RuntimeError):  # the page was quicker
                if isinstance(item, Close):
                    await self.websocket.close(item)
                    return
                await self.websocket.send_text(item)


class Refusal(Exception):
    """The page broke the protocol; its socket is closed with this code."""

    def __init__(self, code: Close) -> None:
        super().__init__(code.name)
        self.code = code


class Meter:
    """A token bucket: BURST frames at once, FRAMES_PER_S in the long run."""

    def __init__(self) -> None:
        self.tokens = float(BURST)
        self.at = asyncio.get_running_loop().time()

    def count(self) -> None:
        now = asyncio.get_running_loop().time()
        self.tokens = min(BURST, self.tokens + (now - self.at) * FRAMES_PER_S) - 1
        self.at = now
        if self.tokens < 0:
            raise Refusal(Close.FLOOD)


@router.websocket("/ws/calls")
async def calls(websocket: WebSocket) -> None:
    """One page's line to its room. No ticket in the address: it comes in the first message."""
    if not _is_own_page(websocket):
        await websocket.close(Close.ORIGIN)  # before the handshake's answer: HTTP 403
        return
    await websocket.accept()
    outbox = Outbox(websocket)
    sender = asyncio.create_task(outbox.run())
    try:
        await _serve(websocket, outbox)
    except Refusal as refusal:
        log.info("call_socket_refused", close=refusal.code.value)
        outbox.close(refusal.code)
    except WebSocketDisconnect:
        outbox.close(Close.SILENT)
    finally:
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(sender), 2)
        sender.cancel()


async def _serve(websocket: WebSocket, outbox: Outbox) -> None:
    hub: Hub = websocket.app.state.hub
    line = await _enter(hub, websocket, outbox)
    meter = Meter()
    try:
        while True:
            frame = await _frame(websocket)
            meter.count()
            if isinstance(frame.message, m.Hello):
                raise Refusal(Close.MALFORMED)
            hub.hear(line, frame)
    finally:
        hub.gone(line, outbox)


async def _enter(hub: Hub, websocket: WebSocket, outbox: Outbox) -> Line:
    try:
        frame = await asyncio.wait_for(_frame(websocket), HELLO_S)
    except TimeoutError:
        raise Refusal(Close.SILENT) from None
    if not isinstance(frame.message, m.Hello):
        raise Refusal(Close.MALFORMED)
    try:
        ticket = tickets.read(service.signing_key(), frame.message.ticket, clock.now())
        return await hub.enter(ticket, outbox, frame.message, frame.seen)
    except tickets.BadTicket as error:
        log.info("call_ticket_refused", reason=str(error))
        raise Refusal(Close.TICKET) from None


async def _frame(websocket: WebSocket) -> m.PageFrame:
    received = await websocket.receive()
    if received["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(received.get("code", 1006))
    text = received.get("text")
    if text is None:
        raise Refusal(Close.MALFORMED)
    if len(text) > m.FRAME_BYTES:
        raise Refusal(Close.TOO_LARGE)
    try:
        return m.PageFrame.model_validate_json(text)
    except ValidationError:
        raise Refusal(Close.MALFORMED) from None


def _is_own_page(websocket: WebSocket) -> bool:
    """A page of ours: same host and port as asked for, and the scheme that people type (CSWSH)."""
    config: Settings = websocket.app.state.settings
    origin = urlsplit(websocket.headers.get("origin", ""))
    schemes = ("https",) if config.secure else ("http", "https")
    return origin.scheme in schemes and origin.netloc == websocket.headers.get("host")
