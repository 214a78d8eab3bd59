"""C-FIND (PS3.4, C.4.1): the same search as QIDO-RS, behind the node's own filter; the modality worklist beside it."""

from collections.abc import AsyncIterator

from pydicom.dataset import Dataset

from imaging.dimse import identifiers, status, worklist
from imaging.dimse.association import Message
from imaging.dimse.identifiers import Values
from imaging.dimse.negotiation import PATIENT_FIND, WORKLIST_FIND
from imaging.dimse.nodes import Guest
from imaging.dimse.session import Session
from imaging.store import search
from imaging.store.errors import BadSearch
from imaging.store.search import KEYS, Level, Search
from telehealth.core import audit
from telehealth.core.db import session_scope
from telehealth.core.errors import DomainError, Forbidden
from telehealth.identity import access
from telehealth.identity.access import Action

MOST_MATCHES = 10_000
PAGE = 500
LOOK_EVERY = 20
"""Answers between two looks whether the peer has cancelled."""
INDEX = {"PATIENT": Level.STUDY, "STUDY": Level.STUDY, "SERIES": Level.SERIES, "IMAGE": Level.INSTANCE}
LEVELS: dict[str, tuple[str, ...]] = {
    "PATIENT": ("PatientID",),
    "STUDY": ("StudyInstanceUID",),
    "SERIES": ("StudyInstanceUID", "SeriesInstanceUID"),
    "IMAGE": ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"),
}
"""Level -> the unique keys that every match carries."""


async def find(session: Session, message: Message) -> None:
    """Pending for each match, then success; cancel, or the refusal's status."""
    asked_data = await message.data(identifiers.LONGEST)
    guest = await session.guest()
    try:
        asked = identifiers.decode(asked_data, message.context.syntax)
        if message.context.abstract == WORKLIST_FIND:
            ended = await _answer(session, message, asked, worklist.matches(session.engine, guest, asked), "", worklist.ALWAYS)
        else:
            level = _level(asked, message.context.abstract)
            ended = await _answer(session, message, asked, _matches(session, guest, asked, level), level, LEVELS[level])
    except DomainError as error:
        ended = status.IDENTIFIER_MISMATCH if isinstance(error, BadSearch) else status.of(error)
    await session.association.answer(message, ended)


async def _answer(
    session: Session, message: Message, asked: Dataset, matches: AsyncIterator[Values], level: str, always: tuple[str, ...]
) -> int:
    syntax, count = message.context.syntax, 0
    async for values in matches:
        said = identifiers.answer(asked, values, always)
        if level:
            said.QueryRetrieveLevel = level
            said.RetrieveAETitle = session.config.ae_title
            said.InstanceAvailability = "ONLINE"
        await session.association.answer(message, status.PENDING, identifiers.encode(said, syntax))
        count += 1
        if count % LOOK_EVERY == 0 and await session.association.cancelled(message.id):
            return status.CANCELLED
    return status.SUCCESS


def _level(asked: Dataset, model: str) -> str:
    level = str(asked.get("QueryRetrieveLevel", "")).strip().upper()
    if level not in LEVELS or (level == "PATIENT" and model != PATIENT_FIND):
        raise BadSearch("query level")
    return level


async def _matches(session: Session, guest: Guest, asked: Dataset, level: str) -> AsyncIterator[Values]:
    """A page at a time: a slow peer holds nothing open."""
    if not access.holds(guest.actor, Action.SEE_IMAGES):
        raise Forbidden()
    keys = identifiers.keys_of(asked, KEYS)
    index = INDEX[level]
    seen: set[tuple[str, ...]] = set()
    for offset in range(0, MOST_MATCHES, PAGE):
        rows = await search.find(session.rows, guest.actor, index, Search(keys, limit=PAGE, offset=offset))
        if offset == 0:
            await _note(session, guest, keys, len(rows))
        for values in (identifiers.of_row(index, row) for row in rows[:PAGE]):
            person = (values["PatientID"], values["PatientName"], values["PatientBirthDate"])
            if level == "PATIENT" and person in seen:
                continue
            seen.add(person)
            yield values
        if len(rows) <= PAGE:
            return


async def _note(session: Session, guest: Guest, keys: dict[str, str], count: int) -> None:
    async with session_scope(session.engine) as database:
        audit.record(database, guest.actor, "study.searched", "", keys=sorted(keys), count=count, ae_title=guest.ae_title)
