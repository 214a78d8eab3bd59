"""C-MOVE and C-GET (PS3.4, C.4.2 and C.4.3): only what the asking node may see, and the receiving node as well."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from pydicom.dataset import Dataset
from pydicom.uid import UID
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dicom.errors import Undecodable
from imaging.dimse import command as commands
from imaging.dimse import identifiers, nodes, sending, status
from imaging.dimse.association import Association, Ended, Message
from imaging.dimse.calling import call
from imaging.dimse.command import Element
from imaging.dimse.finding import LEVELS, PAGE
from imaging.dimse.nodes import Guest
from imaging.dimse.pdu import Broken
from imaging.dimse.sending import NoWay, Order
from imaging.dimse.session import Session
from imaging.store import search
from imaging.store.errors import BadSearch
from imaging.store.models import Instance, Study
from imaging.store.search import Level, Search
from telehealth.core import audit
from telehealth.core.actor import Actor
from telehealth.core.db import reading_engine, session_scope
from telehealth.core.errors import DomainError, Unavailable

MOST_INSTANCES = 20_000
KEYS = {"PATIENT": "00100020", "STUDY": "0020000D", "SERIES": "0020000E", "IMAGE": "00080018"}
"""Level -> the tag that names what is wanted."""


Connect = Callable[[Sequence[Instance], AsyncExitStack], Awaitable[Association]]
"""Where the instances go, opened only when it is known that there are some."""


SOP_UID = identifiers.COLUMNS[Level.INSTANCE].index("SOPInstanceUID")


@dataclass
class Tally:
    """Counts of sub-operations, and the instances that did not arrive."""

    remaining: int
    completed: int = 0
    warning: int = 0
    failed: list[str] = field(default_factory=list)
    cancelled: bool = False

    def add(self, sop_uid: str, answer: int) -> None:
        self.remaining -= 1
        if answer == status.SUCCESS:
            self.completed += 1
        elif status.is_warning(answer):
            self.warning += 1
        else:
            self.failed.append(sop_uid)

    @property
    def counts(self) -> dict[Element, int]:
        return {Element.COMPLETED: self.completed, Element.FAILED: len(self.failed), Element.WARNING: self.warning}

    @property
    def status(self) -> int:
        if self.cancelled:
            return status.CANCELLED
        if not self.failed:
            return status.SUCCESS
        return status.SOME_FAILED if self.completed or self.warning else status.CANNOT_SUBOPERATE


async def get(session: Session, message: Message) -> None:
    """Over the same association, in the contexts in which the peer takes instances."""
    guest = await session.guest()

    async def here(_instances: Sequence[Instance], _stack: AsyncExitStack) -> Association:
        return session.association

    await _retrieve(session, message, guest, guest, here, Order(cancels=message.id))


async def move(session: Session, message: Message) -> None:
    """To the node that is named, if we know where it is and it may see the images."""
    guest = await session.guest()
    title = commands.text(message.command, Element.MOVE_DESTINATION)
    async with session_scope(reading_engine(session.engine)) as database:
        target = await nodes.destination(database, title)
    if target is None:
        await message.drain(identifiers.LONGEST)
        await session.association.answer(message, status.UNKNOWN_DESTINATION)
        return

    async def there(instances: Sequence[Instance], stack: AsyncExitStack) -> Association:
        wanted = [(uid, syntaxes) for uid, ways in sending.syntaxes_for(instances).items() for syntaxes in ways]
        return await stack.enter_async_context(await call(target, session.config, wanted))

    await _retrieve(session, message, guest, target, there, Order(guest.ae_title, message.id))


async def _retrieve(session: Session, message: Message, guest: Guest, target: Guest, connect: Connect, order: Order) -> None:
    try:
        asked = identifiers.decode(await message.data(identifiers.LONGEST), message.context.syntax)
        instances = await _chosen(session, guest, target, asked)
        tally = Tally(len(instances))
        if instances:
            async with AsyncExitStack() as stack:
                association = await connect(instances, stack)
                await _send_all(session, message, association, instances, tally, order)
    except Unavailable:
        await session.association.answer(message, status.CANNOT_SUBOPERATE)
        return
    except DomainError as error:
        ended = status.IDENTIFIER_MISMATCH if isinstance(error, BadSearch) else status.of(error)
        await session.association.answer(message, ended)
        return
    await session.association.answer(message, tally.status, _failed(tally, message), _last_counts(tally))


def _last_counts(tally: Tally) -> dict[Element, int]:
    """The number that remain is said only where the operation was cancelled (PS3.7, 9.1.4.1)."""
    return tally.counts | ({Element.REMAINING: tally.remaining} if tally.cancelled else {})


def _failed(tally: Tally, message: Message) -> bytes | None:
    if tally.status == status.SUCCESS:
        return None
    said = Dataset()
    said.FailedSOPInstanceUIDList = [UID(one) for one in tally.failed]
    return identifiers.encode(said, message.context.syntax)


async def _send_all(
    session: Session, message: Message, association: Association, instances: Sequence[Instance], tally: Tally, order: Order
) -> None:
    """One after another; a pending answer after each, and a look whether the peer has had enough."""
    for instance in instances:
        try:
            answer, cancelled = await sending.send(association, instance, order)
        except (NoWay, Undecodable, DomainError):
            answer, cancelled = status.CANNOT_UNDERSTAND, False
        except (Ended, Broken):
            if association is session.association:
                raise
            answer, cancelled = status.CANNOT_SUBOPERATE, False
            tally.failed += [one.sop_uid for one in instances[len(instances) - tally.remaining + 1 :]]
            tally.remaining = 1
        tally.add(instance.sop_uid, answer)
        await session.guest()
        tally.cancelled = cancelled or await session.association.cancelled(message.id)
        if not tally.remaining or tally.cancelled:
            return
        await session.association.answer(message, status.PENDING, None, tally.counts | {Element.REMAINING: tally.remaining})


async def _chosen(session: Session, guest: Guest, target: Guest, asked: Dataset) -> list[Instance]:
    """What both nodes may see of what is named, in reading order; the read is on record."""
    keys = _named(asked)
    found: dict[str, tuple[Study, Instance]] = {}
    async with session_scope(session.engine) as database:
        for study, instance in await _all(session, database, guest.actor, keys):
            found[instance.sop_uid] = study, instance
        if target is not guest:
            theirs = {instance.sop_uid for _, instance in await _all(session, database, target.actor, keys)}
            found = {uid: one for uid, one in found.items() if uid in theirs}
        for study in {study.id: study for study, _ in found.values()}.values():
            audit.record(
                database,
                guest.actor,
                "study.read",
                study.id,
                patient_id=study.patient_id,
                purpose=study.referral_id or "",
                what="dimse",
                ae_title=guest.ae_title,
                sent_to=target.ae_title,
            )
    return [instance for _, instance in found.values()]


async def _all(session: Session, database: AsyncSession, actor: Actor, keys: dict[str, str]) -> list[tuple[Study, Instance]]:
    """By the search's rules and order, then whole rows by their UIDs."""
    found: list[tuple[Study, Instance]] = []
    for offset in range(0, MOST_INSTANCES, PAGE):
        asked = Search(keys, limit=PAGE, offset=offset)
        rows = await search.find(session.rows, actor, Level.INSTANCE, asked)
        uids = [row[SOP_UID] for row in rows[:PAGE]]
        whole = select(Study, Instance).join(Study, col(Study.id) == col(Instance.study_id))
        known = {row[1].sop_uid: row for row in await database.exec(whole.where(col(Instance.sop_uid).in_(uids)))}
        found += [known[uid] for uid in uids if uid in known]
        if len(rows) <= PAGE:
            break
    return found


def _named(asked: Dataset) -> dict[str, str]:
    """The unique keys, no wildcards. Raises BadSearch where what is wanted is not named."""
    level = str(asked.get("QueryRetrieveLevel", "")).strip().upper()
    if level not in LEVELS:
        raise BadSearch("query level")
    keys = {tag: value for tag, value in identifiers.keys_of(asked, KEYS.values()).items() if value}
    if KEYS[level] not in keys or any(sign in keys.get(KEYS["PATIENT"], "") for sign in "*?"):
        raise BadSearch("unique key")
    return keys
