"""One pass over a plain file: the judgement of `preflight` and the DICOM JSON of `json_model`, thirty times as fast.

Plain means explicit or implicit VR little endian with kinds and texts that leave nothing to guess. Whatever else
comes is handed over: to the walk, which knows how to refuse, and to the library, which knows the rest. So the scanner
never refuses by itself what the walk would take, and what it says is what the library would have said.
"""

import base64
import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from imaging.dicom import preflight
from imaging.dicom.dictionary import KINDS, private_kind
from imaging.dicom.json_model import BULK_BYTES, PIXELS, PRIVATE_BULK_BYTES, Model
from imaging.dicom.preflight import (
    DEPTH,
    ELEMENTS,
    ITEM,
    ITEM_END,
    ITEMS,
    LONG_VRS,
    PIXEL_DATA,
    SEQUENCE_END,
    SHORT_VRS,
    TEXT_BYTES,
    UNDEFINED,
    WANTED,
    Buffer,
    Layout,
)

CHARACTER_SET = 0x00080005
PIXEL_REPRESENTATION = 0x00280103
DESCRIPTORS = frozenset((0x00281101, 0x00281102, 0x00281103, 0x00283002))
"""Their first value counts entries and is never negative, whatever the pixels are."""
LIKE_PIXELS = frozenset(
    (*range(0x00280106, 0x0028010A), 0x00280110, 0x00280111, 0x00280120, 0x00280121, *DESCRIPTORS, 0x00280104, 0x00280105)
)
"""US or SS as (0028,0103) says, which stands before them."""
CODECS = {b"": "ascii", b"ISO_IR 6": "ascii", b"ISO_IR 100": "latin_1", b"ISO_IR 192": "utf-8"}
PIXEL_KINDS = frozenset((b"OB", b"OW", b"OF", b"OD"))
ESCAPE = b"\x1b"

EXPLICIT = struct.Struct("<HH2sH").unpack_from
IMPLICIT = struct.Struct("<HHI").unpack_from
LENGTH = struct.Struct("<I").unpack_from


class HandOver(Exception):
    """The file is not plain: others must look."""


@dataclass(frozen=True)
class Scan:
    layout: Layout
    model: Model
    """DICOM JSON with placeholders for bulk data, tags ascending."""


def scan(data: Buffer) -> Scan:
    """Raises HandOver, and Refused where the pixels or identifiers of a plain file do not fit."""
    layout = preflight.begin(data)
    if layout.syntax.big_endian or layout.syntax.deflated:
        raise HandOver
    walk = _Walk(data, layout)
    try:
        model = walk.data_set()
    except (struct.error, UnicodeDecodeError, ValueError, OverflowError):
        raise HandOver from None
    preflight.finish(layout)
    return Scan(layout, model)


# values: what stands under "Value", an empty list where there is none -----------------------------------------------

Values = list[Any]
DECIMAL = re.compile(r" *[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)? *").fullmatch
WHOLE = re.compile(r" *[+-]?[0-9]{1,10} *").fullmatch


def _strings(value: bytes) -> Values:
    pieces = value.decode("latin_1").rstrip(" \0").split("\\")
    return pieces if pieces != [""] else []


def _stripped(value: bytes) -> Values:
    pieces = [one.strip() for one in value.decode("latin_1").rstrip(" \0").split("\\")]
    return pieces if pieces != [""] else []


def _titles(value: bytes) -> Values:
    pieces = [one.strip() for one in value.decode("latin_1").split("\\")]
    return pieces if pieces != [""] else []


def _address(value: bytes) -> Values:
    text = value.decode("latin_1").rstrip()
    if len(value) > TEXT_BYTES:
        raise HandOver
    return [text] if text else []


def _decimals(value: bytes) -> Values:
    text = value.decode("ascii").strip().rstrip(" \0")
    pieces = text.split("\\")
    if not text or not all(map(DECIMAL, pieces)):
        raise HandOver
    return [number if math.isfinite(number) else None for number in map(float, pieces)]


def _wholes(value: bytes) -> Values:
    pieces = value.decode("ascii").rstrip(" \0").split("\\")
    if not all(map(WHOLE, pieces)):
        raise HandOver
    numbers = [int(one) for one in pieces]
    if any(not -(2**31) <= one < 2**31 for one in numbers):
        raise HandOver
    return numbers


def _tags(value: bytes) -> Values:
    if len(value) % 4:
        raise HandOver
    return [f"{group:04X}{number:04X}" for group, number in struct.iter_unpack("<HH", value)]


def _numbers(letter: str) -> Callable[[bytes], Values]:
    size = struct.calcsize("<" + letter)
    one = struct.Struct("<" + letter).unpack

    def numbers(value: bytes) -> Values:
        return list(one(value)) if len(value) == size else list(struct.unpack(f"<{len(value) // size}{letter}", value))

    return numbers


def _floats(letter: str) -> Callable[[bytes], Values]:
    numbers = _numbers(letter)
    return lambda value: [one if math.isfinite(one) else None for one in numbers(value)]


