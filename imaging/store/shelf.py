"""Where the hot reads find things: studies and their instances as small frozen values, by hand-written SQL.

To whom a study belongs is remembered for a second and only to allow: a study taken away is closed everywhere within
FRESH_S, a refusal always looks again. Instances never change once stored, so they are remembered until room is needed.
"""

import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from imaging.dicom.uids import is_uid
from imaging.store.access import scope_of
from telehealth.core.actor import Actor
from telehealth.core.errors import NotFound
from telehealth.core.rows import Row, Rows, uuid_of
from telehealth.identity import access
from telehealth.identity.access import Action, Scope

FRESH_S = 1.0
STUDIES = 1024
ITEMS = 30_000


@dataclass(frozen=True, slots=True)
class StudyCard:
    """What a read needs of a study's row."""

    id: UUID
    uid: str
    organisation_id: UUID
    patient_id: UUID | None
    referral_id: UUID | None
    reading_unit_id: UUID | None
    reader_ids: list[str]
    open_for_reading: bool
    state: str
    released_to_patient_at: Any
    version: int

    @property
    def scope(self) -> Scope:
        return scope_of(self)


@dataclass(frozen=True, slots=True)
class Item:
    """An instance: where its bytes are and what they are."""

    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class: str
    transfer_syntax: str
    number: int | None
    rows: int | None
    columns: int | None
    frames: int
    bits_allocated: int | None
    sha256: str
    size: int
    blob_key: str
    pixel_offset: int | None
    pixel_length: int | None
    frame_length: int | None
    frame_table: bytes | None

    @property
    def path(self) -> str:
        """Below `…/dicomweb`."""
        return f"/studies/{self.study_uid}/series/{self.series_uid}/instances/{self.sop_uid}"

    def frame_at(self, number: int) -> tuple[int, int] | None:
        """(offset, length) of native frame `number` (1 is the first); None where it cannot be read by range."""
        if self.pixel_offset is None or self.pixel_length is None:
            return None
        if self.frames == 1:
            return self.pixel_offset, self.pixel_length
        if self.frame_length is None:
            return None
        return self.pixel_offset + (number - 1) * self.frame_length, self.frame_length

    def items_at(self, number: int) -> tuple[int, int] | None:
        """(offset, length) of the items that hold compressed frame `number`, their heads included."""
        if self.frame_table is None or len(self.frame_table) < 8 * (number + 1):
            return None
        start, end = (int.from_bytes(self.frame_table[at : at + 8], "little") for at in (8 * number - 8, 8 * number))
        return start, end - start


STUDY = """SELECT id, uid, organisation_id, patient_id, referral_id, reading_unit_id, reader_ids, open_for_reading, state,
 released_to_patient_at, version FROM study WHERE uid = ?"""
ITEM = """SELECT study.uid, series.uid, instance.sop_uid, instance.sop_class, instance.transfer_syntax, instance.number,
 instance.rows, instance.columns, instance.frames, instance.bits_allocated, instance.sha256, instance.size,
 instance.blob_key, instance.pixel_offset, instance.pixel_length, instance.frame_length, instance.frame_table
 FROM series JOIN study ON study.id = series.study_id JOIN instance ON instance.series_id = series.id"""
READING_ORDER = "ORDER BY series.number, series.id, instance.number, instance.id"


def _optional(value: Any) -> UUID | None:
    return None if value is None else uuid_of(value)


def _card(row: Row) -> StudyCard:
    study_id, uid, organisation, patient, referral, unit, readers, is_open, state, released, version = row
    named = json.loads(readers) if isinstance(readers, str) else readers
    return StudyCard(
        uuid_of(study_id),
        uid,
        uuid_of(organisation),
        _optional(patient),
        _optional(referral),
        _optional(unit),
        named,
        bool(is_open),
        state,
        released,
        version,
    )


class Shelf:
    """One process's view of what is stored. Every way to it asks whether this actor may."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.cards: OrderedDict[str, tuple[float, StudyCard]] = OrderedDict()
        self.series: OrderedDict[str, dict[str, Item]] = OrderedDict()
        self.items = 0

    async def study(self, actor: Actor, study_uid: str, action: Action = Action.SEE_IMAGES) -> StudyCard:
        """As it is now. Raises NotFound for an unknown and for a foreign study alike, Forbidden for a foreign act."""
        self.cards.pop(study_uid, None)
        until = time.monotonic() + FRESH_S
        found = await self.rows.all(STUDY, (study_uid,)) if is_uid(study_uid) else []
        if not found:
            raise NotFound()
        card = _card(found[0])
        access.ensure(actor, action, card.scope, hidden=True)
        self.cards[study_uid] = until, card
        while len(self.cards) > STUDIES:
            self.cards.popitem(last=False)
        return card

    async def _open(self, actor: Actor, study_uid: str) -> StudyCard:
        """As it was at most FRESH_S ago."""
        known = self.cards.get(study_uid)
        if known and time.monotonic() < known[0] and access.may(actor, Action.SEE_IMAGES, known[1].scope):
            return known[1]
        return await self.study(actor, study_uid)

    async def item(self, actor: Actor, study_uid: str, series_uid: str, sop_uid: str) -> tuple[StudyCard, Item]:
        """One instance, mostly without a look. Raises NotFound, Forbidden."""
        card = await self._open(actor, study_uid)
        item = self.series.get(series_uid, {}).get(sop_uid) or (await self._load(card, series_uid)).get(sop_uid)
        if item is None or item.study_uid != card.uid:
            raise NotFound()
        return card, item

    async def _load(self, card: StudyCard, series_uid: str) -> dict[str, Item]:
        found = {item.sop_uid: item for item in await self.items_of(card, series_uid)}
        self.items += len(found) - len(self.series.pop(series_uid, {}))
        self.series[series_uid] = found
        while self.items > ITEMS and len(self.series) > 1:
            self.items -= len(self.series.popitem(last=False)[1])
        return found

    async def items_of(self, card: StudyCard, series_uid: str = "", sop_uid: str = "") -> list[Item]:
        """What the study, the series, or the series' instance holds now, in reading order. Raises NotFound for nothing."""
        condition = "study.id = ?"
        values: list[Any] = [card.id]
        for column, uid in (("series.uid", series_uid), ("instance.sop_uid", sop_uid)):
            if uid:
                condition, values = f"{condition} AND {column} = ?", [*values, uid]
        rows = await self.rows.all(f"{ITEM} WHERE {condition} {READING_ORDER}", values)
        if not rows:
            raise NotFound()
        return [Item(*row) for row in rows]

    async def thumbnail_key(self, card: StudyCard, series_uid: str) -> str | None:
        """Of the picture that the pipeline made of the series."""
        rows = await self.rows.all("SELECT thumbnail_key FROM series WHERE uid = ? AND study_id = ?", (series_uid, card.id))
        return rows[0][0] if rows else None
