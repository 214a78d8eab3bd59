"""The door of calls: whose page it is, its first message, its ticket. What follows goes past it (`transport`)."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
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
from signaling.gate import Gate, Link, TryAgain
from signaling.hub import Hub
from signaling.shared_directory import SharedDirectory
from signaling.transport import EXTENSION, CallSocket, Wire
from telehealth.core import clock
from telehealth.core.settings import Settings

log = structlog.get_logger()

HELLO_S = 5.0


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


class Door:
    """One page's line to its room. No ticket in the address: it comes in the first message."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        app: FastAPI = scope["app"]
        if not _is_own_page(Headers(scope=scope), app.state.settings):
            await send({"type": "websocket.close", "code": int(Close.ORIGIN)})  # before the handshake's answer: HTTP 403
            return
        await send({"type": "websocket.accept"})
        socket: CallSocket = scope["extensions"][EXTENSION]
        try:
            link = await _enter(app.state.gate, receive, Wire(socket))
        except Refusal as refusal:
            log.info("call_socket_refused", close=refusal.code.value)
            socket.end(refusal.code)
        else:
            if link:
                socket.hand_over(link)


async def _enter(gate: Gate, receive: Receive, wire: Wire) -> Link | None:
    """None if the page has gone already. Raises Refusal."""
    try:
        text = _text(await asyncio.wait_for(receive(), HELLO_S))
        if text is None:
            return None
        frame = m.PageFrame.model_validate_json(text)
        if not isinstance(frame.message, m.Hello):
            raise Refusal(Close.MALFORMED)
        ticket = tickets.read(service.signing_key(), frame.message.ticket, clock.now())
        return await gate.enter(ticket, wire, frame.message, frame.seen)
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
