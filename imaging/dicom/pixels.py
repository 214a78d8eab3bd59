"""From stored pixels to a picture. Runs in the child process of `sandbox` only: codecs meet foreign bytes here."""

import io
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from imagecodecs import jpeg8_encode
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import get_frame
from pydicom.filereader import read_file_meta_info
from pydicom.pixels import apply_color_lut, apply_modality_lut, get_encoder, pixel_array
from pydicom.pixels import apply_voi_lut as apply_voi
from pydicom.uid import UID

from imaging.dicom import annotation
from imaging.dicom.drawing import AS_STORED, Drawing
from imaging.dicom.plain import PlainImage, plain_image
from imaging.dicom.uids import DEFLATED_LE, EXPLICIT_LE, IMPLICIT_LE, JPEG_BASELINE

warnings.simplefilter("ignore")

PERCENTILES = (0.5, 99.5)
"""The window of an image that brings none."""
ENOUGH = 2**20
"""Pixels to take percentiles of."""
PNG_LEVEL = 3
GIF_FRAMES = 120
LONG_VRS = (b"OB", b"OW", b"OF", b"OD", b"UN")
"""Whose length takes four bytes behind two empty ones."""


def dataset_of(path: str) -> Dataset:
    return pydicom.dcmread(path, defer_size=65536)


@lru_cache(4)
def _head(path: str) -> tuple[FileDataset, int]:
    """(everything before the pixels, where their value begins), of the files looked at last: stored files never change."""
    with Path(path).open("rb") as file:
        dataset = pydicom.dcmread(file, stop_before_pixels=True)
        at = file.tell()
        head = file.read(12)
    implicit = dataset.file_meta.TransferSyntaxUID == IMPLICIT_LE
    return dataset, at + (8 if implicit or head[4:6] not in LONG_VRS else 12)


def opened(path: str) -> FileDataset:
    """Everything before the pixels. Not to be changed."""
    return _head(path)[0]


def pixel_offset(path: str) -> int:
    return _head(path)[1]


def stored(path: str, frame: int) -> NDArray[Any]:
    """Stored values of one frame (1 is the first): (rows, columns) or (rows, columns, samples), colours as RGB."""
    if plain := plain_image(path):
        return plain.values(frame)
    array: NDArray[Any] = pixel_array(_source(path), index=frame - 1)
    return array


def _source(path: str) -> str | Dataset:
    """Pydicom seeks in files, which a deflated one does not allow: that is read whole."""
    syntax = read_file_meta_info(path).TransferSyntaxUID
    return pydicom.dcmread(path) if syntax == DEFLATED_LE else path


def native(path: str, frame: int) -> bytes:
    """One frame as Explicit VR Little Endian would hold it."""
    array = pixel_array(_source(path), index=frame - 1)
    return bytes(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())


def modality_values(path: str, frame: int) -> tuple[NDArray[np.float64], str]:
    """(values after the modality transform, their unit: HU, US units or empty)."""
    dataset = dataset_of(path)
    values = apply_modality_lut(stored(path, frame), _shared(dataset, frame)).astype(np.float64)
    unit = str(_of(dataset, frame, "RescaleType") or "")
    if not unit and dataset.get("Modality") == "CT" and _of(dataset, frame, "RescaleSlope") is not None:
        unit = "HU"
    return values, "" if unit == "US" else unit


def _groups(dataset: Dataset, frame: int) -> list[Dataset]:
    """Functional groups of an enhanced object: this frame's own first, then the shared ones."""
    found: list[Dataset] = []
    own = dataset.get("PerFrameFunctionalGroupsSequence") or []
    if frame <= len(own):
        found.append(own[frame - 1])
    return found + list(dataset.get("SharedFunctionalGroupsSequence") or [])


def _of(dataset: Dataset, frame: int, name: str) -> Any:
    if name in dataset:
        return dataset.get(name)
    for group in _groups(dataset, frame):
        for sequence in ("PixelValueTransformationSequence", "FrameVOILUTSequence", "PixelMeasuresSequence"):
            for item in group.get(sequence) or []:
                if name in item:
                    return item.get(name)
    return None


def _shared(dataset: Dataset, frame: int) -> Dataset:
    """Something with this frame's rescale values at the top, where `apply_modality_lut` looks."""
    if "RescaleSlope" in dataset or (slope := _of(dataset, frame, "RescaleSlope")) is None:
        return dataset
    own = Dataset()
    own.RescaleSlope = slope
    own.RescaleIntercept = _of(dataset, frame, "RescaleIntercept") or 0
    return own