PLAIN: dict[bytes, Callable[[bytes], Values]] = {
    b"AE": _titles,
    b"AS": _strings,
    b"AT": _tags,
    b"CS": _strings,
    b"DA": _strings,
    b"DS": _decimals,
    b"DT": _strings,
    b"FD": _floats("d"),
    b"FL": _floats("f"),
    b"IS": _wholes,
    b"SL": _numbers("i"),
    b"SS": _numbers("h"),
    b"SV": _numbers("q"),
    b"TM": _strings,
    b"UI": _stripped,
    b"UL": _numbers("I"),
    b"UR": _address,
    b"US": _numbers("H"),
    b"UV": _numbers("Q"),
}
"""Kinds whose values need nothing but their bytes."""
SEVERAL_TEXTS = frozenset((b"LO", b"SH", b"UC"))
ONE_TEXT = frozenset((b"LT", b"ST", b"UT"))
OPAQUE = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"UN"))
NAMES = ("Alphabetic", "Ideographic", "Phonetic")


def _persons(text: str) -> Values:
    persons = []
    for name in text.split("\\"):
        groups = name.rstrip("=").split("=")
        persons.append({key: group for key, group in zip(NAMES, groups, strict=False)} if groups != [""] else {})
    if persons == [{}]:
        return []
    if {} in persons:
        raise HandOver
    return persons


# the walk -----------------------------------------------------------------------------------------------------------


