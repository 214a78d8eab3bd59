"""The listening side: who is let in, how many at a time, and which service answers."""

import asyncio
import contextlib
import hashlib
import socket
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from imaging.dimse import commitment, finding, nodes, pdu, retrieving, status, storing
from imaging.dimse.association import Association, Ended, Message
from imaging.dimse.command import RESPONSE, Field
from imaging.dimse.negotiation import negotiate
from imaging.dimse.nodes import Guest
from imaging.dimse.pdu import AbortReason, Associate, Broken, Kind, Rejection
from imaging.dimse.session import Session
from telehealth.core.db import reading_engine, session_scope
from telehealth.core.rows import open_rows
from telehealth.core.settings import Dimse

log = structlog.get_logger()

BACKLOG = 256
REQUEST_S = 10.0
"""For the association request after the connection (ARTIM)."""
SAME_REFUSAL_S = 60.0
"""A stranger who knocks again and again is one row of the audit log a minute."""

Service = Callable[[Session, Message], Awaitable[None]]


async def echo(session: Session, message: Message) -> None:
    await session.association.answer(message, status.SUCCESS)


async def late_cancel(_session: Session, _message: Message) -> None:
    """The operation is over already; a C-CANCEL has no response."""


SERVICES: dict[int, Service] = {
    Field.C_ECHO: echo,
    Field.C_STORE: storing.store,
    Field.C_FIND: finding.find,
    Field.C_MOVE: retrieving.move,
    Field.C_GET: retrieving.get,
    Field.N_ACTION: commitment.request,
    Field.C_CANCEL: late_cancel,
}


class Line(asyncio.StreamReaderProtocol):
    """Acknowledges what arrives at once: a sender with Nagle's algorithm on would else wait 40 ms an instance."""

    _socket: socket.socket | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = transport.get_extra_info("socket")
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._socket is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # the kernel forgets it after a while


