"""Shared reads of the index. QIDO-RS matching (PS3.4, C.2.2.2; PS3.18, 8.3.4 and 10.6) as SQL, behind the actor's filter."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, false, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dicom.uids import is_uid
from imaging.store.access import ensure, visible
from imaging.store.errors import BadSearch
from imaging.store.models import Instance, Series, Study
from telehealth.core.actor import Actor
from telehealth.core.errors import NotFound
from telehealth.core.names import fold

PAGE = 200
"""Rows in one answer at most, and where no limit is asked."""
KEYS_PER_SEARCH = 30


class Kind(StrEnum):
    TEXT = "text"
    UID = "uid"
    DATE = "date"
    NAME = "name"
    NUMBER = "number"
    MODALITIES = "modalities"


class Level(StrEnum):
    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


KEYS: dict[str, tuple[Level, Kind, Any]] = {
    "0020000D": (Level.STUDY, Kind.UID, col(Study.uid)),
    "00080020": (Level.STUDY, Kind.DATE, col(Study.study_date)),
    "00080030": (Level.STUDY, Kind.DATE, col(Study.study_time)),
    "00080050": (Level.STUDY, Kind.TEXT, col(Study.accession_number)),
    "00080061": (Level.STUDY, Kind.MODALITIES, None),
    "00080090": (Level.STUDY, Kind.TEXT, col(Study.referring_physician)),
    "00081030": (Level.STUDY, Kind.TEXT, col(Study.description)),
    "00100010": (Level.STUDY, Kind.NAME, None),
    "00100020": (Level.STUDY, Kind.TEXT, col(Study.dicom_patient_id)),
    "00100030": (Level.STUDY, Kind.DATE, col(Study.dicom_birth_date)),
    "00100040": (Level.STUDY, Kind.TEXT, col(Study.dicom_sex)),
    "00200010": (Level.STUDY, Kind.TEXT, col(Study.study_id)),
    "0020000E": (Level.SERIES, Kind.UID, col(Series.uid)),
    "00080060": (Level.SERIES, Kind.TEXT, col(Series.modality)),
    "00200011": (Level.SERIES, Kind.NUMBER, col(Series.number)),
    "0008103E": (Level.SERIES, Kind.TEXT, col(Series.description)),
    "00180015": (Level.SERIES, Kind.TEXT, col(Series.body_part)),
    "00080018": (Level.INSTANCE, Kind.UID, col(Instance.sop_uid)),
    "00080016": (Level.INSTANCE, Kind.UID, col(Instance.sop_class)),
    "00200013": (Level.INSTANCE, Kind.NUMBER, col(Instance.number)),
}
"""Attributes that can be searched, by tag."""


@dataclass(frozen=True)
class Search:
    """A parsed search. keys: tag -> value as typed. include: tags, or {"all"}."""

    keys: dict[str, str] = field(default_factory=dict)
    include: frozenset[str] = frozenset()
    limit: int = PAGE
    offset: int = 0


def _condition(tag: str, value: str) -> ColumnElement[bool] | None:
    """None for an empty value: universal matching."""
    _, kind, column = KEYS[tag]
    if value in ("", "*") or value == '""':
        return None
    match kind:
        case Kind.UID:
            return _uids(column, value)
        case Kind.DATE:
            return _range(column, value)
        case Kind.NAME:
            return _name(value)
        case Kind.NUMBER:
            return _number(column, value)
        case Kind.MODALITIES:
            wanted = [one for one in re.split(r"[\\,]", value) if one]
            return exists().where(
                col(Series.study_id) == col(Study.id), or_(*(_text(col(Series.modality), one) for one in wanted))
            )
        case Kind.TEXT:
            return _text(column, value)


def _uids(column: Any, value: str) -> ColumnElement[bool]:
    uids = [one.strip() for one in re.split(r"[\\,]", value) if one.strip()]
    if not all(is_uid(uid) for uid in uids):
        return false()
    return column.in_(uids)  # type: ignore[no-any-return]


def _number(column: Any, value: str) -> ColumnElement[bool]:
    try:
        number = int(value)
    except ValueError:
        raise BadSearch("a whole number is expected") from None
    return column == number if abs(number) < 2**31 else false()


def _range(column: Any, value: str) -> ColumnElement[bool]:
    """`20260101`, `20260101-`, `-20261231`, `20260101-20261231`; the same for times."""
    if not re.fullmatch(r"[0-9.]*-?[0-9.]*", value) or value == "-":
        raise BadSearch("a date or a range of dates is expected")
    start, dash, end = value.partition("-")
    if not dash:
        return column == value  # type: ignore[no-any-return]
    bounds = [column != ""]
    if start:
        bounds.append(column >= start)
    if end:
        bounds.append(column <= end + "~" * (len(end) < 6))  # 20261231 as an end includes the whole day
    return and_(*bounds)


def _like(value: str) -> str:
    """DICOM's * and ? as LIKE's % and _, everything else literally; the escape character is backslash."""
    literal = re.sub(r"([\\%_])", r"\\\1", value)
    return literal.replace("*", "%").replace("?", "_")


def _text(column: Any, value: str) -> ColumnElement[bool]:
    if "*" in value or "?" in value:
        return column.like(_like(value), escape="\\")  # type: ignore[no-any-return]
    return column == value  # type: ignore[no-any-return]


def _name(value: str) -> ColumnElement[bool]:
    """Each word of the name must begin some word of the patient's: any order, with or without marks, any case."""
    words = [word for word in fold(value).split() if word.strip("*?")]
    padded = " " + col(Study.name_fold)
    return and_(*(padded.like("% " + _like(word).rstrip("%") + "%", escape="\\") for word in words))


