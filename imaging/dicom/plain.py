"""The facts of a plain grey image that drawing needs, by one scan of its head: a tenth of what the library takes."""

import mmap
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.dicom import preflight, scanner
from imaging.dicom.json_model import Model
from imaging.dicom.refusals import Refused

NOT_PLAIN = frozenset(
    (
        "00283000",  # a modality table
        "00283010",  # a table in place of a window
        "52009229",  # functional groups: every frame has values of its own
        "52009230",
    )
)
PIXELS = "7FE00010"


@dataclass(frozen=True)
class PlainImage:
    """Native little-endian grey pixels of 8 or 16 bits; window None where the image brings none."""

    path: str
    rows: int
    columns: int
    frames: int
    offset: int
    kind: str
    """numpy's name of a stored value."""
    slope: float
    intercept: float
    window: tuple[float, float] | None
    inverse: bool

    def values(self, frame: int) -> NDArray[Any]:
        """Stored values (rows, columns) of frame 1, 2, …: a view of the file."""
        size = self.rows * self.columns * int(self.kind[-1])
        place = self.offset + (frame - 1) * size
        if not 1 <= frame <= self.frames:
            raise IndexError(frame)
        return np.memmap(self.path, self.kind, "r", place, (self.rows, self.columns))


@lru_cache(4)
def plain_image(path: str) -> PlainImage | None:
    """None for everything that needs the library."""
    try:
        with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            scan = scanner.scan(data)
    except (scanner.HandOver, Refused, ValueError):
        return None
    model, layout = scan.model, scan.layout
    bits, photometric = _first(model, "00280100"), _first(model, "00280004")
    native = not layout.syntax.encapsulated and layout.pixel_offset is not None
    grey = photometric in ("MONOCHROME1", "MONOCHROME2") and (_first(model, "00280002") or 1) == 1
    if not native or not grey or bits not in (8, 16) or NOT_PLAIN & model.keys():
        return None
    centre, width = _first(model, "00281050"), _first(model, "00281051")
    return PlainImage(
        path=path,
        rows=layout.number(preflight.ROWS) or 0,
        columns=layout.number(preflight.COLUMNS) or 0,
        frames=layout.frames,
        offset=layout.pixel_offset or 0,
        kind=f"<{'i' if _first(model, '00280103') else 'u'}{bits // 8}",
        slope=_number(_first(model, "00281053"), 1.0),
        intercept=_number(_first(model, "00281052"), 0.0),
        window=(float(centre), float(width)) if centre is not None and width is not None and width >= 1 else None,
        inverse=photometric == "MONOCHROME1" or _first(model, "20500020") == "INVERSE",
    )


def _first(model: Model, tag: str) -> Any:
    values = model.get(tag, {}).get("Value")
    return values[0] if values else None


def _number(value: Any, otherwise: float) -> float:
    return otherwise if value is None else float(value)