def _first(value: Any) -> float | None:
    if value is None or value == "":
        return None
    return float(value[0] if isinstance(value, list | tuple) or type(value).__name__ == "MultiValue" else value)


def _window(dataset: Dataset, frame: int) -> tuple[float, float] | None:
    centre, width = _first(_of(dataset, frame, "WindowCenter")), _first(_of(dataset, frame, "WindowWidth"))
    return (centre, width) if centre is not None and width is not None and width >= 1 else None


def spread(values: NDArray[Any], slope: float = 1, intercept: float = 0) -> tuple[float, float]:
    """The window of an image that brings none; of a large one every nth pixel tells enough."""
    few = values.reshape(-1)[:: max(values.size // ENOUGH, 1)] * slope + intercept
    low, high = (float(one) for one in np.percentile(few, PERCENTILES))
    return (low + high) / 2, max(high - low, 1.0)


def shades(values: NDArray[np.float64], window: tuple[float, float], function: str = "linear") -> NDArray[np.float64]:
    """Values -> 0 (black) to 1 (white). PS3.3, C.11.2.1.2.1 and C.11.2.1.3."""
    centre, width = window
    if function == "sigmoid":
        return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -500, 500)))
    if function == "linear-exact":
        return np.clip((values - centre) / width + 0.5, 0, 1)
    return np.clip((values - (centre - 0.5)) / max(width - 1, 1e-6) + 0.5, 0, 1)


def picture(path: str, frame: int, drawing: Drawing = AS_STORED) -> NDArray[np.uint8]:
    """One frame ready for a screen: grey (rows, columns) or colour (rows, columns, 3), eight bits."""
    if plain := plain_image(path):
        return _looked_up(plain, frame, drawing)
    dataset, array = opened(path), stored(path, frame)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        array = apply_color_lut(array, dataset)
    return _eight_bits(array) if array.ndim == 3 else _grey(array, dataset, frame, drawing)


def _looked_up(image: PlainImage, frame: int, drawing: Drawing) -> NDArray[np.uint8]:
    """Every value that 8 or 16 bits can hold is put through the transforms once, then each pixel is looked up."""
    values = image.values(frame)
    window = drawing.window or image.window or spread(values, image.slope, image.intercept)
    table = _table(image.kind, image.slope, image.intercept, window, drawing.function, image.inverse)
    return np.take(table, values.view(f"u{values.dtype.itemsize}"), mode="wrap")  # no index is outside, so none is checked


@lru_cache(16)
def _table(
    kind: str, slope: float, intercept: float, window: tuple[float, float], function: str, inverse: bool
) -> NDArray[np.uint8]:
    size = int(kind[-1])
    every = np.arange(2 ** (8 * size), dtype=f"u{size}").view(kind)
    grey = shades(every * slope + intercept, window, function)
    table: NDArray[np.uint8] = ((1 - grey if inverse else grey) * 255).round().astype(np.uint8)
    return table


def _grey(array: NDArray[Any], dataset: Dataset, frame: int, drawing: Drawing) -> NDArray[np.uint8]:
    """Stored values -> eight bits: modality transform, window (or the image's own table), inversion."""
    values = apply_modality_lut(array, _shared(dataset, frame))
    window = drawing.window or _window(dataset, frame)
    if window is None and "VOILUTSequence" in dataset:
        looked_up = apply_voi(values, dataset).astype(np.float64)
        grey = looked_up / max(float(looked_up.max()), 1.0)
    else:
        grey = shades(values.astype(np.float64), window or spread(values), drawing.function)
    inverse = dataset.PhotometricInterpretation == "MONOCHROME1" or dataset.get("PresentationLUTShape") == "INVERSE"
    shown: NDArray[np.uint8] = ((1 - grey if inverse else grey) * 255).round().astype(np.uint8)
    return shown


def _eight_bits(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array[..., :3]
    top = float(np.iinfo(array.dtype).max) if array.dtype.kind in "ui" else max(float(array.max()), 1.0)
    return (array[..., :3].astype(np.float64) * (255 / top)).clip(0, 255).astype(np.uint8)


def render(path: str, frame: int, media_type: str, drawing: Drawing = AS_STORED) -> bytes:
    """A picture file: image/jpeg, image/png, or image/gif with every frame of a loop in it."""
    if media_type == "image/gif":
        return _loop(path, drawing)
    if media_type == "image/jpeg" and drawing == AS_STORED and (ready := ready_jpeg(path, frame)):
        return ready
    image = drawn(path, frame, drawing)
    if media_type == "image/jpeg":
        return bytes(jpeg8_encode(np.asarray(image), drawing.quality))
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=PNG_LEVEL)
    return out.getvalue()


