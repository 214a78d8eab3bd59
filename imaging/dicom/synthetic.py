"""Studies made by code: they look like anatomy, belong to nobody, and say so in the pixels and in the header.

One chest model (`_hounsfield`) gives the CT its slices and, projected, the radiograph. The same arguments give the
same bytes. Names are Vietnamese in ISO_IR 192.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from io import BytesIO
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    UltrasoundMultiFrameImageStorage,
)

from imaging.dicom.person_names import person_name

Floats = NDArray[np.float32]

INSTITUTION = "SYNTHETIC DATA"
COMMENT = "SYNTHETIC. Made by a program; not a person, not for diagnosis."
CT_FIELD_MM = 380.0
CT_STEP_MM = 5.0
AIR, LUNG, FAT, MUSCLE, BLOOD, BONE = -1000.0, -840.0, -95.0, 45.0, 55.0, 420.0


@dataclass(frozen=True)
class PatientFacts:
    """What the header says of the person. name: whole, as written in Vietnamese (family, middle, given)."""

    name: str
    patient_id: str = ""
    birth_date: date | None = None
    sex: str = "unknown"
    """FHIR AdministrativeGender."""


def ct_volume(
    patient: PatientFacts,
    accession: str = "",
    slices: int = 40,
    seed: int = 1,
    size: int = 256,
    taken_at: datetime | None = None,
) -> list[bytes]:
    """A chest CT from below upwards, 5 mm a slice, a round lesion in the right upper lobe: Part 10 files."""
    return list(_ct_files(patient, accession, slices, seed, size, taken_at or datetime(2026, 11, 2, 8, 30, tzinfo=UTC)))


def _ct_files(patient: PatientFacts, accession: str, slices: int, seed: int, size: int, at: datetime) -> Iterator[bytes]:
    rng = np.random.default_rng(seed)
    spacing = CT_FIELD_MM / size
    centres = ((np.arange(size) + 0.5) * spacing - CT_FIELD_MM / 2).astype(np.float32)
    first_z = -slices * CT_STEP_MM / 2
    vessels = _cloud(rng, size, slices, spacing)
    for index in range(slices):
        z = first_z + index * CT_STEP_MM
        plane = _hounsfield(centres[None, :], centres[:, None], np.float32(z), vessels[index])
        plane += rng.normal(0, 14, plane.shape).astype(np.float32)
        stored = np.clip(np.rint(plane + 1024), 0, 4095).astype(np.uint16)
        _burn(stored, 1800)
        data = _header(patient, accession, "CT", CTImageStorage, at, seed, index + 1, "CT ngực không tiêm thuốc")
        data.BodyPartExamined, data.Manufacturer, data.KVP = "CHEST", INSTITUTION, "120"
        data.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
        data.SliceThickness, data.SpacingBetweenSlices = str(CT_STEP_MM), str(CT_STEP_MM)
        data.PixelSpacing = [f"{spacing:.6g}"] * 2
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        data.ImagePositionPatient = [f"{centres[0]:.6g}", f"{centres[0]:.6g}", f"{z:.6g}"]
        data.SliceLocation = f"{z:.6g}"
        data.FrameOfReferenceUID = _uid(seed, patient.name, accession, "frame of reference")
        data.PositionReferenceIndicator = ""
        data.RescaleIntercept, data.RescaleSlope, data.RescaleType = "-1024", "1", "HU"
        data.WindowCenter, data.WindowWidth = ["40", "-600"], ["400", "1500"]
        data.WindowCenterWidthExplanation = ["Trung thất", "Phổi"]
        yield _file(data, stored, bits=12)


def radiograph(
    patient: PatientFacts, accession: str = "", seed: int = 1, size: int = 1280, taken_at: datetime | None = None
) -> list[bytes]:
    """A chest radiograph (PA, seen from the front): the chest model projected along the beam."""
    rng = np.random.default_rng(seed)
    shadow = _projection(rng, size)
    shadow += rng.normal(0, 0.004, shadow.shape).astype(np.float32)
    stored = np.clip(shadow * 3800 + 90, 0, 4095).astype(np.uint16)
    _burn(stored, 3900)
    at = taken_at or datetime(2026, 11, 3, 9, 5, tzinfo=UTC)
    data = _header(patient, accession, "DX", DigitalXRayImageStorageForPresentation, at, seed, 1, "X-quang ngực thẳng")
    data.BodyPartExamined, data.ViewPosition, data.ImageLaterality = "CHEST", "PA", "U"
    data.ImageType, data.PatientOrientation = ["DERIVED", "PRIMARY"], ["L", "F"]
    data.PresentationIntentType, data.PixelIntensityRelationship = "FOR PRESENTATION", "LOG"
    data.PixelIntensityRelationshipSign, data.PresentationLUTShape = 1, "IDENTITY"
    data.ImagerPixelSpacing = [f"{CT_FIELD_MM / size:.6g}"] * 2
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = "0", "1", "US"
    data.WindowCenter, data.WindowWidth = "2000", "3800"
    return [_file(data, stored, bits=12)]


def ultrasound_cine(
    patient: PatientFacts, accession: str = "", frames: int = 24, seed: int = 1, taken_at: datetime | None = None
) -> list[bytes]:
    """An apical four-chamber view of a beating heart, one cycle in `frames` frames, 480x640, 8 bit."""
    stored = _heart_cine(np.random.default_rng(seed), frames)
    for picture in stored:
        _burn(picture, 255)
    at = taken_at or datetime(2026, 11, 4, 10, 15, tzinfo=UTC)
    data = _header(patient, accession, "US", UltrasoundMultiFrameImageStorage, at, seed, 1, "Siêu âm tim, bốn buồng mỏm")
    data.BodyPartExamined, data.ImageType = "HEART", ["DERIVED", "PRIMARY", "CARDIAC"]
    data.NumberOfFrames, data.FrameTime, data.CineRate = str(frames), "40", "25"
    data.FrameIncrementPointer = 0x00181063
    data.LossyImageCompression, data.HeartRate = "00", "62"
    data.SequenceOfUltrasoundRegions = Sequence([_sector_region()])
    return [_file(data, stored, bits=8)]


# the chest -----------------------------------------------------------------------------------------------------------


def _hounsfield(x: Floats, y: Floats, z: Floats | np.float32, vessels: Floats | float = 0.0) -> Floats:
    """Density at a place, in HU. Millimetres, DICOM patient axes: x to the left, y to the back, z to the head.

    Painted from the outside inwards; each later organ covers the earlier ones.
    """
    shoulders: Floats = np.asarray(np.clip((z - 70) / 90, 0, 1) * 12, np.float32)
    body = _ellipse(x, y, 168 + shoulders, 112)
    space = np.where(body < 1, FAT, AIR).astype(np.float32)
    space = np.where(_ellipse(x, y, 156 + shoulders, 101) < 1, MUSCLE, space)
    wall = _ellipse(x, y, 143, 90)
    space = np.where(wall < 0.93, FAT, space)  # what lies between the organs
    space = np.where(_ribs(x, y, z, wall), BONE, space)
    for side in (-1.0, 1.0):
        lung = _lung(x, y, z, side)
        space = np.where(lung < 1, LUNG + 70 * np.clip(lung, 0, 1) + vessels * (lung < 0.96), space)
    space = _mediastinum(x, y, z, space)
    space = _belly(x, y, z, space)
    lesion = np.sqrt((x + 78) ** 2 + (y + 8) ** 2 + (z - 38) ** 2) / 13
    space = np.where(lesion < 1, 38 - 40 * lesion**6, space)  # a solid nodule, 26 mm across
    return _skeleton(x, y, z, space).astype(np.float32)


def _ellipse(x: Floats, y: Floats, half_x: Floats | float, half_y: Floats | float) -> Floats:
    """1 on the rim, less inside."""
    result: Floats = np.sqrt((x / half_x) ** 2 + (y / half_y) ** 2)
    return result


def _lung(x: Floats, y: Floats, z: Floats | np.float32, side: float) -> Floats:
    """Below 1 inside. side -1: the right lung, which stands a little higher at the bottom."""
    bottom = -118.0 if side > 0 else -104.0
    height = (z - bottom) / (142 - bottom)
    round_top = np.sqrt(np.clip(1 - np.clip(height, 0, 1) ** 3.2, 0, 1))
    dome = np.clip((z - bottom + 22 * ((x - side * 70) / 60) ** 2 - 10 + 0.12 * y) / 18, 0, 1)
    reach = np.maximum(round_top * dome, 0.02)
    outer = _ellipse(x - side * 74, y - 2, 60 * reach, 84 * reach)
    return np.where((height > 0) & (height < 1), outer, 9.0).astype(np.float32)


def _ribs(x: Floats, y: Floats, z: Floats | np.float32, wall: Floats) -> NDArray[np.bool_]:
    """Twelve rings that fall from the spine to the front, with marrow left as it is."""
    angle = np.arctan2(np.abs(x) / 143, y / 90)  # 0 at the back, pi in front
    fall = 46 * np.sin(angle / 2) ** 1.3
    phase = ((z + fall) / 27.0) % 1.0
    ring = (wall > 0.93) & (wall < 1.03)
    bony = np.abs(phase - 0.5) < 0.2
    cartilage = angle > 2.75
    return ring & bony & ~cartilage & (angle > 0.12)


def _mediastinum(x: Floats, y: Floats, z: Floats | np.float32, space: Floats) -> Floats:
    middle = (_ellipse(x, y + 4, 34, 70) < 1) & (z > -130)
    space = np.where(middle, np.where(_ellipse(x, y + 4, 30, 62) < 1, 20.0, FAT), space)
    heart = np.sqrt(((x - 22 + 0.25 * z) / 56) ** 2 + ((y + 26) / 46) ** 2 + ((z + 56) / 52) ** 2)
    space = np.where(heart < 1.06, FAT, space)
    space = np.where(heart < 1, MUSCLE, space)
    chambers = np.sqrt(((x - 34) / 25) ** 2 + ((y + 24) / 24) ** 2 + ((z + 62) / 34) ** 2)
    space = np.where((chambers < 1) | (_ellipse(x + 6, y + 32, 22, 22) + np.abs((z + 50) / 60) < 1.1), BLOOD + 12, space)
    going_down = (_ellipse(x - 20, y - 46, 12.5, 12.5) < 1) & (z < 62)
    arch = np.sqrt((np.sqrt((0.8 * (x - 8)) ** 2 + (0.62 * (y - 8)) ** 2) - 25) ** 2 + (z - 62) ** 2) < 13
    rising = (_ellipse(x + 14, y + 24, 14, 14) < 1) & (z > -30) & (z < 62)
    space = np.where(going_down | (arch & (x > -26)) | rising, BLOOD, space)
    trachea = (_ellipse(x + 2, y - 8, 8.5, 9) < 1) & (z > 30)
    fork = (_ellipse(np.abs(x) - (30 - z) * 0.55, y - 10, 6.5, 6.5) < 1) & (z <= 30) & (z > -16)
    return np.where(trachea | fork, AIR + 20, space).astype(np.float32)


def _belly(x: Floats, y: Floats, z: Floats | np.float32, space: Floats) -> Floats:
    """Under the diaphragm: liver on the right, spleen and the stomach's bubble on the left."""
    inside = _ellipse(x, y, 139, 86) < 0.97
    not_lung = (space < -60) & (space > -200)
    liver = np.sqrt(((x + 62) / 84) ** 2 + ((y + 2) / 80) ** 2 + ((z + 138) / 62) ** 2) < 1
    spleen = np.sqrt(((x - 92) / 36) ** 2 + ((y - 38) / 40) ** 2 + ((z + 140) / 42) ** 2) < 1
    bubble = np.sqrt(((x - 66) / 30) ** 2 + ((y + 30) / 28) ** 2 + ((z + 138) / 24) ** 2) < 1
    space = np.where(liver & inside & not_lung, 62.0, space)
    space = np.where(spleen & inside & not_lung, 52.0, space)
    return np.where(bubble & inside & not_lung, AIR + 60, space).astype(np.float32)


