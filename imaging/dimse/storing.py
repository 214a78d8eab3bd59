"""C-STORE (PS3.4, B): the data set as it arrives, behind a file head of ours, through the one way in for every door."""

from collections.abc import AsyncIterator

from imaging.dicom.part10 import file_head
from imaging.dicom.refusals import Code, Refusal
from imaging.dicom.uids import is_uid
from imaging.dimse import command as commands
from imaging.dimse import status
from imaging.dimse.association import Message
from imaging.dimse.command import Element
from imaging.dimse.session import Session
from imaging.store.receive import receive
from imaging.store.service import Filing, Ingested, Outcome
from telehealth.core.blobs import blobs
from telehealth.core.errors import DomainError
from telehealth.core.settings import settings


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
