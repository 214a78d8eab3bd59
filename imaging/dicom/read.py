"""From a file that passed the pre-flight walk to the values that our rows need."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom import config as pydicom_config
from pydicom.dataset import FileDataset

from imaging.dicom import json_model, preflight
from imaging.dicom.preflight import Layout
from imaging.dicom.refusals import Code, Refused

pydicom_config.settings.reading_validation_mode = pydicom_config.IGNORE
_quiet = threading.Lock()
"""`catch_warnings` changes the whole process, so one thread at a time."""


@dataclass(frozen=True)
class InstanceHeader:
    """One instance's facts, decoded: texts in Unicode, DICOM dates and times as written.

    pixel_offset, pixel_length: of native little-endian pixels that can be read by range, else None.
    frames: 0 without pixel data. metadata_json: DICOM JSON with placeholders for bulk data.
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
    number: int | None = None
    rows: int | None = None
    columns: int | None = None
    frames: int = 0
    bits_allocated: int | None = None
    pixel_offset: int | None = None
    pixel_length: int | None = None
    metadata_json: str = ""


@contextmanager
def quiet() -> Iterator[None]:
    """Pydicom warns about what half the world's files do; we judge by values instead."""
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def header(path: Path, layout: Layout) -> InstanceHeader:
    """Read everything but the pixels. Raises Refused(unreadable)."""
    try:
        with quiet():
            dataset = pydicom.dcmread(path, stop_before_pixels=False, defer_size=4096)
            return _header(dataset, layout)
    except Refused:
        raise
    except Exception as error:  # the library's own faults are as many as the world's files
        raise Refused(Code.UNREADABLE, type(error).__name__, sop_uid=layout.text(preflight.SOP_UID)) from error


def _header(dataset: FileDataset, layout: Layout) -> InstanceHeader:
    _mend_character_set(dataset)

    def text(name: str) -> str:
        return _text(dataset, name)

    in_place = layout.pixel_length is not None and not (layout.syntax.big_endian or layout.syntax.deflated)
    pixels = layout.pixel_offset is not None
    return InstanceHeader(
        sop_class=layout.text(preflight.SOP_CLASS),
        sop_uid=layout.text(preflight.SOP_UID),
        study_uid=layout.text(preflight.STUDY_UID),
        series_uid=layout.text(preflight.SERIES_UID),
        transfer_syntax=layout.syntax.uid,
        patient_name=text("PatientName").rstrip("^"),
        patient_id=text("PatientID"),
        birth_date=text("PatientBirthDate"),
        sex=text("PatientSex"),
        accession_number=text("AccessionNumber"),
        study_date=text("StudyDate"),
        study_time=text("StudyTime"),
        study_description=text("StudyDescription"),
        study_id=text("StudyID"),
        referring_physician=text("ReferringPhysicianName").rstrip("^"),
        modality=text("Modality"),
        series_number=_number(dataset, "SeriesNumber"),
        series_description=text("SeriesDescription"),
        body_part=text("BodyPartExamined"),
        laterality=text("Laterality"),
        series_date=text("SeriesDate"),
        series_time=text("SeriesTime"),
        number=_number(dataset, "InstanceNumber"),
        rows=layout.number(preflight.ROWS) or None,
        columns=layout.number(preflight.COLUMNS) or None,
        frames=layout.frames if pixels else 0,
        bits_allocated=layout.number(preflight.BITS_ALLOCATED) or None,
        pixel_offset=layout.pixel_offset if in_place else None,
        pixel_length=layout.pixel_length if in_place else None,
        metadata_json=json_model.to_json(dataset),
    )


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


def _text(dataset: FileDataset, name: str) -> str:
    """A value as one line; NUL, which PostgreSQL refuses in text, is taken out."""
    try:
        value: Any = dataset.get(name)
    except Exception:  # an unreadable value is no value; the UIDs were checked before
        return ""
    if value is None:
        return ""
    if isinstance(value, list | tuple) or type(value).__name__ == "MultiValue":
        value = "\\".join(str(one) for one in value)
    return str(value).replace("\0", "").strip()[:1024]


def _number(dataset: FileDataset, name: str) -> int | None:
    try:
        number = int(_text(dataset, name).partition("\\")[0])
    except ValueError:
        return None
    return number if abs(number) < 2**31 else None
