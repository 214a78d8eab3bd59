"""UPS-RS (PS3.18, 11; PS3.4, CC): what a workitem looks like as DICOM JSON, and what its requests say. Pure.

Workitems are reading tasks, which imaging does not know: the floor of referrals turns its rows into `Workitem` here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from imaging.dicom.uids import is_uid
from telehealth.core.errors import Invalid
from telehealth.core.names import fold

Model = dict[str, Any]

PUSH_CLASS = "1.2.840.10008.5.1.4.34.6.1"
ALL_WORKITEMS = "1.2.840.10008.5.1.4.34.5"
"""The well-known UID that stands for every workitem in a global subscription."""
STATE, TRANSACTION, PRIORITY, LABEL = "00741000", "00081195", "00741200", "00741204"
PATIENT_NAME, PATIENT_ID = "00100010", "00100020"
START, ACCESSION, REQUEST = "00404005", "00080050", "0040A370"
PROGRESS_SEQUENCE, PROGRESS, PROGRESS_TEXT = "00741002", "00741004", "00741006"
COMMENT, REASON = "00400400", "00741238"
STATION_PLACE, CODE_VALUE = "00404027", "00080100"


class State(StrEnum):
    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"


class BadWorkitem(Invalid):
    code = "bad-workitem"
    title = "The workitem cannot be understood"


@dataclass(frozen=True)
class Workitem:
    """One reading task. studies: (Study Instance UID, retrieve address). progress: percent, None before any was told."""

    uid: str
    state: State
    priority: str
    """HIGH, MEDIUM or LOW."""
    label: str
    comment: str
    accession_number: str
    patient_name: str
    """As a DICOM person name."""
    patient_id: str
    birth_date: str
    sex: str
    start_at: datetime
    due_at: datetime | None
    modified_at: datetime
    performer: str = ""
    studies: tuple[tuple[str, str], ...] = ()
    progress: int | None = None
    progress_text: str = ""
    cancel_reason: str = ""


def model(item: Workitem) -> Model:
    """The attributes that a performer needs; the Transaction UID is never told (PS3.4, CC.2.5.1)."""
    said = {
        "00080005": _is("CS", "ISO_IR 192"),
        "00080016": _is("UI", PUSH_CLASS),
        "00080018": _is("UI", item.uid),
        PATIENT_NAME: _is("PN", {"Alphabetic": item.patient_name} if item.patient_name else None),
        PATIENT_ID: _is("LO", item.patient_id),
        "00100030": _is("DA", item.birth_date),
        "00100040": _is("CS", item.sex),
        "00404005": _is("DT", _instant(item.start_at)),
        "00404010": _is("DT", _instant(item.modified_at)),
        "00404011": _is("DT", _instant(item.due_at)),
        "00404018": _sequence([_code("110005", "DCM", "Interpretation")]),
        "00404021": _sequence(_input(*study) for study in item.studies),
        "00404041": _is("CS", "READY" if item.studies else "INCOMPLETE"),
        COMMENT: _is("LT", item.comment),
        REQUEST: _sequence([{ACCESSION: _is("SH", item.accession_number), "00401001": _is("SH", item.accession_number)}]),
        STATE: _is("CS", item.state.value),
        PROGRESS_SEQUENCE: _sequence(_progress(item)),
        PRIORITY: _is("CS", item.priority),
        "00741202": _is("LO", "READING"),
        LABEL: _is("LO", item.label),
        "00741216": _sequence(_performed(item)),
    }
    return dict(sorted(said.items()))


def _is(vr: str, value: Any) -> Model:
    return {"vr": vr} if value in ("", None) else {"vr": vr, "Value": [value]}


def _sequence(items: Iterable[Model]) -> Model:
    found = list(items)
    return {"vr": "SQ", "Value": found} if found else {"vr": "SQ"}


def _instant(at: datetime | None) -> str:
    return at.strftime("%Y%m%d%H%M%S%z") if at else ""


def _code(value: str, scheme: str, meaning: str) -> Model:
    return {CODE_VALUE: _is("SH", value), "00080102": _is("SH", scheme), "00080104": _is("LO", meaning)}


def _input(study_uid: str, address: str) -> Model:
    return {
        "0020000D": _is("UI", study_uid),
        "0040E020": _is("CS", "DICOM"),
        "0040E025": _sequence([{"00081190": _is("UR", address)}]),
    }


def _progress(item: Workitem) -> list[Model]:
    told: Model = {}
    if item.progress is not None:
        told[PROGRESS] = _is("DS", item.progress)
        told[PROGRESS_TEXT] = _is("ST", item.progress_text)
    if item.cancel_reason:
        told[REASON] = _is("LT", item.cancel_reason)
    return [told] if told else []


def _performed(item: Workitem) -> list[Model]:
    return [{"00404035": _sequence([{"00404037": _is("PN", {"Alphabetic": item.performer})}])}] if item.performer else []


# --- what requests say


def data_set(body: Any) -> Model:
    """The one data set of a request: an object, or a list with one. Raises BadWorkitem."""
    one = body[0] if isinstance(body, list) and len(body) == 1 else body
    if not isinstance(one, dict) or not all(isinstance(value, dict) for value in one.values()):
        raise BadWorkitem("a DICOM JSON data set is expected")
    return one


def text(dataset: Mapping[str, Any], *path: str) -> str:
    """The first value at a tag, or at a path of tags through first items; empty where there is none. Raises BadWorkitem."""
    found: Any = dataset
    for tag in path:
        values = (
            found.get(tag, {}).get("Value") if isinstance(found, Mapping) and isinstance(found.get(tag, {}), Mapping) else None
        )
        if values is None:
            return ""
        if not isinstance(values, list):
            raise BadWorkitem(tag)
        found = values[0] if values else ""
    if isinstance(found, dict):
        found = found.get("Alphabetic", "")
    if not isinstance(found, str | int | float) or "\0" in str(found):
        raise BadWorkitem(path[-1])
    return str(found).strip()


def asked_state(dataset: Mapping[str, Any]) -> tuple[State, str]:
    """(the state that is asked for, Transaction UID). Raises BadWorkitem without either."""
    transaction, state = text(dataset, TRANSACTION), text(dataset, STATE)
    if not is_uid(transaction) or state not in list(State)[1:]:
        raise BadWorkitem("state and transaction UID are needed")
    return State(state), transaction


def progress_of(dataset: Mapping[str, Any]) -> tuple[int | None, str]:
    """(percent, words) of an update. Raises BadWorkitem."""
    told = text(dataset, PROGRESS_SEQUENCE, PROGRESS)
    try:
        percent = round(float(told)) if told else None
    except (ValueError, OverflowError):
        raise BadWorkitem(PROGRESS) from None
    if percent is not None and not 0 <= percent <= 100:
        raise BadWorkitem(PROGRESS)
    return percent, text(dataset, PROGRESS_SEQUENCE, PROGRESS_TEXT)[:1024]


KEYWORDS = {
    "ProcedureStepState": STATE,
    "PatientName": PATIENT_NAME,
    "PatientID": PATIENT_ID,
    "ScheduledProcedureStepPriority": PRIORITY,
    "ScheduledProcedureStepStartDateTime": START,
    "ProcedureStepLabel": LABEL,
    "AccessionNumber": ACCESSION,
    "ReferencedRequestSequence.AccessionNumber": ACCESSION,
    f"{REQUEST}.{ACCESSION}": ACCESSION,
}
"""Names under which a search may give its keys, besides the tags themselves."""


def keys_of(query: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Tag -> value of a search. Keys that we do not search are passed over."""
    found = {KEYWORDS.get(name, name.upper()): value for name, value in query}
    return {tag: value for tag, value in found.items() if tag in KEYWORDS.values() and value}


def matches(item: Workitem, keys: Mapping[str, str]) -> bool:
    """Names in any order, with or without marks; times by range; the rest exactly."""
    plain = {STATE: item.state.value, PATIENT_ID: item.patient_id, PRIORITY: item.priority, LABEL: item.label}
    plain[ACCESSION] = item.accession_number
    words = [word.rstrip("*") for word in fold(keys.get(PATIENT_NAME, "")).split()]
    named = all(any(own.startswith(word) for own in fold(item.patient_name).split()) for word in words)
    return (
        named
        and all(value == keys[tag] for tag, value in plain.items() if tag in keys)
        and _during(keys.get(START, ""), item.start_at.strftime("%Y%m%d%H%M%S"))
    )


def _during(asked: str, at: str) -> bool:
    """`20260101`, `20260101-`, `-20261231`, `20260101-20261231`, each to any precision; in UTC."""
    start, dash, end = asked.partition("-")
    if not dash:
        return at.startswith(start)
    return at >= start and (not end or at[: len(end)] <= end)