class _Walk:
    """The position, and what one data set tells the next: the character set and the sign of pixels."""

    def __init__(self, data: Buffer, layout: Layout) -> None:
        self.data, self.layout = data, layout
        self.at, self.end = layout.data_offset, len(data)
        self.implicit = layout.syntax.implicit
        self.codec = "ascii"
        self.pixels_signed: bool | None = None
        self.elements = 0

    def data_set(self) -> Model:
        """The whole file's."""
        if self.implicit and self.data[self.at + 4 : self.at + 6].isalpha():
            raise HandOver  # explicit VR under a false flag, perhaps
        model = self._level(self.end, 1, "")
        model["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
        return dict(sorted(model.items()))

    def _level(self, ends: int | None, depth: int, path: str) -> Model:  # noqa: C901 one loop, for speed
        """One data set up to `ends`, or to an item delimiter where that is None."""
        model: Model = {}
        creators: dict[int, str] = {}
        last = -1
        data, bound = self.data, self.end if ends is None else ends
        while self.at < bound or ends is None:
            tag, vr, length = self._header()
            self.elements += 1
            if tag == ITEM_END and ends is None:
                return model
            if tag <= last or self.elements > ELEMENTS or tag >> 16 == 0xFFFE:
                raise HandOver
            last, name = tag, f"{tag:08X}"
            if tag in PIXELS and depth == 1:
                model[name] = self._pixels(tag, vr, length)
                continue
            if vr == b"" or vr == b"UN":
                vr = self._kind(tag, vr, length, depth, creators)
            if vr == b"SQ":
                items = self._sequence(length, bound, depth, f"{path}{name}.")
                model[name] = {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
                continue
            start = self.at
            self.at = start + length
            if self.at > bound:
                raise HandOver
            value = data[start : self.at]
            if depth == 1 and tag in WANTED:
                self.layout.values[tag] = value[:128]
            if tag & 0xFFFF and tag >> 16 > 2:
                model[name] = self._element(tag, vr, value, depth, path + name)
                if tag & 0x10000 and 0x10 <= tag & 0xFFFF <= 0xFF:
                    creators[tag & 0xFF] = value.decode("ascii").rstrip("\0 ")
        if self.at != bound:
            raise HandOver
        return model

    def _header(self) -> tuple[int, bytes, int]:
        """(tag, VR, length); moves to the value. The VR is b"" in implicit VR and for delimiters."""
        data, at = self.data, self.at
        if self.implicit:
            group, number, length = IMPLICIT(data, at)
            self.at = at + 8
            return group << 16 | number, b"", length
        group, number, vr, length = EXPLICIT(data, at)
        if vr in LONG_VRS:
            (length,) = LENGTH(data, at + 8)
            self.at = at + 12
        elif vr in SHORT_VRS:
            self.at = at + 8
        elif group == 0xFFFE and number == 0xE00D:
            self.at, vr = at + 8, b""
        else:
            raise HandOver
        return group << 16 | number, vr, length

    def _kind(self, tag: int, vr: bytes, length: int, depth: int, creators: dict[int, str]) -> bytes:
        """The kind of a value that does not say its own."""
        if not tag & 0xFFFF:
            return vr or b"UL"
        if tag & 0x10000:
            return self._private_kind(tag, creators)
        if vr == b"UN" and length >= 0xFFFF:
            return vr
        kind = KINDS.get(tag)
        if tag in LIKE_PIXELS and depth == 1 and self.pixels_signed is not None:
            return b"SS" if self.pixels_signed else b"US"
        if kind is None or len(kind) != 2 or (vr == b"UN" and kind == b"SQ"):
            raise HandOver
        return kind

    def _private_kind(self, tag: int, creators: dict[int, str]) -> bytes:
        number = tag & 0xFFFF
        if 0x10 <= number <= 0xFF:
            return b"LO"
        creator = creators.get(number >> 8, "") if number & 0xFF00 else ""
        kind = private_kind(tag, creator) if creator else b"UN"
        if len(kind) != 2 or kind == b"SQ":
            raise HandOver
        return kind

    def _element(self, tag: int, vr: bytes, value: bytes, depth: int, path: str) -> Model:
        """One element that is no sequence, as json_model writes it."""
        if vr in OPAQUE:
            if tag in PIXELS or len(value) > (PRIVATE_BULK_BYTES if tag & 0x10000 else BULK_BYTES):
                return {"vr": vr.decode(), "BulkDataURI": f"bulkdata:/{path}"}
            return {"vr": vr.decode(), "InlineBinary": base64.b64encode(value).decode()} if value else {"vr": vr.decode()}
        if not value:
            return {"vr": vr.decode()}
        reader = PLAIN.get(vr)
        if reader:
            values = reader(value)
            if vr == b"SS" and tag in DESCRIPTORS and values[0] < 0:
                raise HandOver
        else:
            values = self._texts(vr, value)
        if tag == CHARACTER_SET:
            self._character_set(values, depth)
        elif tag == PIXEL_REPRESENTATION:
            self._sign(vr, values, depth)
        return {"vr": vr.decode(), "Value": values} if values else {"vr": vr.decode()}

    def _texts(self, vr: bytes, value: bytes) -> Values:
        if ESCAPE in value or len(value) > TEXT_BYTES:
            raise HandOver
        if vr == b"PN":
            return _persons(value.rstrip(b"\0 ").decode(self.codec))
        text = value.decode(self.codec)
        if vr in ONE_TEXT:
            text = text.rstrip("\0 ")
            return [text] if text else []
        if vr not in SEVERAL_TEXTS:
            raise HandOver
        texts = [one.rstrip("\0 ") for one in text.split("\\")]
        return texts if texts != [""] else []

    def _character_set(self, values: Values, depth: int) -> None:
        if depth > 1 or len(values) > 1:
            raise HandOver
        name = values[0].strip().encode("latin_1") if values else b""
        if name not in CODECS:
            raise HandOver
        self.codec = CODECS[name]

    def _sign(self, vr: bytes, values: Values, depth: int) -> None:
        if depth > 1 or vr != b"US" or len(values) != 1:
            raise HandOver
        self.pixels_signed = values[0] != 0

    def _sequence(self, length: int, bound: int, depth: int, path: str) -> list[Model]:
        items: list[Model] = []
        ends = None if length == UNDEFINED else self.at + length
        if ends is not None and ends > bound:
            raise HandOver
        limit = bound if ends is None else ends
        while ends is None or self.at < ends:
            group, number, item_length = IMPLICIT(self.data, self.at)
            tag = group << 16 | number
            self.at += 8
            if tag == SEQUENCE_END and ends is None:
                return items
            item_ends = None if item_length == UNDEFINED else self.at + item_length
            too_much = depth >= DEPTH or len(items) >= ITEMS or (item_ends is not None and item_ends > limit)
            if tag != ITEM or too_much:
                raise HandOver
            items.append(self._level(item_ends, depth + 1, f"{path}{len(items)}."))
        if self.at != ends:
            raise HandOver
        return items

    def _pixels(self, tag: int, vr: bytes, length: int) -> Model:
        """Remember where they are; step over them."""
        layout = self.layout
        vr = vr or (b"OW" if tag == PIXEL_DATA else KINDS[tag])
        if vr not in PIXEL_KINDS:
            raise HandOver
        model = {"vr": vr.decode(), "BulkDataURI": f"bulkdata:/{tag:08X}"}
        if length == UNDEFINED:
            if not layout.syntax.encapsulated or tag != PIXEL_DATA:
                raise HandOver
            layout.pixel_offset = self.at
            self._fragments()
            return model
        if layout.syntax.encapsulated or layout.pixel_offset is not None or self.at + length > self.end:
            raise HandOver
        layout.pixel_offset, layout.pixel_length = self.at, length
        self.at += length
        return model

    def _fragments(self) -> None:
        data, at, end, starts = self.data, self.at, self.end, self.layout.fragment_starts
        is_table = True
        while True:
            group, number, length = IMPLICIT(data, at)
            tag = group << 16 | number
            if tag == SEQUENCE_END:
                break
            if tag != ITEM or at + 8 + length > end or len(starts) > preflight.FRAGMENTS:
                raise HandOver
            if is_table:
                self.layout.offset_table, is_table = data[at + 8 : at + 8 + length], False
            else:
                starts.append(at)
            at += 8 + length
        self.layout.fragments_end, self.at = at, at + 8
        self.layout.first_fragment = preflight.first_fragment(data, self.layout)
