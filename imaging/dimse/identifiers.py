"""Identifiers of C-FIND, C-MOVE and C-GET (PS3.4, C.4): keys out of a peer's data set, answers out of our rows."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.multival import MultiValue
from pydicom.tag import Tag

from imaging.dicom.read import quiet
from imaging.dicom.uids import IMPLICIT_LE
from imaging.store.errors import BadSearch
from imaging.store.search import Level
from telehealth.core.rows import Row

LONGEST = 64 * 1024
UTF8 = "ISO_IR 192"
KEYWORDS_OF_QUERY = frozenset(("SpecificCharacterSet", "QueryRetrieveLevel", "RetrieveAETitle", "InstanceAvailability"))
Values = dict[str, Any]
"""Keyword -> value, as answers are gathered before it is known what was asked for."""


def decode(data: bytes, syntax: str) -> Dataset:
    """A peer's identifier; text without a named character set is UTF-8, as Vietnamese devices write it. Raises BadSearch."""
    try:
        with quiet():
            dataset = read_dataset(io.BytesIO(data), syntax == IMPLICIT_LE, is_little_endian=True)
            if not dataset.get("SpecificCharacterSet"):
                dataset.set_original_encoding(syntax == IMPLICIT_LE, True, ["utf8"])
            for _ in dataset.iterall():
                pass  # every value is parsed now, so that a broken one is refused here
            return dataset
    except Exception as error:  # the library's own faults are as many as the world's identifiers
        raise BadSearch(type(error).__name__) from None


def encode(dataset: Dataset, syntax: str) -> bytes:
    """Texts in UTF-8."""
    dataset.SpecificCharacterSet = UTF8
    file = DicomBytesIO()
    file.is_little_endian, file.is_implicit_VR = True, syntax == IMPLICIT_LE
    with quiet():
        write_dataset(file, dataset)
    return bytes(file.getvalue())


def text_of(value: Any) -> str:
    """A key's value as it is typed; several joined by a backslash."""
    if value is None:
        return ""
    if isinstance(value, MultiValue | list | tuple):
        return "\\".join(str(one) for one in value)
    return str(value)


def keys_of(dataset: Dataset, known: Iterable[str]) -> dict[str, str]:
    """Tag -> value of the matching keys that can be searched."""
    found = {f"{int(element.tag):08X}": text_of(element.value) for element in dataset if element.VR != "SQ"}
    searched = set(known)
    return {tag: value for tag, value in found.items() if tag in searched and value}


def answer(asked: Dataset, values: Mapping[str, Any], always: Iterable[str] = ()) -> Dataset:
    """One match: every attribute that was asked for, empty where we have none, and the unique keys of the level."""
    said = Dataset()
    for element in asked:
        keyword = element.keyword or keyword_for_tag(element.tag)
        if element.tag.group == 2 or element.tag.element == 0 or keyword == "SpecificCharacterSet":
            continue
        _put(said, element, values.get(keyword))
    for keyword in always:
        if keyword in values:
            said.add(DataElement(Tag(keyword), dictionary_VR(keyword), values[keyword]))
    return said


def _put(said: Dataset, element: DataElement, value: Any) -> None:
    if element.VR == "SQ":
        said.add(DataElement(element.tag, "SQ", _items(element, value or [])))
    else:
        said.add(DataElement(element.tag, element.VR, "" if value is None else value))


def _items(element: DataElement, found: Iterable[Mapping[str, Any]]) -> list[Dataset]:
    asked = element.value[0] if element.value else None
    return [answer(asked, item) if asked else answer(_everything(item), item) for item in found]


def _everything(values: Mapping[str, Any]) -> Dataset:
    dataset = Dataset()
    for keyword in values:
        vr = dictionary_VR(keyword)
        dataset.add(DataElement(Tag(keyword), vr, [] if vr == "SQ" else ""))
    return dataset


STUDY = (
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ModalitiesInStudy",
    "ReferringPhysicianName",
    "StudyDescription",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "NumberOfStudyRelatedSeries",
    "NumberOfStudyRelatedInstances",
)
SERIES = (
    "SeriesInstanceUID",
    "Modality",
    "SeriesDate",
    "SeriesTime",
    "SeriesDescription",
    "BodyPartExamined",
    "SeriesNumber",
    "Laterality",
    "NumberOfSeriesRelatedInstances",
    "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
    "ScheduledProcedureStepID",
    "RequestedProcedureID",
)
INSTANCE = (
    "SOPInstanceUID",
    "SOPClassUID",
    "AvailableTransferSyntaxUID",
    "InstanceNumber",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
)
COLUMNS = {Level.STUDY: STUDY, Level.SERIES: STUDY + SERIES, Level.INSTANCE: STUDY + SERIES + INSTANCE}
"""Keywords of `search.COLUMNS`, in their order."""


def of_row(level: Level, row: Row) -> Values:
    """What a row of the index says."""
    values = dict(zip(COLUMNS[level], row, strict=True))
    values["ModalitiesInStudy"] = [one for one in values["ModalitiesInStudy"].split("\\") if one]
    if level is Level.INSTANCE:
        values["NumberOfFrames"] = values["NumberOfFrames"] or None
    return values