def _skeleton(x: Floats, y: Floats, z: Floats | np.float32, space: Floats) -> Floats:
    vertebra = _ellipse(x, y - 62, 19, 15)
    disc = np.abs(((z + 300) / 25.0) % 1.0 - 0.5) > 0.42
    body = np.where(disc, 90.0, np.where(vertebra > 0.86, BONE + 130, 190.0))
    space = np.where(vertebra < 1, body, space)
    canal = _ellipse(x, y - 84, 10, 8)
    space = np.where((canal < 1.45) & ~disc, BONE + 60, space)
    space = np.where(canal < 1, 25.0, space)
    spine = ((np.abs(x) < 3.5) & (y > 92) & (y < 108) & ~disc) | ((np.abs(y - 84) < 5) & (np.abs(x) < 32) & ~disc)
    space = np.where(spine & (canal >= 1), BONE, space)
    breastbone = (_ellipse(x, y + 88, 17, 6) < 1) & (z > -62) & (z < 100)
    edge = np.abs(x) - 62 - 0.8 * np.clip(60 - z, 0, None)  # the blade tapers downwards
    blades = (np.abs(_ellipse(x, y, 152, 97) - 0.975) < 0.022) & (y > 30) & (edge > 0) & (z > -40)
    along = np.clip((np.abs(x) - 20) / 120, 0, 1)
    collar = (np.abs(x) > 18) & (np.abs(x) < 150) & (np.sqrt((z - 118 - 24 * along) ** 2 + (y + 66 - 50 * along) ** 2) < 7)
    return np.where(breastbone | blades | collar, BONE, space).astype(np.float32)


