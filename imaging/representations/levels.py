"""The level table of a representation: where a frame and its coarser pictures stand in the blob. Pure."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

EOC_BYTES = 2


@dataclass(frozen=True)
class Place:
    """One frame in a blob. levels: bytes from `offset` that hold each level exactly, coarsest first."""

    offset: int
    length: int
    levels: tuple[int, ...]


def pack(frames: Sequence[tuple[int, Sequence[int]]]) -> bytes:
    """frames: (where the frame begins in the blob, ends of its levels counted from there)."""
    numbers = [number for begin, ends in frames for number in (begin, *(begin + end for end in ends))]
    return struct.pack(f"<{len(numbers)}Q", *numbers)


def place(table: bytes, levels: int, frame: int) -> Place | None:
    """Frame 1 is the first; None for one that is not there."""
    width = 8 * (levels + 1)
    at = (frame - 1) * width
    if frame < 1 or at + width > len(table):
        return None
    begin, *ends = struct.unpack_from(f"<{levels + 1}Q", table, at)
    return Place(begin, ends[-1] - begin + EOC_BYTES, tuple(end - begin for end in ends))