class Server:
    """Associations of one process."""

    def __init__(self, engine: AsyncEngine, config: Dimse) -> None:
        self.engine, self.config, self.rows = engine, config, open_rows(engine.url)
        self.open: Counter[str] = Counter()
        """Connections by address."""
        self.talks: set[asyncio.Task[None]] = set()
        self._told: dict[tuple[str, str, str], float] = {}

    async def listen(self, listening: socket.socket, tls: ssl.SSLContext | None = None) -> asyncio.Server:
        loop = asyncio.get_running_loop()

        def line() -> Line:
            reader = asyncio.StreamReader(limit=pdu.LARGEST, loop=loop)
            return Line(reader, self._connected, loop=loop)

        handshake = REQUEST_S if tls else None
        return await loop.create_server(line, sock=listening, ssl=tls, backlog=BACKLOG, ssl_handshake_timeout=handshake)

    async def close(self) -> None:
        for talk in self.talks:
            talk.cancel()
        await asyncio.gather(*self.talks, return_exceptions=True)
        await self.rows.close()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.get_running_loop().create_task(self._talk(reader, writer))
        self.talks.add(talk)
        talk.add_done_callback(self.talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from beginning to end. Whatever goes wrong ends it, and nothing else."""
        address = str(writer.get_extra_info("peername")[0])
        association = Association(reader, writer)
        self.open[address] += 1
        try:
            if session := await self._accept(association, address):
                await self._serve(session)
        except Broken as error:
            log.info("dimse_aborted", address=address, reason=error.reason.name)
            await association.abort(error.reason)
        except Ended:
            pass
        except Exception:  # the door's last resort: this peer is told that it is over, the others go on
            log.exception("dimse_fault", address=address)
            await association.abort()
        finally:
            self.open[address] -= 1
            self.open += Counter()  # forget addresses that are gone
            association.close()

    async def _accept(self, association: Association, address: str) -> Session | None:
        """Read the request and answer it; None where it is rejected."""
        kind, body = await association.pdu(REQUEST_S)
        if kind is Kind.ABORT:
            return None
        if kind is not Kind.ASSOCIATE_RQ:
            raise Broken(AbortReason.UNEXPECTED_PDU)
        asked = pdu.associate(body)
        fingerprint = _fingerprint(association.writer)
        verdict = await self._judge(asked, address, fingerprint)
        if isinstance(verdict, Rejection):
            await association.write(pdu.reject(verdict))
            with contextlib.suppress(Ended):
                await association.pdu(REQUEST_S)  # the peer closes first; we do not leave data behind on the line
            return None
        answers, roles, usable = negotiate(asked.proposed, asked.roles, verdict.rights)
        association.contexts = {one.id: one for one in usable}
        association.largest = asked.largest or pdu.LARGEST
        said = Associate(asked.called, asked.calling, accepted=tuple(answers), roles=roles)
        await association.write(pdu.encode(Kind.ASSOCIATE_AC, said))
        return Session(association, self.engine, self.rows, self.config, address, fingerprint, verdict, time.monotonic())

    async def _judge(self, asked: Associate, address: str, fingerprint: str) -> Guest | Rejection:
        if asked.application != pdu.APPLICATION_CONTEXT:
            return pdu.WRONG_APPLICATION
        if self.open.total() > self.config.associations or self.open[address] > self.config.per_peer:
            await self._note(asked.calling, address, "too_many")
            return pdu.TOO_MANY
        if asked.called != self.config.ae_title:
            await self._note(asked.calling, address, "wrong_called_title")
            return pdu.CALLED_UNKNOWN
        async with session_scope(reading_engine(self.engine)) as session:
            found = await nodes.admit(session, asked.calling, address, fingerprint)
        if isinstance(found, Guest):
            return found
        await self._note(asked.calling, address, found.value)
        return pdu.CALLING_UNKNOWN

    async def _note(self, title: str, address: str, why: str) -> None:
        now = time.monotonic()
        if now - self._told.get((title, address, why), -SAME_REFUSAL_S) < SAME_REFUSAL_S or len(self._told) > 1000:
            self._told = {key: at for key, at in self._told.items() if now - at < SAME_REFUSAL_S}
            return
        self._told[title, address, why] = now
        log.info("dimse_refused", address=address, reason=why)
        async with session_scope(self.engine) as session:
            nodes.note_refused(session, title, address, why)

    async def _serve(self, session: Session) -> None:
        while True:
            message = await session.association.receive(self.config.idle_s)
            service = SERVICES.get(message.field)
            if message.field & RESPONSE:
                raise Broken(AbortReason.UNEXPECTED_PDU)
            if message.field != Field.C_CANCEL:
                _ = message.id  # without one there is nothing to answer to
            await session.guest()
            if service is None or not message.context.we_serve:
                await message.drain(pdu.LARGEST)
                refusal = status.NOT_AUTHORIZED if service else status.UNRECOGNIZED_OPERATION
                await session.association.answer(message, refusal)
                continue
            await service(session, message)
            await message.drain(pdu.LARGEST)


def _fingerprint(writer: asyncio.StreamWriter) -> str:
    """SHA-256 of the client's certificate in hexadecimal; empty without one."""
    tls = writer.get_extra_info("ssl_object")
    certificate = tls.getpeercert(binary_form=True) if tls else None
    return hashlib.sha256(certificate).hexdigest() if certificate else ""


def bound(host: str, port: int, *, shared: bool = True) -> socket.socket:
    """A listening socket's beginning. shared: other processes of ours bind the same port. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shared))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening


def tls_context(config: Dimse) -> ssl.SSLContext:
    """TLS 1.2 or newer, a client certificate of a known authority demanded (PS3.15, B.12)."""
    assert config.tls_certificate is not None
    assert config.tls_authority is not None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(config.tls_authority))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(config.tls_certificate, config.tls_key)
    return context
