"""QIDO-RS and C-FIND matching (PS3.4, C.2.2.2; PS3.18, 8.3.4 and 10.6) as hand-written SQL, behind the actor's filter.

Two plans. Where a key names few studies, the database begins there and sorts what it found. Else it walks the newest
studies first, by an index in the answer's order, and stops when the page is full: as quick with a million as with a few.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from imaging.dicom.uids import is_uid
from imaging.store.access import visible_sql
from imaging.store.errors import BadSearch
from telehealth.core.actor import Actor
from telehealth.core.names import NamePattern
from telehealth.core.rows import Row, Rows

PAGE = 1000
"""Rows in one answer at most, and where no limit is asked."""
KEYS_PER_SEARCH = 30
FEW = 500
"""So many studies are found and sorted sooner than the newest are walked."""
RANKED = 1000
"""So many of the newest hits are put in the order of their marks."""
LAST = "\U0010ffff"
"""Behind every text that begins the same."""


class Kind(StrEnum):
    TEXT = "text"
    UID = "uid"
    DATE = "date"
    TIME = "time"
    NAME = "name"
    NUMBER = "number"
    MODALITIES = "modalities"


class Level(StrEnum):
    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


@dataclass(frozen=True)
class Key:
    level: Level
    kind: Kind
    column: str
    names_few: bool = False
    """An exact value of it belongs to a few studies at most."""


KEYS: dict[str, Key] = {
    "0020000D": Key(Level.STUDY, Kind.UID, "study.uid", names_few=True),
    "00080020": Key(Level.STUDY, Kind.DATE, "study.study_date"),
    "00080030": Key(Level.STUDY, Kind.TIME, "study.study_time"),
    "00080050": Key(Level.STUDY, Kind.TEXT, "study.accession_number", names_few=True),
    "00080061": Key(Level.STUDY, Kind.MODALITIES, "series.modality"),
    "00080090": Key(Level.STUDY, Kind.TEXT, "study.referring_physician"),
    "00081030": Key(Level.STUDY, Kind.TEXT, "study.description"),
    "00100010": Key(Level.STUDY, Kind.NAME, "study.dicom_patient_name"),
    "00100020": Key(Level.STUDY, Kind.TEXT, "study.dicom_patient_id", names_few=True),
    "00100030": Key(Level.STUDY, Kind.DATE, "study.dicom_birth_date"),
    "00100040": Key(Level.STUDY, Kind.TEXT, "study.dicom_sex"),
    "00200010": Key(Level.STUDY, Kind.TEXT, "study.study_id"),
    "0020000E": Key(Level.SERIES, Kind.UID, "series.uid", names_few=True),
    "00080060": Key(Level.SERIES, Kind.TEXT, "series.modality"),
    "00200011": Key(Level.SERIES, Kind.NUMBER, "series.number"),
    "00080021": Key(Level.SERIES, Kind.DATE, "series.series_date"),
    "00080031": Key(Level.SERIES, Kind.TIME, "series.series_time"),
    "00400244": Key(Level.SERIES, Kind.DATE, "series.performed_date"),
    "00400245": Key(Level.SERIES, Kind.TIME, "series.performed_time"),
    "00400009": Key(Level.SERIES, Kind.TEXT, "series.step_id"),
    "00401001": Key(Level.SERIES, Kind.TEXT, "series.procedure_id"),
    "0008103E": Key(Level.SERIES, Kind.TEXT, "series.description"),
    "00180015": Key(Level.SERIES, Kind.TEXT, "series.body_part"),
    "00080018": Key(Level.INSTANCE, Kind.UID, "instance.sop_uid", names_few=True),
    "00080016": Key(Level.INSTANCE, Kind.UID, "instance.sop_class"),
    "00200013": Key(Level.INSTANCE, Kind.NUMBER, "instance.number"),
}
"""Attributes that can be searched, by tag."""


@dataclass(frozen=True)
class Search:
    """A parsed search. keys: tag -> value as typed. include: tags, or {"all"}."""

    keys: dict[str, str] = field(default_factory=dict)
    include: frozenset[str] = frozenset()
    limit: int = PAGE
    offset: int = 0
    fuzzy: bool = False


@dataclass
class Condition:
    """A piece of a WHERE. names_few: so few studies meet it that the search should begin there."""

    sql: str
    values: list[Any] = field(default_factory=list)
    names_few: bool = False


STUDY_COLUMNS = """study.uid, study.study_date, study.study_time, study.accession_number, study.modalities,
 study.referring_physician, study.description, study.dicom_patient_name, study.dicom_patient_id, study.dicom_birth_date,
 study.dicom_sex, study.study_id, study.series_count, study.instance_count"""
SERIES_COLUMNS = """series.uid, series.modality, series.series_date, series.series_time, series.description,
 series.body_part, series.number, series.laterality, series.instance_count, series.performed_date,
 series.performed_time, series.step_id, series.procedure_id"""
INSTANCE_COLUMNS = """instance.sop_uid, instance.sop_class, instance.transfer_syntax, instance.number, instance.frames,
 instance.rows, instance.columns, instance.bits_allocated"""
FROM = {
    Level.STUDY: "study",
    Level.SERIES: "study JOIN series ON series.study_id = study.id",
    Level.INSTANCE: "study JOIN series ON series.study_id = study.id JOIN instance ON instance.series_id = series.id",
}
COLUMNS = {
    Level.STUDY: STUDY_COLUMNS,
    Level.SERIES: f"{STUDY_COLUMNS}, {SERIES_COLUMNS}",
    Level.INSTANCE: f"{STUDY_COLUMNS}, {SERIES_COLUMNS}, {INSTANCE_COLUMNS}",
}
ORDER = {
    Level.STUDY: "study.study_date DESC, study.received_at DESC, study.id",
    Level.SERIES: "study.study_date DESC, study.received_at DESC, study.id, series.number, series.id",
    Level.INSTANCE: "study.study_date DESC, study.received_at DESC, study.id,"
    " series.number, series.id, instance.number, instance.id",
}
NAME_COLUMN = 7


async def find(rows: Rows, actor: Actor, level: Level, search: Search) -> list[Row]:
    """COLUMNS of what matches, the newest study first; one row more than the limit where there is more."""
    conditions = [one for tag, value in search.keys.items() if (one := await _condition(rows, level, tag, value, search))]
    pattern = NamePattern.of(search.keys.get("00100010", ""), fuzzy=search.fuzzy)
    if not pattern.marked:
        return await _ask(rows, actor, level, conditions, search.limit + 1, search.offset)
    found = await _ask(rows, actor, level, conditions, max(RANKED, search.offset + search.limit + 1), 0)
    found.sort(key=lambda row: -pattern.closeness(row[NAME_COLUMN]))  # stable: the newest first among equals
    return found[search.offset : search.offset + search.limit + 1]


async def _ask(rows: Rows, actor: Actor, level: Level, conditions: Sequence[Condition], limit: int, offset: int) -> list[Row]:
    may_see, values = visible_sql(actor, rows.dialect)
    order = ORDER[level]
    if any(one.names_few for one in conditions):
        # neither the filter nor the order may tempt the database to begin elsewhere
        may_see, order = f"CASE WHEN {may_see} THEN 1 ELSE 0 END = 1", order.replace("study.study_date", "study.study_date || ''")
    where = " AND ".join(f"({one})" for one in (may_see, *(condition.sql for condition in conditions)))
    statement = f"SELECT {COLUMNS[level]} FROM {FROM[level]} WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"
    given = [*values, *(value for condition in conditions for value in condition.values), limit, offset]
    return await rows.all(statement, given)


async def _condition(rows: Rows, asked: Level, tag: str, value: str, search: Search) -> Condition | None:
    """None for universal matching."""
    if len(search.keys) > KEYS_PER_SEARCH:
        raise BadSearch("too many conditions")
    if len(value) > 4096 or "\0" in value:
        raise BadSearch("a value is too long or cannot be text")
    if value in ("", "*", '""'):
        return None
    key = KEYS[tag]
    if key.kind is Kind.NAME:
        return await _name(rows, NamePattern.of(value, fuzzy=search.fuzzy))
    condition = _plain(rows.dialect, key, value)
    return condition if condition is None else _below(key, asked, condition)


def _plain(dialect: str, key: Key, value: str) -> Condition | None:
    match key.kind:
        case Kind.UID:
            return _uids(key, value)
        case Kind.DATE:
            return _range(key.column, value, 8)
        case Kind.TIME:
            return _range(key.column, value.replace(":", ""), 14)
        case Kind.NUMBER:
            return _number(key.column, value)
        case Kind.MODALITIES:
            return _modalities(dialect, value)
        case _:
            return _text(dialect, key, value)


def _below(key: Key, asked: Level, condition: Condition) -> Condition:
    """A key of a level below what is asked for: some series or instance of it must match (relational matching)."""
    inside, values = condition.sql, condition.values
    if key.level is Level.SERIES and asked is Level.STUDY:
        return Condition(f"study.id IN (SELECT series.study_id FROM series WHERE {inside})", values, condition.names_few)
    if key.level is Level.INSTANCE and asked is not Level.INSTANCE:
        above = "study.id IN (SELECT instance.study_id" if asked is Level.STUDY else "series.id IN (SELECT instance.series_id"
        return Condition(f"{above} FROM instance WHERE {inside})", values, condition.names_few)
    return condition


def _uids(key: Key, value: str) -> Condition:
    uids = [one.strip() for one in re.split(r"[\\,]", value) if one.strip()]
    if not uids or not all(is_uid(uid) for uid in uids):
        return Condition("1 = 0")
    return Condition(f"{key.column} IN ({', '.join('?' * len(uids))})", list(uids), key.names_few)


def _number(column: str, value: str) -> Condition:
    try:
        number = int(value)
    except ValueError:
        raise BadSearch("a whole number is expected") from None
    return Condition(f"{column} = ?", [number]) if abs(number) < 2**31 else Condition("1 = 0")


def _range(column: str, value: str, longest: int) -> Condition:
    """`20260101`, `20260101-`, `-20261231`, `20260101-20261231`; times alike, where `10` means from 10:00 to 10:59."""
    if not re.fullmatch(rf"[0-9.]{{0,{longest}}}-?[0-9.]{{0,{longest}}}", value) or value == "-":
        raise BadSearch("a date, a time or a range of them is expected")
    start, dash, end = value.partition("-")
    if not dash:
        end = start
    if not dash and len(start) >= 8:
        return Condition(f"{column} = ?", [start])
    bounds, values = [f"{column} >= ?"], [start or "0"]
    if end:
        bounds.append(f"{column} <= ?")
        values.append(end + "~" * (len(end) < 8))  # `~` stands behind every digit: 10 as an end includes 10:59
    return Condition(" AND ".join(bounds), list(values))


def _like(value: str) -> str:
    """DICOM's * and ? as LIKE's % and _, everything else literally; the escape character is backslash."""
    literal = re.sub(r"([\\%_])", r"\\\1", value)
    return literal.replace("*", "%").replace("?", "_")


def _begins(dialect: str, column: str, start: str) -> Condition:
    """By bytes on both databases, so that an index can answer."""
    if dialect == "postgresql":
        return Condition(f"{column} ~>=~ ? AND {column} ~<~ ?", [start, start + LAST])
    return Condition(f"{column} >= ? AND {column} < ?", [start, start + LAST])


def _pattern(dialect: str, column: str, value: str) -> Condition:
    start = value.rstrip("*")
    if not set(start) & set("*?"):
        return _begins(dialect, column, start)
    return Condition(f"{column} LIKE ? ESCAPE '\\'", [_like(value)])


def _text(dialect: str, key: Key, value: str) -> Condition:
    if "*" in value or "?" in value:
        return _pattern(dialect, key.column, value)
    return Condition(f"{key.column} = ?", [value], key.names_few)


def _modalities(dialect: str, value: str) -> Condition | None:
    """Any of several, each perhaps with wildcards."""
    wanted = [_text(dialect, KEYS["00080061"], one) for one in re.split(r"[\\,]", value) if one]
    if not wanted:
        return None
    some = " OR ".join(f"({one.sql})" for one in wanted)
    values = [value for one in wanted for value in one.values]
    return Condition(f"EXISTS (SELECT 1 FROM series WHERE series.study_id = study.id AND ({some}))", values)


async def _name(rows: Rows, pattern: NamePattern) -> Condition | None:
    """Every typed word stands in the name; the search begins at the rarest where it is rare enough."""
    words = [_word(word) for word in pattern.words]
    if not words:
        return None
    counts = await _counts(rows, words)
    rarest = min(range(len(words)), key=counts.__getitem__)
    few = counts[rarest] <= FEW
    pieces = [
        f"study.id IN (SELECT study_id FROM name_word WHERE {one.sql})"
        if few and index == rarest
        else f"EXISTS (SELECT 1 FROM name_word WHERE name_word.study_id = study.id AND {one.sql})"
        for index, one in enumerate(words)
    ]
    return Condition(" AND ".join(pieces), [value for one in words for value in one.values], few)


def _word(word: str) -> Condition:
    """`name_word.word` is ordered by bytes on both databases."""
    if "*" not in word and "?" not in word:
        return Condition("word = ?", [word], names_few=True)
    start = word.rstrip("*")
    if "*" in start or "?" in start:
        return Condition("word LIKE ? ESCAPE '\\'", [_like(word)])
    return Condition("word >= ? AND word < ?", [start, start + LAST], names_few=True)


async def _counts(rows: Rows, words: Sequence[Condition]) -> list[int]:
    """How many studies have each word, counted to FEW + 1; a word that no index finds counts as many."""
    asked = [one for one in words if one.names_few]
    if not asked:
        return [FEW + 1] * len(words)
    looks = (f"(SELECT count(*) FROM (SELECT 1 FROM name_word WHERE {one.sql} LIMIT {FEW + 1}) AS counted)" for one in asked)
    [counts] = await rows.all(f"SELECT {', '.join(looks)}", [value for one in asked for value in one.values])
    found = iter(counts)
    return [next(found) if one.names_few else FEW + 1 for one in words]
