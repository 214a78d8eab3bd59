"""Which bytes of a file belong to which compressed frame (PS3.5, A.4; PS3.3, C.7.6.3)."""

import struct
from collections.abc import Sequence
from itertools import pairwise

from imaging.dicom.preflight import Layout


def frame_table(layout: Layout, frames: int) -> bytes | None:
    """One offset more than there are frames, unsigned 64 bit little endian: frame n is what the items between n and n + 1 hold.

    None where the file does not say which fragments make a frame: a decoder must find out.
    """
    offsets = _frame_starts(layout.fragment_starts, layout.offset_table, frames)
    return None if offsets is None else struct.pack(f"<{frames + 1}Q", *offsets, layout.fragments_end)


def _frame_starts(starts: Sequence[int], offset_table: bytes, frames: int) -> Sequence[int] | None:
    if not starts:
        return None
    if frames == 1:
        return starts[:1]
    if offset_table:
        return _by_table(starts, offset_table, frames)
    return starts if len(starts) == frames else None


def _by_table(starts: Sequence[int], offset_table: bytes, frames: int) -> Sequence[int] | None:
    """The Basic Offset Table counts from the first fragment's item; one that does not fit says nothing."""
    if len(offset_table) != 4 * frames:
        return None
    named = [starts[0] + one for one in struct.unpack(f"<{frames}I", offset_table)]
    fits = named[0] == starts[0] and all(a < b for a, b in pairwise(named)) and set(named) <= set(starts)
    return named if fits else None
