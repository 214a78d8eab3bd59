"""Values out of stored files without decoding: one compressed frame, one bulk value."""

from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame

from imaging.dicom import preflight
from imaging.dicom.errors import Undecodable
from imaging.dicom.read import quiet


def packed_frame(path: Path, frame: int, frames: int) -> bytes:
    """Frame `frame` (1 is the first) of `frames` as it stands in the file. Raises Undecodable."""
    layout = preflight.check(path)
    if layout.pixel_offset is None:
        raise Undecodable("no pixels")
    try:
        with path.open("rb") as file, quiet():
            file.seek(layout.pixel_offset)
            return bytes(get_frame(file, frame - 1, number_of_frames=frames))
    except (ValueError, IndexError, OSError) as error:
        raise Undecodable(type(error).__name__) from None


ITEM = b"\xfe\xff\x00\xe0"


def without_heads(items: bytes) -> bytes:
    """One frame out of its items (PS3.5, A.4). Raises Undecodable where there are none."""
    pieces, at = [], 0
    while items[at : at + 4] == ITEM:
        length = int.from_bytes(items[at + 4 : at + 8], "little")
        pieces.append(items[at + 8 : at + 8 + length])
        at += 8 + length
    if not pieces:
        raise Undecodable("no items")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def bulk_value(path: Path, steps: list[str]) -> bytes | None:
    """The value at `00091010` or `00091001.0.00091010`, as it stands in the file; None where there is none."""
    with quiet():
        dataset: Dataset = pydicom.dcmread(path)
        try:
            for tag, item in zip(steps[:-1:2], steps[1::2], strict=True):
                dataset = dataset[int(tag, 16)].value[int(item)]
            value = dataset[int(steps[-1], 16)].value
        except (KeyError, IndexError, ValueError, TypeError, AttributeError):
            return None
    return value if isinstance(value, bytes) else None
