"""What a reader should know of a study before trusting it: missing slices, mixed directions. Pure."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ORIENTATION, POSITION = "00200037", "00200032"
SAME_DIRECTION = 0.01
"""Direction cosines that differ by less are one direction (scanners round)."""


@dataclass(frozen=True)
class Placed:
    """One image: its series and where it lies, mm in the patient's space; None where it does not say."""

    series_uid: str
    orientation: tuple[float, ...] | None = None
    position: tuple[float, ...] | None = None


def placed(series_uid: str, metadata_json: str) -> Placed:
    """From DICOM JSON; values that are not numbers count as absent."""
    header = json.loads(metadata_json or "{}")
    return Placed(series_uid, _numbers(header, ORIENTATION, 6), _numbers(header, POSITION, 3))


def _numbers(header: dict[str, Any], tag: str, count: int) -> tuple[float, ...] | None:
    values = header.get(tag, {}).get("Value") or []
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == count and all(np.isfinite(numbers)) else None


def findings(images: Iterable[Placed], expected: int | None, received: int) -> list[dict[str, Any]]:
    """Codes with facts: incomplete (expected, received), gap (series_uid, missing), mixed_orientations (series_uid, count)."""
    found: list[dict[str, Any]] = []
    if expected is not None and received < expected:
        found.append({"code": "incomplete", "expected": expected, "received": received})
    by_series: dict[str, list[Placed]] = {}
    for image in images:
        by_series.setdefault(image.series_uid, []).append(image)
    for series_uid, members in sorted(by_series.items()):
        stacks = _stacks([m for m in members if m.orientation and m.position])
        if len(stacks) > 1:
            found.append({"code": "mixed_orientations", "series_uid": series_uid, "count": len(stacks)})
        missing = sum(missing_slices(_places(stack)) for stack in stacks)
        if missing:
            found.append({"code": "gap", "series_uid": series_uid, "missing": missing})
    return found


def _stacks(images: Sequence[Placed]) -> list[list[Placed]]:
    """Images that look in the same direction, together."""
    stacks: list[tuple[NDArray[np.float64], list[Placed]]] = []
    for image in images:
        direction = np.array(image.orientation)
        for known, stack in stacks:
            if np.abs(known - direction).max() < SAME_DIRECTION:
                stack.append(image)
                break
        else:
            stacks.append((direction, [image]))
    return [stack for _, stack in stacks]


def _places(stack: Sequence[Placed]) -> NDArray[np.float64]:
    """Distances along the stack's normal, mm (PS3.3, C.7.6.2.1.1)."""
    row, column = np.array(stack[0].orientation).reshape(2, 3)
    positions: NDArray[np.float64] = np.array([image.position for image in stack])
    result: NDArray[np.float64] = positions @ np.cross(row, column)
    return result


def missing_slices(places: NDArray[np.float64]) -> int:
    """How many slices the usual step says are not there. Under four places nothing can be said.

    Several images at one place (phases, echoes) count once.
    """
    steps = np.diff(np.unique(np.round(places, 1)))
    if len(steps) < 3:
        return 0
    usual = float(np.median(steps))
    holes = steps[steps > 1.5 * usual]
    return int(np.sum(np.round(holes / usual) - 1))
