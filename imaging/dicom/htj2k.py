"""High-Throughput JPEG 2000 with a level for every bandwidth (PS3.5, A.4.4 and 8.2.14; ISO/IEC 15444-15).

RPCL order, a TLM table and one tile-part a resolution: the first bytes are a small picture, more bytes a larger one.
The encoder knows precisions of 8 and 16 bits only, DICOM wants Bits Stored. The difference is four header fields, so
they are rewritten (`_narrowed`), and every picture is decoded again by another library before anybody may have it.
Runs in the child process of `sandbox`.
"""

import struct
from dataclasses import dataclass
from math import ceil, log2
from typing import Any

import imagecodecs
import numpy as np
import openjpeg
from numpy.typing import NDArray
from pydicom.dataset import Dataset

RPCL = "1.2.840.10008.1.2.4.202"
SMALLEST_LEVEL = 64
"""Pixels of the longer side of the coarsest level at most."""
LEAST_LEVELS = 5
SIZ, QCD, SOT, EOC = 0xFF51, 0xFF5C, 0xFF90, 0xFFD9
MOST_GUARD_BITS = 7


class NotOffered(Exception):
    """Why a picture has no such form: a word for the row."""


@dataclass(frozen=True)
class Encoded:
    """ends: where each level ends in the codestream, coarsest first; bytes up to there are that level, exactly."""

    codestream: bytes
    ends: tuple[int, ...]


def encode(pixels: NDArray[Any], bits_stored: int) -> Encoded:
    """One grey frame of stored values, (rows, columns), signed or not. Raises NotOffered.

    The result decodes to exactly these values: checked here, by a decoder that shares no code with the encoder.
    """
    if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.int8, np.uint16, np.int16):
        raise NotOffered("colour-or-wide")
    codestream = _narrowed(_encoded(pixels, bits_stored), pixels.dtype.itemsize * 8 - bits_stored)
    again = openjpeg.decode(codestream)
    if again.dtype != pixels.dtype or not np.array_equal(again, pixels):
        raise NotOffered("not-exact")
    return Encoded(codestream, level_ends(codestream))


LOSSLESS = frozenset(
    {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.5"}
    | {f"1.2.840.10008.1.2.4.{tail}" for tail in (57, 70, 80, 90, 201)}
)
"""What is packed with loss would grow without gain; what is HTJ2K RPCL already is served as it is."""


def precision(dataset: Dataset) -> int:
    """Bits Stored of pixels that may be encoded. Raises NotOffered."""
    if dataset.file_meta.TransferSyntaxUID not in LOSSLESS:
        raise NotOffered("lossy-or-packed-so")
    if dataset.get("PhotometricInterpretation") not in ("MONOCHROME1", "MONOCHROME2") or "PixelData" not in dataset:
        raise NotOffered("colour-or-wide")
    if dataset.BitsAllocated not in (8, 16) or dataset.get("HighBit") != dataset.BitsStored - 1:
        raise NotOffered("odd-bits")
    return int(dataset.BitsStored)


def levels_for(rows: int, columns: int) -> int:
    return max(LEAST_LEVELS, ceil(log2(max(rows, columns) / SMALLEST_LEVEL)))


def _encoded(pixels: NDArray[Any], bits_stored: int) -> bytes:
    """With the word's whole precision; unsigned values moved, so that the level shift of the narrow one fits them."""
    signed = pixels.dtype.kind == "i"
    lowest, highest = (-(1 << bits_stored - 1), (1 << bits_stored - 1) - 1) if signed else (0, (1 << bits_stored) - 1)
    if pixels.min() < lowest or pixels.max() > highest:
        raise NotOffered("beyond-bits-stored")
    word = pixels.dtype.itemsize * 8
    if not signed and word > bits_stored:
        pixels = (pixels.astype(np.int32) + ((1 << word - 1) - (1 << bits_stored - 1))).astype(pixels.dtype)
    levels = levels_for(*pixels.shape)
    return bytes(imagecodecs.htj2k_encode(np.ascontiguousarray(pixels), resolutions=levels, tlm=True, tilepart=1))


def _narrowed(codestream: bytes, spare: int) -> bytes:
    """The same packets under a precision of `spare` bits less: SIZ says so, and QCD trades exponent for guard bits.

    The number of magnitude bits of a band is guard + exponent - 1 (ISO/IEC 15444-1, E.1); it must stay as it is.
    """
    if not spare:
        return codestream
    changed = bytearray(codestream)
    for marker, at, length in _segments(codestream):
        if marker == SIZ:
            changed[at + 36] -= spare
        elif marker == QCD:
            guard = (changed[at] >> 5) + spare
            if guard > MOST_GUARD_BITS:
                raise NotOffered("too-narrow")
            changed[at] = guard << 5 | changed[at] & 0x1F
            for band in range(at + 1, at + length):
                changed[band] = (changed[band] >> 3) - spare << 3
    return bytes(changed)


def _segments(codestream: bytes) -> list[tuple[int, int, int]]:
    """(marker, where its content begins, length of the content) of the main header."""
    found: list[tuple[int, int, int]] = []
    at = 2
    while True:
        marker, length = struct.unpack_from(">HH", codestream, at)
        if marker == SOT:
            return found
        found.append((marker, at + 4, length - 2))
        at += 2 + length


def level_ends(codestream: bytes) -> tuple[int, ...]:
    """Where each tile-part ends."""
    last = _segments(codestream)[-1]
    at, ends = last[1] + last[2], []
    while struct.unpack_from(">H", codestream, at)[0] != EOC:
        at += struct.unpack_from(">I", codestream, at + 6)[0]
        ends.append(at)
    return tuple(ends)
