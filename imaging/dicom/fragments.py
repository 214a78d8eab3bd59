"""Which bytes of a file belong to which frame (PS3.5, A.4; PS3.3, C.7.6.3)."""

import struct
from collections.abc import Sequence

from imaging.dicom.uids import Syntax

Offsets = tuple[int, ...]


def frame_table(starts: Sequence[int], end: int, offset_table: bytes, frames: int) -> bytes | None:
    """Frames + 1 offsets, unsigned 64 bit little endian: frame n is what the items between n and n + 1 hold.

    starts: where each fragment's item begins in the file. end: where the last one ends. offset_table: the Basic
    Offset Table's value. None where the file does not say which fragments make a frame: a decoder must find out.
    """
    offsets = _frame_starts(starts, offset_table, frames)
    return None if offsets is None else struct.pack(f"<{frames + 1}Q", *offsets, end)


def _frame_starts(starts: Sequence[int], offset_table: bytes, frames: int) -> Sequence[int] | None:
    if not starts:
        return None
    if frames == 1:
        return starts[:1]
    if offset_table:
        if len(offset_table) != 4 * frames:
            return None
        named = [starts[0] + one for one in struct.unpack(f"<{frames}I", offset_table)]
        rising = all(a < b for a, b in zip(named, named[1:], strict=False))
        return named if rising and named[0] == starts[0] and set(named) <= set(starts) else None
    return starts if len(starts) == frames else None


def frame_length(syntax: Syntax, rows: int, columns: int, samples: int, bits: int, photometric: str, frames: int) -> int | None:
    """Bytes of one native frame; None where frames do not begin at whole bytes."""
    frame_bits = rows * columns * samples * bits
    if photometric in ("YBR_FULL_422", "YBR_PARTIAL_422"):
        frame_bits = frame_bits * 2 // 3
    if frame_bits % 8 and frames > 1:
        return None
    return (frame_bits + 7) // 8