def _cloud(rng: np.random.Generator, size: int, slices: int, spacing: float) -> Floats:
    """Vessels of the lung, as far as an eye asks: bright cores of smoothed noise. Shape (slices, size, size), HU to add."""
    depth = slices + 4
    wide = rng.normal(size=(depth, size, size)).astype(np.float32)
    wide = np.sum([np.roll(wide, step, axis=0) for step in range(4)], axis=0)[:slices]
    frequency_y = np.fft.fftfreq(size, spacing)[:, None]
    frequency_x = np.fft.rfftfreq(size, spacing)[None, :]
    blur = np.exp(-2 * (np.pi * 2.4) ** 2 * (frequency_y**2 + frequency_x**2)).astype(np.float32)
    smooth = np.fft.irfft2(np.fft.rfft2(wide) * blur, s=(size, size)).astype(np.float32)
    smooth /= smooth.std()
    cores: Floats = np.clip((smooth - 1.55) * 900, 0, 760).astype(np.float32)
    return cores


def _projection(rng: np.random.Generator, size: int) -> Floats:
    """What the plate sees, 0 (air) to 1 (dense), shape (size, size): the model summed along y, then to a film's curve."""
    coarse = 400
    x = np.linspace(-190, 190, coarse, dtype=np.float32)[None, None, :]
    y = np.linspace(-114, 114, 76, dtype=np.float32)[None, :, None]
    rows = []
    for block in np.array_split(np.linspace(168, -176, coarse, dtype=np.float32), 20):
        density = _hounsfield(x, y, block[:, None, None])
        density = np.where(density > 150, density * 1.9, density)  # bone weighs more at low energies
        rows.append(np.clip(density + 1000, 0, None).sum(axis=1))
    thick = np.concatenate(rows) * (3.0 / 1000)
    marks = _cloud(rng, coarse, 1, 0.95)[0]
    lungs = np.clip((150 - thick) / 70, 0, 1)
    thick += marks * lungs * (thick > 70) * 0.012
    shadow = np.clip((thick - 25) / 235, 0, None)
    shadow = 1 - np.exp(-2.3 * shadow**1.25)
    shadow = (shadow - shadow.min()) / (shadow.max() - shadow.min())
    return _resize(shadow.astype(np.float32), size)


