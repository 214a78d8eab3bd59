"""A photograph of a film becomes a DICOM image (Secondary Capture, PS3.3 A.8.1), so that it is read like every other.

The same photograph for the same question gives the same bytes, so that it is one instance however often it is sent. It
has no date: when an old film was taken nobody knows here. Its pixels stay as they are; what a camera writes beside
them, such as the place, is left out.
"""

from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from io import BytesIO
from uuid import UUID

from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, JPEGBaseline8Bit, SecondaryCaptureImageStorage

from imaging.dicom.person_names import person_name

BASELINE_FRAME, START_OF_SCAN = 0xC0, 0xDA
APPLICATION = range(0xE1, 0xF0)
"""APP1 to APP15: camera, place, thumbnail. JFIF's own (APP0) stays; Adobe's (APP14) means other colours: not taken."""
ADOBE, COMMENT = 0xEE, 0xFE
DESCRIPTION = "Ảnh chụp phim"
SEXES = {"male": "M", "female": "F", "other": "O"}


@dataclass(frozen=True)
class Depicted:
    """Whose film it is, and what it belongs to: one study for each."""

    name: str
    birth_date: date | None
    sex: str
    """FHIR AdministrativeGender."""
    question: str
    accession: str = ""


@dataclass(frozen=True)
class Baseline:
    rows: int
    columns: int
    components: int
    stream: bytes
    """The picture without what the camera wrote beside it."""


def baseline(jpeg: bytes) -> Baseline | None:
    """The parts of a JPEG that DICOM takes as it is (ISO 10918-1, B.1.1.4; 8 bits, grey or YCbCr); None for others."""
    kept, at = [jpeg[:2]], 2
    frame: tuple[int, int, int] | None = None
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:
        marker, length = jpeg[at + 1], 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        segment = jpeg[at : at + length]
        if marker == START_OF_SCAN:
            rows, columns, components = frame or (0, 0, 0)
            usable = rows and columns and components in (1, 3) and jpeg.rstrip(b"\0").endswith(b"\xff\xd9")
            return Baseline(rows, columns, components, b"".join(kept) + jpeg[at:]) if usable else None
        if marker == ADOBE or len(segment) < length:
            return None
        if marker == BASELINE_FRAME and length >= 10 and segment[4] == 8:
            frame = int.from_bytes(segment[5:7], "big"), int.from_bytes(segment[7:9], "big"), segment[9]
        if marker not in APPLICATION and marker != COMMENT:
            kept.append(segment)
        at += length
    return None


def as_dicom(picture: Baseline, whose: Depicted) -> bytes:
    """A Part 10 file around the picture."""
    sop_uid = _uid(whose.question, sha256(picture.stream).hexdigest())
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = SecondaryCaptureImageStorage, sop_uid
    meta.TransferSyntaxUID = JPEGBaseline8Bit
    data = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = SecondaryCaptureImageStorage, sop_uid
    data.StudyInstanceUID, data.SeriesInstanceUID = _uid(whose.question, "study"), _uid(whose.question, "series")
    data.PatientName, data.PatientID = person_name(whose.name), ""
    data.PatientBirthDate = whose.birth_date.strftime("%Y%m%d") if whose.birth_date else ""
    data.PatientSex = SEXES.get(whose.sex, "")
    data.StudyDate, data.StudyTime, data.ReferringPhysicianName, data.StudyID = "", "", "", ""
    data.AccessionNumber, data.Modality, data.ConversionType = whose.accession, "OT", "DF"
    data.StudyDescription = data.SeriesDescription = DESCRIPTION
    data.SeriesNumber, data.InstanceNumber, data.PatientOrientation, data.BurnedInAnnotation = "1", "", "", "YES"
    data.SamplesPerPixel = picture.components
    data.PhotometricInterpretation = "MONOCHROME2" if picture.components == 1 else "YBR_FULL_422"
    if picture.components == 3:
        data.PlanarConfiguration = 0
    data.Rows, data.Columns = picture.rows, picture.columns
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.LossyImageCompression, data.LossyImageCompressionMethod = "01", "ISO_10918_1"
    data.PixelData = encapsulate([picture.stream])
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    out = BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _uid(*parts: str) -> UID:
    """The same parts, the same UID (2.25, PS3.5 B.2)."""
    return UID(f"2.25.{UUID(bytes=sha256(repr(parts).encode()).digest()[:16], version=4).int}")