def _conditions(search: Search, *levels: Level) -> list[ColumnElement[bool]]:
    if len(search.keys) > KEYS_PER_SEARCH:
        raise BadSearch("too many conditions")
    found: list[ColumnElement[bool]] = []
    for tag, value in search.keys.items():
        if len(value) > 4096 or "\0" in value:
            raise BadSearch("a value is too long or cannot be text")
        level = KEYS[tag][0]
        condition = _condition(tag, value)
        if condition is None:
            continue
        if level is Level.SERIES and level not in levels:
            condition = exists().where(col(Series.study_id) == col(Study.id), condition)
        elif level is Level.INSTANCE and level not in levels:
            inner = (
                col(Instance.series_id) == col(Series.id) if Level.SERIES in levels else col(Instance.study_id) == col(Study.id)
            )
            condition = exists().where(inner, condition)
        found.append(condition)
    return found


async def search_studies(session: AsyncSession, actor: Actor, search: Search) -> Sequence[Study]:
    """The newest first."""
    rows = select(Study).where(visible(actor), *_conditions(search, Level.STUDY))
    rows = rows.order_by(col(Study.study_date).desc(), col(Study.received_at).desc(), col(Study.id))
    return (await session.exec(rows.offset(search.offset).limit(search.limit))).all()


async def search_series(session: AsyncSession, actor: Actor, search: Search) -> Sequence[tuple[Study, Series]]:
    rows = select(Study, Series).join(Series, col(Series.study_id) == col(Study.id))
    rows = rows.where(visible(actor), *_conditions(search, Level.STUDY, Level.SERIES))
    rows = rows.order_by(col(Study.received_at).desc(), col(Series.number), col(Series.id))
    return (await session.exec(rows.offset(search.offset).limit(search.limit))).all()


async def search_instances(session: AsyncSession, actor: Actor, search: Search) -> Sequence[tuple[Study, Series, Instance]]:
    rows = (
        select(Study, Series, Instance)
        .join(Series, col(Series.study_id) == col(Study.id))
        .join(Instance, col(Instance.series_id) == col(Series.id))
        .where(visible(actor), *_conditions(search, Level.STUDY, Level.SERIES, Level.INSTANCE))
        .order_by(col(Study.received_at).desc(), col(Series.number), col(Instance.number), col(Instance.id))
    )
    return (await session.exec(rows.offset(search.offset).limit(search.limit))).all()


async def studies_of_referral(session: AsyncSession, referral_id: UUID) -> Sequence[Study]:
    rows = select(Study).where(Study.referral_id == referral_id).order_by(col(Study.received_at))
    return (await session.exec(rows)).all()


async def study_by_uid(session: AsyncSession, actor: Actor, study_uid: str) -> Study:
    """Raises NotFound for an unknown and for a foreign study alike."""
    study = (await session.exec(select(Study).where(Study.uid == study_uid[:64]))).first() if is_uid(study_uid) else None
    if study is None:
        raise NotFound()
    ensure(actor, study)
    return study


async def instances_of(
    session: AsyncSession, study: Study, series_uid: str = "", sop_uid: str = ""
) -> Sequence[tuple[Series, Instance]]:
    """Instances of a study in reading order. Raises NotFound if the named series or instance is not in it."""
    rows = select(Series, Instance).join(Instance, col(Instance.series_id) == col(Series.id)).where(Instance.study_id == study.id)
    if series_uid:
        rows = rows.where(Series.uid == series_uid)
    if sop_uid:
        rows = rows.where(Instance.sop_uid == sop_uid)
    found = (await session.exec(rows.order_by(col(Series.number), col(Instance.number), col(Instance.id)))).all()
    if not found:
        raise NotFound()
    return found