def _resize(picture: Floats, size: int) -> Floats:
    """Bilinear, square."""
    places = np.linspace(0, picture.shape[0] - 1.001, size, dtype=np.float32)
    whole = places.astype(int)
    part = (places - whole).astype(np.float32)
    rows = picture[whole] * (1 - part)[:, None] + picture[whole + 1] * part[:, None]
    result: Floats = rows[:, whole] * (1 - part)[None, :] + rows[:, whole + 1] * part[None, :]
    return result


# the beating heart ----------------------------------------------------------------------------------------------------

CINE_SHAPE = (480, 640)
APEX = (24, 320)
"""Row and column of the transducer."""
DEPTH_PIXELS = 430
CM_PER_PIXEL = 16.0 / DEPTH_PIXELS


def _heart_cine(rng: np.random.Generator, frames: int) -> NDArray[np.uint8]:
    rows, columns = CINE_SHAPE
    down = np.arange(rows, dtype=np.float32)[:, None] - APEX[0]
    across = np.arange(columns, dtype=np.float32)[None, :] - APEX[1]
    depth = np.hypot(down, across)
    angle = np.arctan2(across, down)
    seen = (depth > 14) & (depth < DEPTH_PIXELS) & (np.abs(angle) < 0.68)
    # speckle lives in the beam's own grid: fine along the beam, wide across it
    grain = np.abs(rng.normal(size=(DEPTH_PIXELS + 1, 180)) + 1j * rng.normal(size=(DEPTH_PIXELS + 1, 180)))
    grain = (grain + np.roll(grain, 1, axis=0)) / 2
    beam = np.clip(((angle + 0.68) / 1.36 * 179), 0, 179).astype(int)
    line = np.clip(depth, 0, DEPTH_PIXELS).astype(int)
    pictures = np.zeros((frames, rows, columns), np.uint8)
    for index in range(frames):
        beat = 0.5 - 0.5 * np.cos(2 * np.pi * index / frames)
        moved = np.clip(line + np.rint(4 * beat).astype(int), 0, DEPTH_PIXELS)
        echo = _tissue(across, down, float(beat)) * (0.35 + 0.65 * grain[moved, beam]) * (1.05 - 0.45 * depth / DEPTH_PIXELS)
        pictures[index] = np.where(seen, np.clip(255 * np.log1p(9 * np.clip(echo, 0, 1.6)) / np.log(14), 0, 255), 0)
    return pictures


