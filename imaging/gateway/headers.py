"""What a file's header says about its place in the queue. A clinic's own devices are believed; a broken header waits last."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from imaging.dicom.uids import is_uid

URGENT = frozenset({"STAT", "HIGH"})
"""Requested Procedure Priority (0040,1003) that overtakes everything else."""
KEY_MODALITIES = frozenset({"KO", "SR", "PR"})
TAGS = [
    "SpecificCharacterSet", "ImageType", "SOPInstanceUID", "StudyDate", "AccessionNumber", "Modality", "SeriesDescription",
    "PatientName", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "InstanceNumber", "RequestedProcedurePriority",
]  # fmt: skip
LAST = 99_999_999


@dataclass(frozen=True)
class Facts:
    """rank: sorts as text; smaller leaves first."""

    rank: str = "9"
    study_uid: str = ""
    series_uid: str = ""
    sop_uid: str = ""
    modality: str = ""
    description: str = ""
    series_number: int | None = None
    patient: str = ""
    study_date: str = ""
    accession: str = ""
    urgent: bool = False

    def columns(self) -> dict[str, Any]:
        return asdict(self)


def facts_of(path: Path) -> Facts:
    """From the header alone, pixels unread."""
    try:
        head = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=TAGS)
        return _facts(head)
    except (InvalidDicomError, OSError, ValueError, KeyError, AttributeError, NotImplementedError, EOFError):
        return Facts()


def _facts(head: Dataset) -> Facts:
    urgent = str(head.get("RequestedProcedurePriority", "")).strip() in URGENT
    modality = str(head.get("Modality", "") or "")
    first = "LOCALIZER" in str(head.get("ImageType", "")) or modality in KEY_MODALITIES
    series = _number(head.get("SeriesNumber"))
    place = (
        not urgent,
        not first,
        str(head.get("StudyDate", "") or ""),
        str(head.get("StudyInstanceUID", "") or ""),
        f"{LAST if series is None else series:09}",
        f"{_number(head.get('InstanceNumber')) or 0:09}",
    )
    return Facts(
        rank=" ".join(str(int(part)) if isinstance(part, bool) else part for part in place),
        study_uid=_uid(head.get("StudyInstanceUID")),
        series_uid=_uid(head.get("SeriesInstanceUID")),
        sop_uid=_uid(head.get("SOPInstanceUID")),
        modality=modality[:200],
        description=str(head.get("SeriesDescription", "") or "")[:200],
        series_number=series,
        patient=str(head.get("PatientName", "") or "").replace("^", " ").strip(),
        study_date=str(head.get("StudyDate", "") or ""),
        accession=str(head.get("AccessionNumber", "") or ""),
        urgent=urgent,
    )


def _uid(value: object) -> str:
    """Empty for what is none: such a file is sent without a word about its series."""
    uid = str(value or "")
    return uid if is_uid(uid) else ""


def _number(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None
