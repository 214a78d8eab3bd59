"""Storage commitment (PS3.4, J): a device asks whether it may forget; we answer from what is durably stored.

A node with an address is called back; any other is told over its own association.
"""

from dataclasses import dataclass

from pydicom.dataset import Dataset
from sqlmodel import col, select

from imaging.dimse import identifiers, status
from imaging.dimse.association import Association, Context, Ended, Message
from imaging.dimse.calling import call
from imaging.dimse.command import Command, Element, Field
from imaging.dimse.negotiation import COMMAND_SYNTAXES, COMMITMENT, COMMITMENT_INSTANCE
from imaging.dimse.nodes import Guest
from imaging.dimse.pdu import Broken
from imaging.dimse.session import Session
from imaging.store.access import visible
from imaging.store.errors import BadSearch
from imaging.store.models import Instance, Study
from telehealth.core import audit
from telehealth.core.db import session_scope
from telehealth.core.errors import Unavailable

REQUEST = 1
ALL_SAFE, SOME_MISSING = 1, 2
"""Event types of the report (PS3.4, table J.3-1)."""
NO_SUCH_OBJECT, CLASS_CONFLICT = 0x0112, 0x0119
LONGEST = 4 * 1024**2
AT_ONCE = 500


@dataclass(frozen=True)
class Reference:
    sop_class: str
    sop_uid: str


async def request(session: Session, message: Message) -> None:
    """Accept the request, then report."""
    guest = await session.guest()
    data = await message.data(LONGEST)
    if message.command.get(Element.ACTION_TYPE) != REQUEST:
        await session.association.answer(message, status.NO_SUCH_ACTION)
        return
    try:
        transaction, references = _asked(identifiers.decode(data, message.context.syntax))
    except BadSearch:
        await session.association.answer(message, status.PROCESSING_FAILURE)
        return
    await session.association.answer(message, status.SUCCESS)
    failures = await _missing(session, guest, references)
    await _report(session, guest, message.context, _said(transaction, references, failures), bool(failures))


def _asked(dataset: Dataset) -> tuple[str, list[Reference]]:
    items = dataset.get("ReferencedSOPSequence") or []
    found = [
        Reference(str(item.get("ReferencedSOPClassUID", "")), str(item.get("ReferencedSOPInstanceUID", ""))) for item in items
    ]
    if not dataset.get("TransactionUID") or not found:
        raise BadSearch("transaction")
    return str(dataset.TransactionUID), found


async def _missing(session: Session, guest: Guest, references: list[Reference]) -> dict[Reference, int]:
    """Reference -> failure reason. A row is only there once its bytes are durable, so the index knows."""
    known: dict[str, str] = {}
    async with session_scope(session.engine) as database:
        for start in range(0, len(references), AT_ONCE):
            uids = [one.sop_uid for one in references[start : start + AT_ONCE]]
            rows = select(Instance.sop_uid, Instance.sop_class).join(Study, col(Study.id) == col(Instance.study_id))
            known |= dict((await database.exec(rows.where(col(Instance.sop_uid).in_(uids), visible(guest.actor)))).all())
        failures = {
            one: CLASS_CONFLICT if one.sop_uid in known else NO_SUCH_OBJECT
            for one in references
            if known.get(one.sop_uid) != one.sop_class
        }
        audit.record(
            database,
            guest.actor,
            "study.commitment_asked",
            "",
            count=len(references),
            missing=len(failures),
            ae_title=guest.ae_title,
        )
    return failures


def _said(transaction: str, references: list[Reference], failures: dict[Reference, int]) -> Dataset:
    said = Dataset()
    said.TransactionUID = transaction
    said.ReferencedSOPSequence = [_item(one) for one in references if one not in failures]
    if failures:
        said.FailedSOPSequence = [_item(one, reason) for one, reason in failures.items()]
    return said


def _item(reference: Reference, reason: int | None = None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = reference.sop_class, reference.sop_uid
    if reason is not None:
        item.FailureReason = reason
    return item


async def _report(session: Session, guest: Guest, context: Context, said: Dataset, incomplete: bool) -> None:
    command: Command = {
        Element.FIELD: Field.N_EVENT_REPORT,
        Element.AFFECTED_SOP_CLASS: COMMITMENT,
        Element.AFFECTED_INSTANCE: COMMITMENT_INSTANCE,
        Element.EVENT_TYPE: SOME_MISSING if incomplete else ALL_SAFE,
    }
    if guest.host:
        try:
            # we call, and yet we are the provider of the service (PS3.7, D.3.3.4)
            async with await call(guest, session.config, [(COMMITMENT, COMMAND_SYNTAXES)], {COMMITMENT: (False, True)}) as back:
                await _tell(back, next(iter(back.contexts.values())), command, said)
                return
        except (Unavailable, Ended, Broken, StopIteration):
            pass  # the line on which it asked is still there
    await _tell(session.association, context, command, said)


async def _tell(association: Association, context: Context, command: Command, said: Dataset) -> None:
    await association.ask(context, dict(command), identifiers.encode(said, context.syntax))