def drawn(path: str, frame: int, drawing: Drawing) -> Image.Image:
    image = Image.fromarray(picture(path, frame, drawing))
    if drawing.source:
        image = _part(image, *drawing.source)
    if drawing.size:
        image = ImageOps.contain(image, drawing.size) if drawing.source else _within(image, drawing.size)
    if drawing.annotations:
        return annotation.written(image, opened(path), drawing.annotations)
    return image


def _within(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    image.thumbnail(size)
    return image


def _part(image: Image.Image, x: float, y: float, width: float, height: float) -> Image.Image:
    """The wanted part; what lies outside the image stays black."""
    cut = image.crop((round(x), round(y), round(x + abs(width)), round(y + abs(height))))
    cut = ImageOps.mirror(cut) if width < 0 else cut
    return ImageOps.flip(cut) if height < 0 else cut


def _loop(path: str, drawing: Drawing) -> bytes:
    dataset = opened(path)
    count = min(int(dataset.get("NumberOfFrames") or 1), GIF_FRAMES)
    first, *rest = (drawn(path, number, drawing).convert("P") for number in range(1, count + 1))
    out = io.BytesIO()
    pause_ms = float(dataset.get("FrameTime") or 100)
    first.save(out, "GIF", save_all=bool(rest), append_images=rest, duration=max(round(pause_ms), 20), loop=0)
    return out.getvalue()


def ready_jpeg(path: str, frame: int) -> bytes | None:
    """A frame that is a picture for every browser as it is stored: colour, JPEG baseline, YCbCr."""
    if plain_image(path):
        return None
    dataset = opened(path)
    is_ready = dataset.file_meta.TransferSyntaxUID == JPEG_BASELINE and dataset.PhotometricInterpretation == "YBR_FULL_422"
    if not is_ready or int(dataset.BitsAllocated) != 8:
        return None
    return bytes(_packed(path, frame))


def _packed(path: str, frame: int) -> bytes:
    with Path(path).open("rb") as file:
        file.seek(pixel_offset(path))
        return bytes(get_frame(file, frame - 1, number_of_frames=int(opened(path).get("NumberOfFrames") or 1)))


def thumbnail(path: str, frame: int = 1, side: int = 128) -> bytes:
    """A small JPEG picture."""
    return render(path, frame, "image/jpeg", Drawing(size=(side, side), quality=80))


def encoded(path: str, frame: int, syntax: str) -> bytes:
    """One frame in another transfer syntax, without loss."""
    dataset, array = opened(path), stored(path, frame)
    colour = array.ndim == 3
    return bytes(
        get_encoder(UID(syntax)).encode(
            array,
            rows=array.shape[0],
            columns=array.shape[1],
            samples_per_pixel=3 if colour else 1,
            bits_allocated=array.dtype.itemsize * 8,
            bits_stored=min(int(dataset.BitsStored), array.dtype.itemsize * 8),
            pixel_representation=int(dataset.get("PixelRepresentation") or 0),
            photometric_interpretation="RGB" if colour else str(dataset.PhotometricInterpretation),
            number_of_frames=1,
            planar_configuration=0,
        )
    )


def rewritten(path: str, _frame: int, syntax: str) -> bytes:
    """The whole file in another transfer syntax, without loss."""
    dataset = pydicom.dcmread(path)
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        dataset.decompress(generate_instance_uid=False)
    else:
        dataset.file_meta.TransferSyntaxUID = UID(EXPLICIT_LE)
    if syntax != EXPLICIT_LE:
        dataset.compress(UID(syntax), generate_instance_uid=False)
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True, implicit_vr=False, little_endian=True)
    return out.getvalue()


def spacing_of(dataset: Dataset, frame: int) -> tuple[float, float] | None:
    """(between rows, between columns) in mm, or None: on projections only Pixel Spacing proper counts, not the detector's."""
    value = _of(dataset, frame, "PixelSpacing")
    if value is None or type(value).__name__ != "MultiValue" or len(value) != 2:
        return None
    return float(value[0]), float(value[1])
