"""C-STORE (PS3.4, B): the data set as it arrives, behind a file head of ours, through the one way in for every door."""

from collections.abc import AsyncIterator
from struct import pack

from imaging.dicom.refusals import Code, Refusal
from imaging.dicom.uids import is_uid
from imaging.dimse import command as commands
from imaging.dimse import pdu, status
from imaging.dimse.association import Message
from imaging.dimse.command import Element
from imaging.dimse.session import Session
from imaging.store.receive import receive
from imaging.store.service import Filing, Ingested, Outcome
from telehealth.core.blobs import blobs
from telehealth.core.errors import DomainError
from telehealth.core.settings import settings

PREAMBLE = bytes(128) + b"DICM"


async def store(session: Session, message: Message) -> None:
    """Answer Success only when bytes and row are durable."""
    sop_class = commands.text(message.command, Element.AFFECTED_SOP_CLASS)
    sop_uid = commands.text(message.command, Element.AFFECTED_INSTANCE)
    answer: int
    if sop_class != message.context.abstract or not is_uid(sop_uid) or not message.is_open:
        answer = status.IDENTIFIER_MISMATCH
    else:
        answer = await _take(session, message, file_head(sop_class, sop_uid, message.context.syntax))
    await message.drain(settings().limits.instance_bytes)
    await session.association.answer(message, answer)


async def _take(session: Session, message: Message, head: bytes) -> int:
    guest = await session.guest()
    filing = Filing(guest.organisation_id)
    try:
        taken = await receive(session.engine, blobs(), guest.actor, _file(head, message), filing)
    except DomainError as error:
        return status.of(error)
    return _status(taken)


def _status(taken: Ingested | Refusal) -> int:
    if isinstance(taken, Refusal):
        return status.of(taken)
    if taken.outcome is Outcome.QUARANTINED:
        return status.of(taken.refusal or Refusal(Code.CONFLICT))
    return status.SUCCESS


async def _file(head: bytes, message: Message) -> AsyncIterator[bytes]:
    yield head
    async for piece in message.fragments():
        yield piece  # type: ignore[misc]  # a memoryview is written and hashed like bytes


def file_head(sop_class: str, sop_uid: str, syntax: str) -> bytes:
    """Preamble and file meta information (PS3.10, 7.1): the same for the same instance, whoever sends it when."""
    group = b"".join(
        (
            _meta(1, b"OB", b"\0\1"),
            _meta(2, b"UI", sop_class.encode()),
            _meta(3, b"UI", sop_uid.encode()),
            _meta(0x10, b"UI", syntax.encode()),
            _meta(0x12, b"UI", pdu.IMPLEMENTATION.encode()),
            _meta(0x13, b"SH", pdu.VERSION_NAME.encode()),
        )
    )
    return PREAMBLE + _meta(0, b"UL", pack("<I", len(group))) + group


def _meta(number: int, vr: bytes, value: bytes) -> bytes:
    if len(value) % 2:
        value += b"\0" if vr == b"UI" else b" "
    length = pack("<HI", 0, len(value)) if vr == b"OB" else pack("<H", len(value))
    return pack("<HH", 2, number) + vr + length + value
