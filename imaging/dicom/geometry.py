"""Measures on one image: lengths, angles, and statistics of areas with the units that the image gives.

Points are pixel coordinates as (column, row), the centre of the first pixel at (0, 0).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imaging.dicom.errors import Uncalibrated

Points = NDArray[np.float64]
Spacing = tuple[float, float]
"""Pixel Spacing (0028,0030) in mm, in its stored order (between rows, between columns)."""


def _steps_mm(points: Points, spacing: Spacing | None) -> Points:
    if spacing is None or not all(0 < one < float("inf") for one in spacing):
        raise Uncalibrated()
    between_rows, between_columns = spacing
    return np.diff(points, axis=0) * (between_columns, between_rows)


def length_mm(points: Points, spacing: Spacing | None) -> float:
    """Length in mm of a line drawn on one image. Source: DICOM PS3.3, 10.7.1.3.

    points: shape (N, 2). Raises Uncalibrated without a positive spacing: no number is safer than a wrong one.
    """
    steps = _steps_mm(points, spacing)
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum())


def angle_deg(points: Points, spacing: Spacing | None) -> float:
    """The angle at the middle of three points, 0 to 180. Pixels that are not square need their spacing.

    Raises Uncalibrated without a spacing, and for points that fall together.
    """
    steps = _steps_mm(points, spacing)
    first, second = -steps[0], steps[1]
    lengths = float(np.hypot(*first) * np.hypot(*second))
    if lengths == 0:
        raise Uncalibrated()
    return float(np.degrees(np.arccos(np.clip(np.dot(first, second) / lengths, -1, 1))))


@dataclass(frozen=True)
class Statistics:
    """Of the pixels whose centres lie inside. unit: HU, or what Rescale Type says, or empty for stored values.

    area_mm2: of the drawn figure, None without calibration.
    """

    count: int
    mean: float | None
    standard_deviation: float | None
    minimum: float | None
    maximum: float | None
    area_mm2: float | None
    unit: str


def rectangle_statistics(values: NDArray[np.float64], corners: Points, spacing: Spacing | None, unit: str = "") -> Statistics:
    """values: (rows, columns) after the modality transform. corners: two opposite ones, shape (2, 2)."""
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    rows, columns = np.ogrid[: values.shape[0], : values.shape[1]]
    inside = (columns >= left) & (columns <= right) & (rows >= top) & (rows <= bottom)
    return _statistics(values[inside], (right - left) * (bottom - top), spacing, unit)


def ellipse_statistics(values: NDArray[np.float64], corners: Points, spacing: Spacing | None, unit: str = "") -> Statistics:
    """As `rectangle_statistics`, of the ellipse that fits into the rectangle."""
    centre = corners.mean(axis=0)
    half = np.abs(corners[1] - corners[0]) / 2
    if not half.all():
        return _statistics(values[:0, :0].ravel(), 0.0, spacing, unit)
    rows, columns = np.ogrid[: values.shape[0], : values.shape[1]]
    inside = ((columns - centre[0]) / half[0]) ** 2 + ((rows - centre[1]) / half[1]) ** 2 <= 1
    return _statistics(values[inside], float(np.pi * half[0] * half[1]), spacing, unit)


def _statistics(inside: NDArray[np.float64], area_px: float, spacing: Spacing | None, unit: str) -> Statistics:
    calibrated = spacing is not None and all(0 < one < float("inf") for one in spacing)
    area = float(area_px) * spacing[0] * spacing[1] if calibrated and spacing else None
    if not inside.size:
        return Statistics(0, None, None, None, None, area, unit)
    return Statistics(
        int(inside.size), float(inside.mean()), float(inside.std()), float(inside.min()), float(inside.max()), area, unit
    )