def _tissue(x: Floats, y: Floats, beat: float) -> Floats:
    """Echo strength, 0 (blood) to 1. beat: 0 filled, 1 emptied."""
    squeeze, atria = 1 - 0.24 * beat, 1 + 0.12 * beat
    echo = np.full(np.broadcast_shapes(x.shape, y.shape), 0.22, np.float32)
    heart = _ellipse(x - 4, y - 228, 138, 190)
    echo = np.where(heart < 1.07, 0.95, echo)  # pericardium, the brightest line
    echo = np.where(heart < 1.0, 0.42, echo)
    valve_line = 272 + 6 * beat
    left = _ellipse(x - 44, y - (182 + 8 * beat), 46 * squeeze, 90 * squeeze)
    right = _ellipse(x + 54, y - (194 + 8 * beat), 37 * squeeze, 72 * squeeze)
    left_atrium = _ellipse(x - 46, y - 324, 47 * atria, 50 * atria)
    right_atrium = _ellipse(x + 54, y - 322, 42 * atria, 47 * atria)
    near_valves = np.abs(y - valve_line) < 16
    funnels = [np.where(near_valves, np.abs(x - middle) / half, 9.0) for middle, half in ((45.0, 34.0), (-54.0, 28.0))]
    for chamber in (left, right, left_atrium, right_atrium):
        echo = np.where(chamber < 1.0, 0.03, np.where(chamber < 1.05, np.maximum(echo, 0.55), echo))
    for funnel in funnels:
        echo = np.where(funnel < 1, 0.03, echo)
    opening = 1 - beat
    for middle, half in ((45.0, 40.0), (-54.0, 34.0)):
        for side in (-1, 1):
            along = np.clip((x - middle) * side / half, 0, 1)
            leaf = valve_line - opening * 44 * (1 - along)
            tip = 9 * opening  # the leaves part at the tips
            bright = (np.abs(y - leaf) < 3.0) & ((x - middle) * side >= tip) & ((x - middle) * side < half)
            echo = np.where(bright, 0.9, echo)
    return echo.astype(np.float32)


