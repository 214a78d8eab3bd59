"""De-identified copies (PS3.15, Annex E). What may leave is data, in `confidentiality`; here it is applied.

One project has one secret: the same person, study and image get the same new identities in every copy of that project,
and others in every other project. Nothing of the old ones can be computed back without the secret.
Runs in the child process of `sandbox`: foreign bytes are parsed and, where text is blanked, unpacked.
"""

import hmac
import io
import re
from base64 import b32encode
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from imaging.dicom.burned_in import BurnedIn, judge
from imaging.dicom.confidentiality import BY_VR, BYTES_THAT_ARE_PIXELS, CODES, DRAWN_OVER, TABLE, Option
from imaging.dicom.vocabulary import technical_words

EVERYTHING = frozenset(Option) - {Option.DEVICE}
SHIFT_DAYS = 3650
STANDARD_UIDS = "1.2.840.10008."
DOCUMENTS = ("1.2.840.10008.5.1.4.1.1.88.", "1.2.840.10008.5.1.4.1.1.104.", "1.2.840.10008.5.1.4.1.1.66", "1.2.840.10008.1.3.10")
"""Reports, encapsulated documents, raw data, directories: their content is prose or unknown; it does not leave this way."""
WRITTEN_BY = ("2.25.108346216983745092351826375094718254360", "TELEHEALTH")
SHARED_TEXT_VRS = ("PN", "AE", "LO", "LT", "SH", "ST", "UC", "UR", "UT")
CONTENT = 0x0040A730


class NotShareable(Exception):
    """A word why no copy can be made."""


@dataclass(frozen=True)
class Project:
    """secret: 32 bytes. pixels_seen: a person has looked at every picture and found no text beyond the known regions."""

    secret: bytes
    options: frozenset[Option] = EVERYTHING
    pixels_seen: bool = False

    def _digest(self, kind: str, old: str) -> bytes:
        return hmac.new(self.secret, f"{kind}\n{old}".encode(), sha256).digest()

    def uid(self, old: str) -> str:
        """Under 2.25 (PS3.5, B.2): at most 44 characters."""
        return f"2.25.{int.from_bytes(self._digest('uid', old)[:16], 'big')}"

    def pseudonym(self, patient: str) -> str:
        return "P" + b32encode(self._digest("patient", patient)[:8]).decode().rstrip("=")

    def shift(self, patient: str) -> timedelta:
        """One to ten years back, the same for everything of a person: the distances stay true."""
        return timedelta(days=-365 - int.from_bytes(self._digest("dates", patient)[:4], "big") % (SHIFT_DAYS - 365))


def copy_of(path: str, project: Project) -> bytes:
    """A Part 10 file that may leave. Raises NotShareable."""
    dataset = dcmread(path)
    out = io.BytesIO()
    deidentified(dataset, project).save_as(out, enforce_file_format=True)
    return out.getvalue()


def deidentified(dataset: FileDataset, project: Project) -> FileDataset:
    """A new data set. The old one is used up. Raises NotShareable(document | text-in-pixels | undecodable)."""
    if str(dataset.get("SOPClassUID", "")).startswith(DOCUMENTS) or CONTENT in dataset or "PixelData" not in dataset:
        raise NotShareable("document")
    patient = "\n".join(str(dataset.get(name, "")) for name in ("PatientID", "IssuerOfPatientID", "PatientName"))
    blanked = _clean_pixels(dataset, project)
    _Cleaner(project, patient).clean(dataset)
    dataset.PatientID = dataset.PatientName = project.pseudonym(patient)
    _say_so(dataset, project, blanked)
    return _with_new_head(dataset)


