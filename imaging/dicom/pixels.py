"""From stored pixels to a picture. Runs in the child process of `sandbox` only: codecs meet foreign bytes here."""

import io
import warnings
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
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
    array = _in_place(path, frame)
    if array is None:
        array = pixel_array(_source(path), index=frame - 1)
    return array


def _in_place(path: str, frame: int) -> NDArray[Any] | None:
    """Plain grey little-endian pixels need no library, only to be read."""
    dataset = opened(path)
    bits = int(dataset.get("BitsAllocated") or 0)
    plain = dataset.file_meta.TransferSyntaxUID in (IMPLICIT_LE, EXPLICIT_LE) and int(dataset.get("SamplesPerPixel") or 1) == 1
    if not plain or bits not in (8, 16) or dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
        return None
    kind = f"<{'i' if int(dataset.get('PixelRepresentation') or 0) else 'u'}{bits // 8}"
    count = int(dataset.Rows) * int(dataset.Columns)
    array = np.fromfile(path, kind, count, offset=pixel_offset(path) + (frame - 1) * count * bits // 8)
    return array.reshape(int(dataset.Rows), int(dataset.Columns))


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


def spread(values: NDArray[Any]) -> tuple[float, float]:
    """The window of an image that brings none; of a large one every nth pixel tells enough."""
    few = values.reshape(-1)[:: max(values.size // ENOUGH, 1)]
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
    dataset, array = opened(path), stored(path, frame)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        array = apply_color_lut(array, dataset)
    if array.ndim == 3:
        return _eight_bits(array)
    if array.dtype.kind not in "ui" or array.dtype.itemsize > 2:
        return _grey(array, dataset, frame, drawing)
    # every value that 8 or 16 bits can hold is put through the transforms once, then each pixel is looked up
    unsigned = array.view(f"u{array.dtype.itemsize}")
    window = drawing.window or _window(dataset, frame)
    if window is None and "VOILUTSequence" not in dataset:
        window = spread(apply_modality_lut(array.reshape(-1)[:: max(array.size // ENOUGH, 1)], _shared(dataset, frame)))
    every = np.arange(2 ** (8 * array.dtype.itemsize), dtype=unsigned.dtype).view(array.dtype)
    key = (path, frame if "PerFrameFunctionalGroupsSequence" in dataset else 0, window, drawing.function, array.dtype.str)
    table = _tables.get(key)
    if table is None:
        _tables.clear()
        table = _tables[key] = _grey(every, dataset, frame, replace(drawing, window=window))
    shown: NDArray[np.uint8] = table[unsigned]
    return shown


_tables: dict[Any, NDArray[np.uint8]] = {}
"""The newest table: of a cine loop every frame uses the same."""


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
    out = io.BytesIO()
    if media_type == "image/jpeg":
        image.save(out, "JPEG", quality=drawing.quality)
    else:
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
