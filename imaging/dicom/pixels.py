"""From stored pixels to a picture. Runs in the child process of `sandbox` only: codecs meet foreign bytes here."""

import io
import warnings
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info
from pydicom.pixels import apply_color_lut, apply_modality_lut, pixel_array

from imaging.dicom.uids import DEFLATED_LE

warnings.simplefilter("ignore")

PERCENTILES = (0.5, 99.5)
"""The window of an image that brings none."""


def dataset_of(path: str) -> Dataset:
    return pydicom.dcmread(path, defer_size=65536)


def stored(path: str, frame: int) -> NDArray[Any]:
    """Stored values of one frame (1 is the first): (rows, columns) or (rows, columns, samples), colours as RGB."""
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
    """The data set with the frame's rescale values at the top, where `apply_modality_lut` looks."""
    if "RescaleSlope" not in dataset and (slope := _of(dataset, frame, "RescaleSlope")) is not None:
        dataset.RescaleSlope = slope
        dataset.RescaleIntercept = _of(dataset, frame, "RescaleIntercept") or 0
    return dataset


def _first(value: Any) -> float | None:
    if value is None or value == "":
        return None
    return float(value[0] if isinstance(value, list | tuple) or type(value).__name__ == "MultiValue" else value)


def picture(path: str, frame: int, window: tuple[float, float] | None = None) -> NDArray[np.uint8]:
    """One frame ready for a screen: grey (rows, columns) or colour (rows, columns, 3), eight bits.

    window: (centre, width) in place of the image's own.
    """
    dataset = dataset_of(path)
    array = stored(path, frame)
    photometric = str(dataset.get("PhotometricInterpretation", ""))
    if photometric == "PALETTE COLOR":
        array = apply_color_lut(array, dataset)
    if array.ndim == 3:
        return _eight_bits(array)
    values = apply_modality_lut(array, _shared(dataset, frame)).astype(np.float64)
    centre, width = window or _window(dataset, frame, values)
    grey = np.clip((values - (centre - 0.5)) / max(width - 1, 1e-6) + 0.5, 0, 1)  # PS3.3, C.11.2.1.2.1
    inverse = photometric == "MONOCHROME1" or dataset.get("PresentationLUTShape") == "INVERSE"
    shown: NDArray[np.uint8] = ((1 - grey if inverse else grey) * 255).round().astype(np.uint8)
    return shown


def _window(dataset: Dataset, frame: int, values: NDArray[np.float64]) -> tuple[float, float]:
    centre, width = _first(_of(dataset, frame, "WindowCenter")), _first(_of(dataset, frame, "WindowWidth"))
    if centre is not None and width is not None and width >= 1:
        return centre, width
    low, high = (float(one) for one in np.percentile(values, PERCENTILES))
    return (low + high) / 2, max(high - low, 1.0)


def _eight_bits(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array[..., :3]
    top = float(np.iinfo(array.dtype).max) if array.dtype.kind in "ui" else max(float(array.max()), 1.0)
    return (array[..., :3].astype(np.float64) * (255 / top)).clip(0, 255).astype(np.uint8)


def render(
    path: str,
    frame: int = 1,
    *,
    media_type: str = "image/png",
    window: tuple[float, float] | None = None,
    size: tuple[int, int] | None = None,
    quality: int = 90,
) -> bytes:
    """A picture file (image/png or image/jpeg). size: (width, height) to fit into, the proportions kept."""
    image = Image.fromarray(picture(path, frame, window))
    if size:
        image.thumbnail(size)
    out = io.BytesIO()
    if media_type == "image/jpeg":
        image.save(out, "JPEG", quality=quality)
    else:
        image.save(out, "PNG")
    return out.getvalue()


def thumbnail(path: str, frame: int = 1, side: int = 128) -> bytes:
    """A small JPEG picture."""
    return render(path, frame, media_type="image/jpeg", size=(side, side), quality=80)


def spacing_of(dataset: Dataset, frame: int) -> tuple[float, float] | None:
    """(between rows, between columns) in mm, or None: on projections only Pixel Spacing proper counts, not the detector's."""
    value = _of(dataset, frame, "PixelSpacing")
    if value is None or type(value).__name__ != "MultiValue" or len(value) != 2:
        return None
    return float(value[0]), float(value[1])
