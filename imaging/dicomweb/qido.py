"""QIDO-RS (PS3.18, 10.6): from query strings to a Search, from rows to DICOM JSON written as text.

A list of attributes as JSON members sorts by tag as text, because every member begins with its tag.
"""

import json
import re
from collections.abc import Iterable
from json.encoder import encode_basestring as quoted

from pydicom.datadict import tag_for_keyword

from imaging.store.errors import BadSearch
from imaging.store.search import KEYS, PAGE, Level, Search
from telehealth.core.rows import Row

STUDY_WIDTH, SERIES_WIDTH = 14, 13
"""Columns of each level in a row of `search.find`."""


def tag_of(name: str) -> str:
    """`PatientName`, `00100010` -> 00100010; sequences by their last step. Raises BadSearch for what is neither."""
    last = name.rpartition(".")[2]
    if re.fullmatch(r"[0-9A-Fa-f]{8}", last):
        return last.upper()
    tag = tag_for_keyword(last)
    if tag is None:
        raise BadSearch("an attribute is not known")
    return f"{tag:08X}"


def parse(query: Iterable[tuple[str, str]], **fixed: str) -> tuple[Search, list[str]]:
    """(the search, tags that were asked for and are not supported). fixed: tag -> value from the path."""
    keys: dict[str, str] = {}
    include: set[str] = set()
    unsupported: list[str] = []
    page = {"limit": PAGE, "offset": 0}
    fuzzy = False
    for name, value in query:
        if name in page:
            page[name] = _whole(value)
        elif name == "includefield":
            include.update("all" if one == "all" else tag_of(one) for one in value.split(",") if one)
        elif name == "fuzzymatching":
            fuzzy = value.lower() == "true"
        elif (tag := tag_of(name)) in KEYS:
            keys[tag] = value
        else:
            unsupported.append(tag)
    return Search(keys | fixed, frozenset(include), min(page["limit"], PAGE), page["offset"], fuzzy), unsupported


def _whole(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise BadSearch("limit and offset are whole numbers")
    return int(value)


def _text(tag: str, vr: str, value: str) -> str:
    """An empty value stands as an attribute without Value."""
    return f'"{tag}":{{"vr":"{vr}","Value":[{quoted(value)}]}}' if value else f'"{tag}":{{"vr":"{vr}"}}'


def _number(tag: str, vr: str, value: int | None) -> str:
    return f'"{tag}":{{"vr":"{vr}"}}' if value is None else f'"{tag}":{{"vr":"{vr}","Value":[{value}]}}'


def _person(tag: str, name: str) -> str:
    if "=" not in name:
        return f'"{tag}":{{"vr":"PN","Value":[{{"Alphabetic":{quoted(name)}}}]}}' if name else f'"{tag}":{{"vr":"PN"}}'
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), name.split("="), strict=False)
    value = ",".join(f'"{group}":{quoted(text)}' for group, text in groups if text)
    return f'"{tag}":{{"vr":"PN","Value":[{{{value}}}]}}' if value else f'"{tag}":{{"vr":"PN"}}'


def _several(tag: str, vr: str, values: str) -> str:
    found = ",".join(quoted(one) for one in values.split("\\") if one)
    return f'"{tag}":{{"vr":"{vr}","Value":[{found}]}}' if found else f'"{tag}":{{"vr":"{vr}"}}'


def study_members(row: Row) -> list[str]:
    """Table 10.6.3-3, but for the address."""
    uid, date, time, accession, modalities, physician, description, name, patient_id, born, sex, study_id, series, instances = row
    return [
        '"00080005":{"vr":"CS","Value":["ISO_IR 192"]}',
        _text("00080020", "DA", date),
        _text("00080030", "TM", time),
        _text("00080050", "SH", accession),
        '"00080056":{"vr":"CS","Value":["ONLINE"]}',
        _several("00080061", "CS", modalities),
        _person("00080090", physician),
        _text("00081030", "LO", description),
        _person("00100010", name),
        _text("00100020", "LO", patient_id),
        _text("00100030", "DA", born),
        _text("00100040", "CS", sex),
        _text("0020000D", "UI", uid),
        _text("00200010", "SH", study_id),
        _number("00201206", "IS", series),
        _number("00201208", "IS", instances),
    ]


def series_members(row: Row) -> list[str]:
    """Table 10.6.3-4, but for the address."""
    uid, modality, date, time, description, body_part, number, laterality, instances, *asked = row
    return [
        *_asked_for(*asked),
        _text("00080021", "DA", date),
        _text("00080031", "TM", time),
        _text("00080060", "CS", modality),
        _text("0008103E", "LO", description),
        _text("00180015", "CS", body_part),
        _text("0020000E", "UI", uid),
        _number("00200011", "IS", number),
        _text("00200060", "CS", laterality),
        _number("00201209", "IS", instances),
    ]


def _asked_for(date: str, time: str, step_id: str, procedure_id: str) -> list[str]:
    """The performed step, and Request Attributes where the series has any."""
    found = [_text("00400244", "DA", date), _text("00400245", "TM", time)]
    if step_id or procedure_id:
        item = f"{_text('00400009', 'SH', step_id)},{_text('00401001', 'SH', procedure_id)}"
        found.append(f'"00400275":{{"vr":"SQ","Value":[{{{item}}}]}}')
    return found


def instance_members(row: Row) -> list[str]:
    """Table 10.6.3-5, but for the address."""
    uid, sop_class, syntax, number, frames, rows, columns, bits = row
    found = [
        _text("00080016", "UI", sop_class),
        _text("00080018", "UI", uid),
        _text("00083002", "UI", syntax),
        _number("00200013", "IS", number),
    ]
    if frames:
        found += [
            _number("00280008", "IS", frames),
            _number("00280010", "US", rows),
            _number("00280011", "US", columns),
            _number("00280100", "US", bits),
        ]
    return found


def members(level: Level, row: Row, base: str) -> list[str]:
    """One row of a search as JSON members, those of the levels above among them (relational queries)."""
    end = STUDY_WIDTH + SERIES_WIDTH
    found, address = study_members(row[:STUDY_WIDTH]), f"{base}/studies/{row[0]}"
    if level is not Level.STUDY:
        found += series_members(row[STUDY_WIDTH:end])
        address += f"/series/{row[STUDY_WIDTH]}"
    if level is Level.INSTANCE:
        found += instance_members(row[end:])
        address += f"/instances/{row[end]}"
    return [*found, _text("00081190", "UR", address)]


def as_json(level: Level, rows: Iterable[Row], base: str) -> str:
    return "[" + ",".join(["{" + ",".join(sorted(members(level, row, base))) + "}" for row in rows]) + "]"


def with_own(level: Level, row: Row, base: str, metadata: str, include: frozenset[str]) -> str:
    """One row and, of the instance's own metadata, what `include` names."""
    found = json.loads("{" + ",".join(members(level, row, base)) + "}")
    own = json.loads(metadata).items()
    found |= {tag: value for tag, value in own if tag not in found and ("all" in include or tag in include)}
    return json.dumps(dict(sorted(found.items())), ensure_ascii=False, separators=(",", ":"))