def _sector_region() -> Dataset:
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = CINE_SHAPE[1] - 1, CINE_SHAPE[0] - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3  # centimetres
    region.PhysicalDeltaX = region.PhysicalDeltaY = CM_PER_PIXEL
    return region


# the file -------------------------------------------------------------------------------------------------------------


def _header(
    patient: PatientFacts, accession: str, modality: str, sop_class: UID, at: datetime, seed: int, number: int, title: str
) -> FileDataset:
    whose = (seed, patient.name, patient.patient_id, accession, modality)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = _uid(*whose, "instance", number)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID = _uid(*whose, "study"), _uid(*whose, "series")
    data.StudyDate = data.SeriesDate = data.AcquisitionDate = data.ContentDate = at.strftime("%Y%m%d")
    data.StudyTime = data.SeriesTime = data.AcquisitionTime = data.ContentTime = at.strftime("%H%M%S")
    data.Modality, data.AccessionNumber, data.StudyID = modality, accession, str(seed)
    data.StudyDescription = data.SeriesDescription = title
    data.SeriesNumber, data.InstanceNumber, data.AcquisitionNumber = "1", str(number), "1"
    data.PatientName, data.PatientID = person_name(patient.name), patient.patient_id
    data.PatientBirthDate = patient.birth_date.strftime("%Y%m%d") if patient.birth_date else ""
    data.PatientSex = {"male": "M", "female": "F", "other": "O"}.get(patient.sex, "")
    data.ReferringPhysicianName, data.Manufacturer = "", INSTITUTION
    data.InstitutionName, data.ImageComments, data.PatientComments = INSTITUTION, COMMENT, COMMENT
    data.BurnedInAnnotation = "YES"
    return data


def _file(data: FileDataset, pixels: NDArray[np.uint16] | NDArray[np.uint8], bits: int) -> bytes:
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = pixels.shape[-2:]
    data.BitsAllocated, data.BitsStored, data.HighBit = 8 * pixels.itemsize, bits, bits - 1
    data.PixelRepresentation = 0
    data.PixelData = pixels.tobytes()
    data["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    out = BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _uid(*parts: object) -> UID:
    """The same parts, the same UID (2.25, PS3.5 B.2)."""
    return UID(f"2.25.{UUID(bytes=sha256(repr(parts).encode()).digest()[:16], version=4).int}")


# the mark in the pixels -----------------------------------------------------------------------------------------------

GLYPHS = {  # 5 columns, 7 rows, from the top; only the letters of the mark
    "S": "01111100001000001110000010000111110",
    "Y": "10001100010101000100001000010000100",
    "N": "10001110011010110011100011000110001",
    "T": "11111001000010000100001000010000100",
    "H": "10001100011000111111100011000110001",
    "E": "11111100001000011110100001000011111",
    "I": "01110001000010000100001000010001110",
    "C": "01111100001000010000100001000001111",
}


def _burn(picture: NDArray[np.uint16] | NDArray[np.uint8], brightness: int) -> None:
    """Write SYNTHETIC into the upper left corner."""
    letters = [np.array([c == "1" for c in GLYPHS[letter]]).reshape(7, 5) for letter in "SYNTHETIC"]
    word = np.concatenate([np.pad(letter, ((0, 0), (0, 1))) for letter in letters], axis=1)
    scale = max(1, picture.shape[1] // 320)
    mark = word.repeat(scale, 0).repeat(scale, 1)
    corner = picture[4 * scale : 4 * scale + mark.shape[0], 4 * scale : 4 * scale + mark.shape[1]]
    corner[mark] = brightness
