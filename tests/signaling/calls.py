"""A visit on a real server, for tests of sockets and pages."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from signaling.transport import CallSocket
from telehealth.core import clock, ids
from telehealth.core.db import session_scope
from telehealth.scheduling.models import Appointment
from tests.factories import Province


async def make_visit_now(session: AsyncSession, province: Province, minutes: int = 0) -> Appointment:
    """An appointment of the province's patient with its specialist that begins now, or `minutes` from now."""
    start = clock.now() + timedelta(minutes=minutes)
    appointment = Appointment(
        practitioner_id=province.specialist.id,
        patient_id=province.patient.id,
        organisation_id=province.hospital.id,
        start_at=start,
        end_at=start + timedelta(minutes=20),
        zone="Asia/Ho_Chi_Minh",
        ics_uid=f"{ids.new_id()}@example.test",
    )
    session.add(appointment)
    await session.flush()
    return appointment


async def visit_now(engine: AsyncEngine, province: Province, minutes: int = 0) -> Appointment:
    async with session_scope(engine) as session:
        return await make_visit_now(session, province, minutes)


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The application on a free port of 127.0.0.1; its own lifespan is already running."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_level="warning", ws=CallSocket, ws_per_message_deflate=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


class Page:
    """What a page does on its socket, without a browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.sent = 0
        self.seen = 0
        self.line: str | None = None
        self.ticket = ""
        """For coming back, as the room gave it."""

    async def say(self, **message: Any) -> None:
        self.sent += 1
        await self.post(self.sent, message)

    async def post(self, number: int, message: dict[str, Any]) -> None:
        await self.socket.send(json.dumps({"number": number, "seen": self.seen, "message": message}))

    async def hear(self, kind: str, *, patience_s: float = 10, **facts: Any) -> dict[str, Any]:
        """The next message of a kind with these facts; others are passed over, pings answered."""
        async with asyncio.timeout(patience_s):
            while True:
                frame = json.loads(await self.socket.recv())
                self.seen = max(self.seen, frame["number"])
                message = frame["message"]
                if message["kind"] == "ping":
                    await self.pong()
                if message["kind"] == "welcome":
                    self.line, self.ticket = message["line"], message["ticket"]
                if message["kind"] == kind and facts.items() <= message.items():
                    return message

    async def pong(self) -> None:
        with suppress(ConnectionClosed):  # what came before the end is still to be read
            await self.post(0, {"kind": "pong"})

    async def settle(self) -> None:
        """What was said so far has arrived: the room's next ping has seen it."""
        async with asyncio.timeout(10):
            while True:
                frame = json.loads(await self.socket.recv())
                self.seen = max(self.seen, frame["number"])
                if frame["message"]["kind"] == "ping":
                    await self.pong()
                    if frame["seen"] >= self.sent:
                        return

    async def last_word(self) -> int:
        """The close code, heard by a page that answers pings until the end."""
        with suppress(ConnectionClosed):
            await self.hear("nothing of this kind", patience_s=90)
        return self.socket.close_code or 0

    async def close_code(self) -> int:
        async with asyncio.timeout(15):
            await self.socket.wait_closed()
        return self.socket.close_code or 0


@asynccontextmanager
async def page(host: str, ticket: str, origin: str | None = None, line: str | None = None, seen: int = 0) -> AsyncIterator[Page]:
    """A socket that has said hello."""
    async with connect(f"ws://{host}/ws/calls", origin=origin or f"http://{host}", max_queue=256) as socket:
        made = Page(socket)
        made.seen = seen
        await made.post(0, {"kind": "hello", "ticket": ticket, "line": line})
        yield made


async def ticket_of(client: Any, appointment_id: UUID) -> str:
    answer = await client.post(f"/api/v1/visits/{appointment_id}/join")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["ticket"])
