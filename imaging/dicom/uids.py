"""Unique identifiers (PS3.5, 9): their form, and the transfer syntaxes that we take."""

import re
from dataclasses import dataclass

UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
LONGEST = 64

IMPLICIT_LE = "1.2.840.10008.1.2"
EXPLICIT_LE = "1.2.840.10008.1.2.1"
DEFLATED_LE = "1.2.840.10008.1.2.1.99"
EXPLICIT_BE = "1.2.840.10008.1.2.2"
MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"


def is_uid(text: str) -> bool:
    return len(text) <= LONGEST and UID.fullmatch(text) is not None


@dataclass(frozen=True)
class Syntax:
    """How a data set is written. media_type: of a frame as stored (PS3.18, 8.7.3), for encapsulated pixels."""

    uid: str
    implicit: bool = False
    big_endian: bool = False
    deflated: bool = False
    media_type: str = ""

    @property
    def encapsulated(self) -> bool:
        return bool(self.media_type)


_JPEG = ("4.50", "4.51", "4.57", "4.70")
_JPEG_LS = ("4.80", "4.81")
_JPEG_2000 = ("4.90", "4.91", "4.92", "4.93")
_HTJ2K = ("4.201", "4.202", "4.203")
_MPEG2 = ("4.100", "4.100.1", "4.101", "4.101.1")
_MP4 = ("4.102", "4.102.1", "4.103", "4.103.1", "4.104", "4.104.1", "4.105", "4.105.1", "4.106", "4.106.1", "4.107", "4.108")


def _packed(tails: tuple[str, ...], media_type: str) -> list[Syntax]:
    return [Syntax(f"1.2.840.10008.1.2.{tail}", media_type=media_type) for tail in tails]


SYNTAXES: dict[str, Syntax] = {
    syntax.uid: syntax
    for syntax in (
        Syntax(IMPLICIT_LE, implicit=True),
        Syntax(EXPLICIT_LE),
        Syntax(DEFLATED_LE, deflated=True),
        Syntax(EXPLICIT_BE, big_endian=True),
        *_packed(_JPEG, "image/jpeg"),
        *_packed(_JPEG_LS, "image/jls"),
        *_packed(_JPEG_2000, "image/jp2"),
        *_packed(_HTJ2K, "image/jphc"),
        *_packed(("5",), "image/dicom-rle"),
        *_packed(_MPEG2, "video/mpeg"),
        *_packed(_MP4, "video/mp4"),
    )
}

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
CAN_WRITE = (EXPLICIT_LE, "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5")
"""What stored pixels can be turned into on demand, without loss: native, JPEG 2000, JPEG-LS, RLE."""
