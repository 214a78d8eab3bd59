"""What an instance's metadata (DICOM JSON, PS3.18 F) says about the size and place of its pixels.

Points are (column, row) in pixels, the centre of the first pixel at (0, 0).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

Spacing = tuple[float, float]
"""mm between rows, mm between columns: the stored order of Pixel Spacing (0028,0030)."""
Points = Sequence[Sequence[float]]


def spacing_of(instance: dict[str, Any]) -> Spacing | None:
    """Pixel Spacing, else a sole ultrasound region in cm; None where the image does not say.

    On projections Imager Pixel Spacing measures the detector, not the patient: it does not count.

    Source: PS3.3 10.7.1.3, C.8.5.5 (Sequence of Ultrasound Regions, Physical Units 3 is cm).
    """
    if (found := _positive_pair(_numbers(instance, "00280030"))) is not None:
        return found
    regions = instance.get("00186011", {}).get("Value", [])
    if len(regions) == 1 and _numbers(regions[0], "00186024") == [3.0]:
        across, down = _numbers(regions[0], "0018602C"), _numbers(regions[0], "0018602E")
        if across and down:
            return _positive_pair([abs(down[0]) * 10, abs(across[0]) * 10])
    return None


def _positive_pair(values: list[float]) -> Spacing | None:
    return (values[0], values[1]) if len(values) >= 2 and min(values[:2]) > 0 else None


def _numbers(item: dict[str, Any], tag: str) -> list[float]:
    try:
        return [float(value) for value in item.get(tag, {}).get("Value", [])]
    except (TypeError, ValueError):
        return []


def in_patient(points: Points, instance: dict[str, Any]) -> list[list[float]]:
    """The points in the patient's space in mm (x, y, z), empty where the image does not say where it lies.

    Source: PS3.3 C.7.6.2.1.1, equation C.7.6.2.1-1.
    """
    position, axes, spacing = _numbers(instance, "00200032"), _numbers(instance, "00200037"), spacing_of(instance)
    if len(position) != 3 or len(axes) != 6 or spacing is None or not points:
        return []
    along_row, along_column = np.array(axes[:3]), np.array(axes[3:])
    between_rows, between_columns = spacing
    placed = [
        np.array(position) + along_row * between_columns * column + along_column * between_rows * row for column, row in points
    ]
    return [[round(float(part), 4) for part in point] for point in placed]
