"""One association (PS3.8): messages in and out, within limits of size and patience. Accepting and asking sides alike."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

from imaging.dimse import command as commands
from imaging.dimse import pdu
from imaging.dimse.command import RESPONSE, Command, Element, Field
from imaging.dimse.pdu import AbortReason, Broken, Kind, Value

STALL_S = 60.0
"""A PDU that takes longer is an attack or a dead line: 4 kB/s at least."""
IDLE_S = 300.0
"""Silence between two messages."""
FAREWELL_S = 5.0
T = TypeVar("T")


class Ended(Exception):
    """The peer released, aborted or vanished: nobody waits for an answer."""


@dataclass(frozen=True)
class Context:
    """An accepted presentation context. we_serve: the peer may ask; we_ask: we may (C-GET's sub-operations)."""

    id: int
    abstract: str
    syntax: str
    we_serve: bool = True
    we_ask: bool = False


@dataclass
class Message:
    """A command, and the data set behind it, which is read as it arrives."""

    context: Context
    command: Command
    association: "Association"
    is_open: bool = field(init=False)
    """Data are still to be read from the line."""

    def __post_init__(self) -> None:
        self.is_open = self.command.get(Element.DATA_SET, commands.NO_DATA_SET) != commands.NO_DATA_SET

    @property
    def field(self) -> int:
        return commands.number(self.command, Element.FIELD)

    @property
    def id(self) -> int:
        return commands.number(self.command, Element.MESSAGE_ID)

    async def fragments(self) -> AsyncIterator[bytes | memoryview]:
        """The data set in the pieces in which it comes. Raises Ended, Broken."""
        while self.is_open:
            value = await self.association.value(STALL_S)
            if value.is_command or value.context != self.context.id:
                raise Broken(AbortReason.UNEXPECTED_PDU)
            self.is_open = not value.is_last
            yield value.data

    async def data(self, longest: int) -> bytes:
        """The whole data set. Raises Broken beyond `longest`."""
        whole = bytearray()
        async for piece in self.fragments():
            whole += piece
            if len(whole) > longest:
                raise Broken()
        return bytes(whole)

    async def drain(self, most: int) -> None:
        """Pass over what nobody wants. Raises Broken beyond `most`."""
        async for piece in self.fragments():
            most -= len(piece)
            if most < 0:
                raise Broken()


class Association:
    """Both ends of the talk. Not safe for two tasks at a time, which DIMSE's one operation at a time does not need."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.contexts: dict[int, Context] = {}
        self.largest = pdu.LARGEST
        """Of a PDU that the peer takes."""
        self._values: deque[Value] = deque()
        self._early: asyncio.Task[tuple[Kind, bytes]] | None = None
        self._waiting: deque[Message] = deque()
        self._message_id = 0

    # --- in

    async def pdu(self, patience_s: float) -> tuple[Kind, bytes]:
        """Raises Ended where the line is cut or stands still."""
        reading: Awaitable[tuple[Kind, bytes]] = self._early or pdu.read(self.reader)
        self._early = None
        try:
            async with asyncio.timeout(patience_s):
                return await reading
        except (asyncio.IncompleteReadError, OSError, TimeoutError) as error:
            raise Ended(type(error).__name__) from None

    async def value(self, patience_s: float) -> Value:
        """The next presentation data value. Raises Ended at a release, which is answered here, or an abort."""
        while not self._values:
            kind, body = await self.pdu(patience_s)
            if kind is Kind.RELEASE_RQ:
                await self.write(pdu.RELEASE_RP)
            if kind in (Kind.RELEASE_RQ, Kind.RELEASE_RP, Kind.ABORT):
                raise Ended(kind.name)
            if kind is not Kind.DATA:
                raise Broken(AbortReason.UNEXPECTED_PDU)
            self._values.extend(pdu.values(body))
        return self._values.popleft()

    async def receive(self, patience_s: float = IDLE_S) -> Message:
        """The next message, its data set still on the line. Raises Ended, Broken."""
        if self._waiting:
            return self._waiting.popleft()
        whole = bytearray()
        first = None
        while True:
            value = await self.value(STALL_S if first else patience_s)
            first = first or value
            whole += value.data
            if not value.is_command or value.context != first.context or len(whole) > commands.LONGEST:
                raise Broken(AbortReason.UNEXPECTED_PDU)
            if value.is_last:
                break
        context = self.contexts.get(first.context)
        if context is None:
            raise Broken()
        return Message(context, commands.decode(whole), self)

    async def cancelled(self, message_id: int) -> bool:
        """Whether a C-CANCEL for this operation lies on the line. Does not wait. Raises Ended, Broken."""
        if not self._values and not self._waiting:
            self._early = self._early or asyncio.create_task(pdu.read(self.reader))
            await asyncio.sleep(0)
            if not self._early.done():
                return False
        message = await self.receive(STALL_S)
        if message.field == Field.C_CANCEL:
            return message.command.get(Element.RESPONDS_TO) == message_id
        self._waiting.append(message)
        return False

    # --- out

    async def write(self, data: bytes) -> None:
        """Raises Ended where the peer does not take it."""
        try:
            self.writer.write(data)
            async with asyncio.timeout(STALL_S):
                await self.writer.drain()
        except (OSError, TimeoutError) as error:
            raise Ended(type(error).__name__) from None

    async def send(self, context: Context, command: Command, data: bytes | AsyncIterator[bytes] | None = None) -> None:
        command[Element.DATA_SET] = commands.NO_DATA_SET if data is None else commands.WITH_DATA_SET
        head = b"".join(pdu.pieces(context.id, commands.encode(command), self.largest, command=True))
        if data is None or isinstance(data, bytes):
            body = b"" if data is None else b"".join(pdu.pieces(context.id, data, self.largest))
            await self.write(head + body)
            return
        await self.write(head)
        async for piece, more in _with_end(data):
            for part in pdu.pieces(context.id, piece, self.largest, more=more):
                await self.write(part)

    async def answer(
        self, message: Message, status: int, data: bytes | None = None, counts: Mapping[Element, int] | None = None
    ) -> None:
        """A response to `message`. counts: of sub-operations."""
        asked = message.command
        command: Command = {
            Element.FIELD: message.field | RESPONSE,
            Element.RESPONDS_TO: message.id,
            Element.STATUS: status,
            **(counts or {}),
        }
        for ours, theirs in (
            (Element.AFFECTED_SOP_CLASS, Element.REQUESTED_SOP_CLASS),
            (Element.AFFECTED_INSTANCE, Element.REQUESTED_INSTANCE),
        ):
            if uid := asked.get(ours) or asked.get(theirs):
                command[ours] = uid
        if Element.ACTION_TYPE in asked:
            command[Element.ACTION_TYPE] = asked[Element.ACTION_TYPE]
        await self.send(message.context, command, data)

    async def ask(
        self, context: Context, command: Command, data: bytes | AsyncIterator[bytes] | None = None, cancels: int | None = None
    ) -> tuple[int, bool]:
        """Send a request and wait for its response. Returns (status, whether `cancels` was cancelled meanwhile)."""
        self._message_id = self._message_id % 0xFFFF + 1
        command[Element.MESSAGE_ID] = self._message_id
        await self.send(context, command, data)
        cancelled = False
        while True:
            message = await self.receive(STALL_S)
            await message.drain(commands.LONGEST)
            if message.field == Field.C_CANCEL:
                cancelled = cancelled or message.command.get(Element.RESPONDS_TO) == cancels
            elif message.field == commands.number(command, Element.FIELD) | RESPONSE:
                return commands.number(message.command, Element.STATUS), cancelled
            else:
                raise Broken(AbortReason.UNEXPECTED_PDU)

    async def abort(self, reason: AbortReason = AbortReason.NOT_SPECIFIED) -> None:
        with contextlib.suppress(Ended):
            await self.write(pdu.abort(reason))

    async def release(self) -> None:
        """Ask for the end and wait for it a moment."""
        with contextlib.suppress(Ended, Broken):
            await self.write(pdu.RELEASE_RQ)
            while True:
                await self.value(FAREWELL_S)

    def close(self) -> None:
        if self._early is not None:
            self._early.cancel()
            self._early.add_done_callback(lambda task: task.cancelled() or task.exception())
        self.writer.close()

    def asking(self, abstract: str) -> Iterator[Context]:
        """Contexts in which we may send this SOP class."""
        return (one for one in self.contexts.values() if one.we_ask and one.abstract == abstract)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            await self.release()
        self.close()


async def _with_end(pieces: AsyncIterator[bytes]) -> AsyncIterator[tuple[bytes, bool]]:
    """(piece, whether another follows): the last one closes the data set."""
    held: Any = None
    async for piece in pieces:
        if held is not None:
            yield held, True
        held = piece
    yield held or b"", False
