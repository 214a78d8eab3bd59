"""From a file's bytes to the values that our rows need."""

import json
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom import config as pydicom_config
from pydicom.dataset import FileDataset

from imaging.dicom import fragments, json_model, preflight, sandbox, scanner
from imaging.dicom.errors import Undecodable
from imaging.dicom.json_model import Model
from imaging.dicom.preflight import Buffer, Layout
from imaging.dicom.refusals import Code, Refused
from imaging.dicom.scanner import HandOver

pydicom_config.settings.reading_validation_mode = pydicom_config.IGNORE
_quiet = threading.Lock()
"""`catch_warnings` changes the whole process, so one thread at a time."""


@dataclass(frozen=True)
class InstanceHeader:
    """One instance's facts, decoded: texts in Unicode, DICOM dates and times as written.

    pixel_offset, pixel_length, frame_length: of native little-endian pixels that can be read by range, else None.
    frame_table: of compressed ones, see `fragments`. frames: 0 without pixel data.
    metadata_json: DICOM JSON with placeholders for bulk data.
    """

    sop_class: str
    sop_uid: str
    study_uid: str
    series_uid: str
    transfer_syntax: str
    patient_name: str = ""
    patient_id: str = ""
    birth_date: str = ""
    sex: str = ""
    accession_number: str = ""
    study_date: str = ""
    study_time: str = ""
    study_description: str = ""
    study_id: str = ""
    referring_physician: str = ""
    modality: str = ""
    series_number: int | None = None
    series_description: str = ""
    body_part: str = ""
    laterality: str = ""
    series_date: str = ""
    series_time: str = ""
    performed_date: str = ""
    """Of the performed procedure step."""
    performed_time: str = ""
    step_id: str = ""
    """Scheduled Procedure Step ID and Requested Procedure ID of the first item of Request Attributes."""
    procedure_id: str = ""
    number: int | None = None
    rows: int | None = None
    columns: int | None = None
    frames: int = 0
    bits_allocated: int | None = None
    pixel_offset: int | None = None
    pixel_length: int | None = None
    frame_length: int | None = None
    frame_table: bytes | None = None
    metadata_json: str = ""


@contextmanager
def quiet() -> Iterator[None]:
    """Pydicom warns about what half the world's files do; we judge by values instead."""
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def examine(path: Path, data: Buffer) -> tuple[Layout, InstanceHeader]:
    """Judge a file and read everything but its pixels: plain ones by one scan, others by walk and library.

    path: where the same bytes lie, for the child process in which the library works. Raises Refused.
    """
    try:
        found = scanner.scan(data)
        layout, model = found.layout, found.model
        return layout, describe(layout, model, json_model.text_of(model))
    except HandOver:
        layout = preflight.check_bytes(data)
    try:
        text = sandbox.ask("model", path).decode()
    except Undecodable as error:  # the library's own faults are as many as the world's files
        seen = {"sop_class": layout.text(preflight.SOP_CLASS), "sop_uid": layout.text(preflight.SOP_UID)}
        raise Refused(Code.UNREADABLE, error.detail, **seen) from None
    return layout, describe(layout, json.loads(text), text)


def library_model(path: str) -> str:
    """The file's DICOM JSON as the library reads it. Runs in the child process: it may raise whatever it likes."""
    with quiet():
        dataset = pydicom.dcmread(path, defer_size=4096)
        _mend_character_set(dataset)
        return json_model.to_json(dataset)


def describe(layout: Layout, model: Model, metadata_json: str) -> InstanceHeader:
    """The columns of our rows out of a file's layout and its DICOM JSON."""
    in_place = layout.pixel_offset is not None and not (layout.syntax.big_endian or layout.syntax.deflated)
    native = in_place and layout.pixel_length is not None
    frames = layout.frames if layout.pixel_offset is not None else 0
    return InstanceHeader(
        sop_class=layout.text(preflight.SOP_CLASS),
        sop_uid=layout.text(preflight.SOP_UID),
        study_uid=layout.text(preflight.STUDY_UID),
        series_uid=layout.text(preflight.SERIES_UID),
        transfer_syntax=layout.syntax.uid,
        patient_name=_text(model, "00100010").rstrip("^"),
        patient_id=_text(model, "00100020"),
        birth_date=_text(model, "00100030"),
        sex=_text(model, "00100040"),
        accession_number=_text(model, "00080050"),
        study_date=_text(model, "00080020"),
        study_time=_text(model, "00080030"),
        study_description=_text(model, "00081030"),
        study_id=_text(model, "00200010"),
        referring_physician=_text(model, "00080090").rstrip("^"),
        modality=_text(model, "00080060"),
        series_number=_number(model, "00200011"),
        series_description=_text(model, "0008103E"),
        body_part=_text(model, "00180015"),
        laterality=_text(model, "00200060"),
        series_date=_text(model, "00080021"),
        series_time=_text(model, "00080031"),
        performed_date=_text(model, "00400244"),
        performed_time=_text(model, "00400245"),
        step_id=_text(_asked_for(model), "00400009"),
        procedure_id=_text(_asked_for(model), "00401001"),
        number=_number(model, "00200013"),
        rows=layout.number(preflight.ROWS) or None,
        columns=layout.number(preflight.COLUMNS) or None,
        frames=frames,
        bits_allocated=layout.number(preflight.BITS_ALLOCATED) or None,
        pixel_offset=layout.pixel_offset if native else None,
        pixel_length=layout.pixel_length if native else None,
        frame_length=_frame_length(layout) if native else None,
        frame_table=fragments.frame_table(layout, frames) if in_place and not native else None,
        metadata_json=metadata_json,
    )


def _frame_length(layout: Layout) -> int | None:
    bits = layout.frame_bits
    return None if bits % 8 and layout.frames > 1 else (bits + 7) // 8


def _mend_character_set(dataset: FileDataset) -> None:
    """Vietnamese devices write UTF-8 and forget to say so: without a named set, bytes that are UTF-8 are UTF-8."""
    if "SpecificCharacterSet" in dataset and dataset.SpecificCharacterSet:
        return
    raw = b"".join(v for e in dataset.values() if isinstance(v := getattr(e, "value", None), bytes) and len(v) < 1024)
    try:
        raw.decode("ascii")
    except UnicodeDecodeError:
        name = getattr(dataset.get_item("PatientName"), "value", b"") or b""
        try:
            (name if isinstance(name, bytes) else b"").decode("utf-8")
        except UnicodeDecodeError:
            return
        dataset.set_original_encoding(dataset.is_implicit_VR, dataset.is_little_endian, ["utf8"])


def _asked_for(model: Model) -> Model:
    """The first item of Request Attributes (0040,0275), empty where there is none."""
    items = model.get("00400275", {}).get("Value") or [{}]
    first = items[0]
    return first if isinstance(first, dict) else {}


def _text(model: Model, tag: str) -> str:
    """A value as one line; NUL, which PostgreSQL refuses in text, is taken out."""
    values = model.get(tag, {}).get("Value", ())
    pieces = ("=".join(one.values()) if isinstance(one, dict) else str(one) for one in values)
    return "\\".join(pieces).replace("\0", "").strip()[:1024]


def _number(model: Model, tag: str) -> int | None:
    try:
        number = int(_text(model, tag).partition("\\")[0])
    except ValueError:
        return None
    return number if abs(number) < 2**31 else None