class _Cleaner:
    def __init__(self, project: Project, patient: str) -> None:
        self.project, self.shift = project, project.shift(patient)

    def clean(self, dataset: Dataset) -> None:
        for tag in list(dataset.keys()):
            if tag.is_private or any(tag.group & 0xFF00 == group for group in DRAWN_OVER):
                del dataset[tag]
                continue
            kept = self._judged(dataset[tag])
            if kept is None:
                del dataset[tag]
            else:
                dataset[tag] = kept

    def _judged(self, element: DataElement) -> DataElement | None:
        rule = TABLE.get(int(element.tag))
        action = rule.action(self.project.options) if rule else self._by_kind(element)
        match action:
            case "X":
                return None
            case "Z":
                element.value = "" if element.VR != "SQ" else Sequence()
            case "D":
                element.value = "-"
            case "U":
                element.value = self._each(element.value, self._uid)
            case "C":
                element.value = self._cleaned(element)
                return None if element.value in (None, "") else element
        return element

    def _by_kind(self, element: DataElement) -> str:
        if int(element.tag) in BYTES_THAT_ARE_PIXELS:
            return "K"
        action = BY_VR.get(element.VR, "K")
        return ("C" if Option.DATES in self.project.options else "X") if action == "dates" else action

    def _uid(self, old: str) -> str:
        return old if old.startswith(STANDARD_UIDS) else self.project.uid(old)

    def _cleaned(self, element: DataElement) -> Any:
        match element.VR:
            case "SQ":
                for item in element.value:
                    self.clean(item)
                return element.value
            case "DA" | "DT":
                return self._each(element.value, self._moved)
            case "TM":
                return element.value  # moved by whole days
            case vr if vr in SHARED_TEXT_VRS:
                return technical_words(str(element.value or ""))
        return None

    def _moved(self, old: str) -> str:
        """DA, or DT with its time and zone; what is no date is no loss."""
        found = re.fullmatch(r"(\d{4})\.?(\d{2})\.?(\d{2})([\d.+-]*)", old.strip())
        try:
            moved = date(int(found[1]), int(found[2]), int(found[3])) + self.shift if found else None
        except (ValueError, OverflowError):
            moved = None
        return f"{moved:%Y%m%d}{found[4]}" if moved and found else ""

    @staticmethod
    def _each(value: Any, change: Any) -> Any:
        if value is None or value == "":
            return value
        if isinstance(value, list | tuple) or type(value).__name__ == "MultiValue":
            return [change(str(one)) for one in value]
        return change(str(value))


def _say_so(dataset: Dataset, project: Project, blanked: bool) -> None:
    """PS3.15, E.1.1 step 6; PS3.3, C.7.1.1 and C.12.1."""
    dataset.PatientIdentityRemoved = "YES"
    done = project.options - ({Option.PIXELS} if not blanked else frozenset())
    listed = [None, *sorted(done)]
    dataset.DeidentificationMethod = [CODES[one][1][:64] for one in listed]
    dataset.DeidentificationMethodCodeSequence = [_code(*CODES[one]) for one in listed]
    dataset.LongitudinalTemporalInformationModified = "MODIFIED" if Option.DATES in project.options else "REMOVED"
    dataset.BurnedInAnnotation = "NO"


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _with_new_head(dataset: FileDataset) -> FileDataset:
    syntax = dataset.file_meta.TransferSyntaxUID
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.ImplementationClassUID, dataset.file_meta.ImplementationVersionName = WRITTEN_BY
    dataset.preamble = bytes(128)
    return dataset


# text in the pixels -----------------------------------------------------------------------------------------------


def _clean_pixels(dataset: FileDataset, project: Project) -> bool:
    """Blank what lies outside the regions that an ultrasound names (PS3.3, C.8.5.5.1). Returns whether it was done.

    Raises NotShareable where text may stand in the picture and nobody has looked.
    """
    suspect = judge(_facts(dataset)) is not BurnedIn.NO
    regions = _regions(dataset) if Option.PIXELS in project.options else []
    if suspect and not project.pixels_seen:
        raise NotShareable("text-in-pixels")
    if not regions:
        return False
    try:
        pixels = np.array(dataset.pixel_array)
    except Exception:
        raise NotShareable("undecodable") from None
    frames = pixels if int(dataset.get("NumberOfFrames") or 1) > 1 else pixels[np.newaxis]
    seen = np.zeros(frames.shape[1:3], bool)
    for left, top, right, bottom in regions:
        seen[top : bottom + 1, left : right + 1] = True
    frames[:, ~seen] = 0
    _store(dataset, frames)
    return True


def _facts(dataset: Dataset) -> dict[str, Any]:
    """What `judge` looks at, as DICOM JSON has it."""
    found = {}
    for tag in ("00280301", "00080016", "00080060", "00080064", "00080008"):
        value = dataset.get(int(tag, 16))
        if value is not None and value.value:
            found[tag] = {"Value": list(value.value) if value.VM > 1 else [str(value.value)]}
    return found


def _regions(dataset: Dataset) -> list[tuple[int, int, int, int]]:
    """(left, top, right, bottom) in pixels, inclusive, cut to the picture."""
    found = []
    for region in dataset.get("SequenceOfUltrasoundRegions") or []:
        corners = [region.get(f"RegionLocation{name}") for name in ("MinX0", "MinY0", "MaxX1", "MaxY1")]
        if all(isinstance(one, int) and one >= 0 for one in corners):
            found.append((corners[0], corners[1], min(corners[2], dataset.Columns - 1), min(corners[3], dataset.Rows - 1)))
    return found


def _store(dataset: FileDataset, frames: Any) -> None:
    if dataset.file_meta.TransferSyntaxUID.is_compressed or dataset.file_meta.TransferSyntaxUID.is_deflated:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        if dataset.SamplesPerPixel == 3:
            dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    content = frames.tobytes()
    dataset.PixelData = content + b"\0" * (len(content) % 2)
    dataset["PixelData"].VR = "OW" if dataset.BitsAllocated > 8 else "OB"
    dataset["PixelData"].is_undefined_length = False
