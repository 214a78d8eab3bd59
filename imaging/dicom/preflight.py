"""The walk over a file's bytes before any DICOM library sees them (PS3.5, 7; PS3.10, 7).

Iterative and bounded: whatever the bytes say, the cost is a few thousand steps and no allocation by their word.
Only what is needed to judge is looked at; decoding of values belongs to `read`.
"""

import mmap
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from imaging.dicom.refusals import Code, Refused
from imaging.dicom.uids import MEDIA_DIRECTORY, SYNTAXES, Syntax, is_uid

DEPTH = 16
ELEMENTS = 20_000
ITEMS = 2_000
"""In one sequence."""
FRAGMENTS = 200_000
HEADER_BYTES = 64 * 1024
"""Within these a compressed image says its size."""
TEXT_BYTES = 1024**2
FRAME_BYTES = 512 * 1024**2
"""Of one decoded frame."""
INFLATED_BYTES = 512 * 1024**2
INFLATE_RATIO = 200
INFLATE_FREE_BYTES = 8 * 1024**2
"""Below this any ratio will do: zeros are cheap and common."""

PREAMBLE = 128
CLEAR = bytes(PREAMBLE)
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA = 0x7FE00010
FLOAT_PIXELS = (0x7FE00008, 0x7FE00009)

LONG_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
SHORT_VRS = frozenset(
    vr.encode()
    for vr in [
        "AE",
        "AS",
        "AT",
        "CS",
        "DA",
        "DS",
        "DT",
        "FD",
        "FL",
        "IS",
        "LO",
        "LT",
        "PN",
        "SH",
        "SL",
        "SS",
        "ST",
        "TM",
        "UI",
        "UL",
        "US",
    ]
)
LONG_TEXT = frozenset((b"UC", b"UR", b"UT"))

SOP_CLASS, SOP_UID, STUDY_UID, SERIES_UID = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
ROWS, COLUMNS, SAMPLES, BITS_ALLOCATED, FRAMES, PHOTOMETRIC = (
    0x00280010,
    0x00280011,
    0x00280002,
    0x00280100,
    0x00280008,
    0x00280004,
)
SUBSAMPLED = ("YBR_FULL_422", "YBR_PARTIAL_422")
WANTED = frozenset((SOP_CLASS, SOP_UID, STUDY_UID, SERIES_UID, ROWS, COLUMNS, SAMPLES, BITS_ALLOCATED, FRAMES, PHOTOMETRIC))
META_SYNTAX, META_SOP_CLASS = 0x00020010, 0x00020002

Buffer = bytes | mmap.mmap


@dataclass
class Layout:
    """What the walk learned. Offsets count from the file's start, but in a deflated file from the inflated bytes' start.

    pixel_offset, pixel_length: of the Pixel Data value; length None where it is encapsulated.
    fragment_starts: of each fragment's item; fragments_end: of the last one; offset_table: the first item's value.
    """

    syntax: Syntax
    data_offset: int
    values: dict[int, bytes] = field(default_factory=dict)
    pixel_offset: int | None = None
    pixel_length: int | None = None
    fragment_starts: list[int] = field(default_factory=list)
    fragments_end: int = 0
    offset_table: bytes = b""
    first_fragment: bytes = b""
    preamble_is_clear: bool = True

    def text(self, tag: int) -> str:
        return self.values.get(tag, b"").rstrip(b"\0 ").decode("ascii", "replace").strip()

    def number(self, tag: int, default: int = 0) -> int:
        """An unsigned short; PS3.5 gives the four attributes used here two bytes."""
        value = self.values.get(tag, b"")
        return int.from_bytes(value[:2], "big" if self.syntax.big_endian else "little") if len(value) >= 2 else default

    @property
    def frame_bits(self) -> int:
        """Of one frame as it stands in a native file."""
        bits = self.number(ROWS) * self.number(COLUMNS) * self.number(SAMPLES, 1) * self.number(BITS_ALLOCATED)
        return bits * 2 // 3 if self.text(PHOTOMETRIC) in SUBSAMPLED else bits

    @property
    def frames(self) -> int:
        """Number of Frames, 1 where it is not said. Raises Refused for what is not a count."""
        text = self.text(FRAMES).partition("\\")[0]
        if not text:
            return 1
        try:
            count = int(text)
        except ValueError:
            raise Refused(Code.BAD_PIXELS, "Number of Frames") from None
        if count < 0:
            raise Refused(Code.BAD_PIXELS, "Number of Frames")
        return max(count, 1)


def check(path: Path) -> Layout:
    """Walk a file. Raises Refused."""
    if path.stat().st_size == 0:
        raise Refused(Code.EMPTY)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return check_bytes(data)


def check_bytes(data: Buffer) -> Layout:
    """The whole judgement over bytes in memory or mapped. Raises Refused."""
    layout = begin(data)
    body, offset = data, layout.data_offset
    if layout.syntax.deflated:
        body, offset = _inflated(data, offset), 0
    try:
        _Walk(body, offset, layout).run()
    except Refused as refused:
        raise _named(refused, layout) from None
    finish(layout)
    return layout


def begin(data: Buffer) -> Layout:
    """What stands before the data set. Raises Refused."""
    if not len(data):
        raise Refused(Code.EMPTY)
    syntax, offset, meta_sop_class = _meta(data)
    if meta_sop_class == MEDIA_DIRECTORY:
        raise Refused(Code.DICOMDIR)
    return Layout(syntax, offset, preamble_is_clear=data[:PREAMBLE] == CLEAR)


def finish(layout: Layout) -> None:
    """Judge what a walk has found. Raises Refused."""
    try:
        _identity(layout)
        _pixels(layout)
    except Refused as refused:
        raise _named(refused, layout) from None


def _named(refused: Refused, layout: Layout) -> Refused:
    """The same refusal, with the identifiers that were seen before it."""
    sop_class, sop_uid = layout.text(SOP_CLASS), layout.text(SOP_UID)
    return Refused(
        refused.refusal.code,
        refused.refusal.detail,
        sop_class=sop_class if is_uid(sop_class) else "",
        sop_uid=sop_uid if is_uid(sop_uid) else "",
    )


def _meta(data: Buffer) -> tuple[Syntax, int, str]:
    """The file meta group (PS3.10, 7.1): (transfer syntax, where the data set begins, SOP Class UID)."""
    if len(data) < PREAMBLE + 4 or data[PREAMBLE : PREAMBLE + 4] != b"DICM":
        raise Refused(_without_prefix(data))
    at, found = PREAMBLE + 4, dict[int, bytes]()
    while at + 8 <= len(data) and data[at : at + 2] == b"\x02\0":
        tag = 0x00020000 | int.from_bytes(data[at + 2 : at + 4], "little")
        vr = bytes(data[at + 4 : at + 6])
        if vr in LONG_VRS:
            start, length = at + 12, int.from_bytes(data[at + 8 : at + 12], "little")
        elif vr in SHORT_VRS:
            start, length = at + 8, int.from_bytes(data[at + 6 : at + 8], "little")
        else:
            raise Refused(Code.BAD_META, f"({tag:08X})")
        if start + length > len(data):
            raise Refused(Code.TRUNCATED if vr in SHORT_VRS else Code.BAD_LENGTH, "file meta")
        if tag in found or len(found) > 64:
            raise Refused(Code.BAD_META, f"({tag:08X})")
        found[tag] = bytes(data[start : start + min(length, 128)])
        at = start + length
    if META_SYNTAX not in found:
        raise Refused(Code.TRUNCATED if at + 8 > len(data) else Code.BAD_META, "Transfer Syntax UID")
    uid = _uid_text(found[META_SYNTAX])
    if uid not in SYNTAXES:
        raise Refused(Code.UNKNOWN_TRANSFER_SYNTAX if is_uid(uid) else Code.BAD_META, uid if is_uid(uid) else "")
    return SYNTAXES[uid], at, _uid_text(found.get(META_SOP_CLASS, b""))


def _uid_text(value: bytes) -> str:
    return value.rstrip(b"\0 ").decode("ascii", "replace")


def _without_prefix(data: Buffer) -> Code:
    """A bare data set begins with group 0002 or 0008, little endian; everything else is another kind of file."""
    looks_like_dicom = data[:2] in (b"\x08\0", b"\x02\0", b"\0\x08") and len(data) > 8
    return Code.BAD_META if looks_like_dicom else Code.NOT_DICOM


def _inflated(data: Buffer, offset: int) -> bytes:
    """The data set of Deflated Explicit VR LE (PS3.5, A.5), within a size and a ratio."""
    packed = len(data) - offset
    limit = min(INFLATED_BYTES, max(INFLATE_FREE_BYTES, INFLATE_RATIO * packed))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        out = inflater.decompress(bytes(data[offset:]), limit + 1)
    except zlib.error:
        raise Refused(Code.TRUNCATED if packed < 16 else Code.BAD_ELEMENT, "deflated data set") from None
    if len(out) > limit:
        raise Refused(Code.BOMB, f"more than {limit} bytes")
    if not inflater.eof:
        raise Refused(Code.TRUNCATED, "deflated data set")
    return out


@dataclass
class _Level:
    """One data set on the way. ends: where its bytes end, None where an item delimiter ends it.

    sequence_ends: of the sequence around it, None where a sequence delimiter ends it.
    """

    ends: int | None
    sequence_ends: int | None
    implicit: bool
    last_tag: int = -1
    items: int = 1


class _Walk:
    """Element after element with a stack of our own, so that nesting costs list entries and never frames."""

    def __init__(self, data: Buffer, offset: int, layout: Layout) -> None:
        self.data, self.at, self.end, self.layout = data, offset, len(data), layout
        self.order: str = "big" if layout.syntax.big_endian else "little"
        self.elements = 0
        self.stack = [_Level(self.end, None, layout.syntax.implicit)]

    def run(self) -> None:
        while self.stack:
            level = self.stack[-1]
            if level.ends is not None and self.at >= level.ends:
                if self.at > level.ends:
                    raise Refused(Code.BAD_LENGTH, "an item's end")
                self._close()
                continue
            self._element(level)

    def _number(self, at: int, size: int) -> int:
        if at + size > self.end:
            raise Refused(Code.TRUNCATED)
        return int.from_bytes(self.data[at : at + size], self.order)  # type: ignore[arg-type]

    def _tag(self) -> int:
        return self._number(self.at, 2) << 16 | self._number(self.at + 2, 2)

    def _close(self) -> None:
        """Leave a data set: to the next item of its sequence, or out of the sequence."""
        done = self.stack.pop()
        if self.stack:
            self._next_item(done.sequence_ends, done.implicit, done.items)

    def _next_item(self, sequence_ends: int | None, implicit: bool, items: int) -> None:
        if sequence_ends is not None and self.at >= sequence_ends:
            if self.at > sequence_ends:
                raise Refused(Code.BAD_LENGTH, "a sequence's end")
            return
        tag, length = self._tag(), self._number(self.at + 4, 4)
        self.at += 8
        if tag == SEQUENCE_END and sequence_ends is None:
            return
        if tag != ITEM:
            raise Refused(Code.BAD_ELEMENT, "a sequence without items")
        if items >= ITEMS:
            raise Refused(Code.TOO_MANY_ELEMENTS, f"more than {ITEMS} items in a sequence")
        ends = None if length == UNDEFINED else self.at + length
        bound = sequence_ends if sequence_ends is not None else self.end
        if ends is not None and ends > bound:
            raise Refused(Code.TRUNCATED if ends > self.end and sequence_ends is None else Code.BAD_LENGTH, "an item")
        if len(self.stack) >= DEPTH:
            raise Refused(Code.TOO_DEEP, f"more than {DEPTH} levels")
        self.stack.append(_Level(ends, sequence_ends, implicit, items=items + 1))

    def _element(self, level: _Level) -> None:  # noqa: C901 the table of cases of PS3.5, 7, read top to bottom
        self.elements += 1
        if self.elements > ELEMENTS:
            raise Refused(Code.TOO_MANY_ELEMENTS, f"more than {ELEMENTS} elements")
        tag = self._tag()
        if tag == ITEM_END and level.ends is None:
            self.at += 8
            if self.at > self.end:
                raise Refused(Code.TRUNCATED)
            return self._close()
        if tag >> 16 == 0xFFFE:
            raise Refused(Code.BAD_ELEMENT, f"({tag:08X}) outside a sequence")
        vr, length = self._header(level, tag)
        if tag <= level.last_tag:
            raise Refused(Code.BAD_ORDER, f"({tag:08X})")
        level.last_tag = tag
        if len(self.stack) == 1 and tag in (PIXEL_DATA, *FLOAT_PIXELS):
            return self._pixel_data(tag, length)
        if length == UNDEFINED:
            return self._sequence_of_unknown_length(level, vr, tag)
        self._inside(level, length, tag)
        if vr == b"SQ":
            ends = self.at + length
            return self._next_item(ends, level.implicit, 0) if length else None
        if vr in LONG_TEXT and length > TEXT_BYTES:
            raise Refused(Code.BAD_LENGTH, f"({tag:08X}) text of {length} bytes")
        if len(self.stack) == 1 and tag in WANTED:
            self.layout.values[tag] = bytes(self.data[self.at : self.at + min(length, 128)])
        self.at += length
        return None

    def _header(self, level: _Level, tag: int) -> tuple[bytes, int]:
        """(VR, length); moves to the value. Without a VR: b"" (implicit), where a sequence shows by its length only."""
        if level.implicit:
            length = self._number(self.at + 4, 4)
            self.at += 8
            return b"", length
        vr = bytes(self.data[self.at + 4 : self.at + 6])
        if vr in SHORT_VRS:
            length = self._number(self.at + 6, 2)
            self.at += 8
            return vr, length
        if vr not in LONG_VRS:
            raise Refused(Code.TRUNCATED if self.at + 6 > self.end else Code.BAD_ELEMENT, f"({tag:08X}) of an unknown kind")
        length = self._number(self.at + 8, 4)
        self.at += 12
        return vr, length

    def _inside(self, level: _Level, length: int, tag: int) -> None:
        bound = level.ends if level.ends is not None else self.end
        if self.at + length <= bound:
            return
        absurd = bound < self.end or length > 2 * self.end
        raise Refused(Code.BAD_LENGTH if absurd else Code.TRUNCATED, f"({tag:08X})")

    def _sequence_of_unknown_length(self, level: _Level, vr: bytes, tag: int) -> None:
        """SQ, or UN that hides one in implicit VR (PS3.5, 6.2.2 note)."""
        if vr not in (b"SQ", b"UN", b""):
            raise Refused(Code.BAD_LENGTH, f"({tag:08X})")
        self._next_item(None, level.implicit or vr == b"UN", 0)

    def _pixel_data(self, tag: int, length: int) -> None:
        layout = self.layout
        layout.pixel_offset = self.at
        if length != UNDEFINED:
            if layout.syntax.encapsulated:
                raise Refused(Code.BAD_PIXELS, "compressed pixels without fragments")
            self._inside(self.stack[0], length, tag)
            layout.pixel_length = length
            self.at += length
            return
        if not layout.syntax.encapsulated:
            raise Refused(Code.BAD_LENGTH, "pixels of undefined length")
        self._fragments()

    def _fragments(self) -> None:
        """Basic Offset Table, then fragments up to the sequence delimiter (PS3.5, A.4)."""
        layout, is_table = self.layout, True
        while True:
            tag, length = self._tag(), self._number(self.at + 4, 4)
            self.at += 8
            if tag == SEQUENCE_END:
                break
            if tag != ITEM or length == UNDEFINED:
                raise Refused(Code.BAD_PIXELS, "fragments")
            self._inside(self.stack[0], length, PIXEL_DATA)
            if is_table:
                layout.offset_table, is_table = bytes(self.data[self.at : self.at + length]), False
            else:
                layout.fragment_starts.append(self.at - 8)
            if len(layout.fragment_starts) > FRAGMENTS:
                raise Refused(Code.TOO_MANY_ELEMENTS, f"more than {FRAGMENTS} fragments")
            self.at += length
        layout.fragments_end = self.at - 8
        layout.first_fragment = first_fragment(self.data, layout)


def first_fragment(data: Buffer, layout: Layout) -> bytes:
    """As much of it as its own header may need."""
    if not layout.fragment_starts:
        return b""
    start = layout.fragment_starts[0]
    length = int.from_bytes(data[start + 4 : start + 8], "little")
    return bytes(data[start + 8 : start + 8 + min(length, HEADER_BYTES)])


def _identity(layout: Layout) -> None:
    """The four UIDs that place an instance. The header's own copy of them is often stale and decides nothing."""
    for tag, name in ((SOP_CLASS, "SOP Class UID"), (SOP_UID, "SOP Instance UID"), (STUDY_UID, "Study"), (SERIES_UID, "Series")):
        value = layout.text(tag)
        if not value:
            raise Refused(Code.MISSING_UID, name)
        if not is_uid(value):
            raise Refused(Code.BAD_UID, name)
    if layout.text(SOP_CLASS) == MEDIA_DIRECTORY:
        raise Refused(Code.DICOMDIR)


def _pixels(layout: Layout) -> None:
    """Rows times columns and so on against what is there, in integers that cannot overflow."""
    if layout.pixel_offset is None:
        return
    rows, columns = layout.number(ROWS), layout.number(COLUMNS)
    samples, bits = layout.number(SAMPLES, 1), layout.number(BITS_ALLOCATED)
    if not rows or not columns or not samples or not bits or samples > 4 or bits > 64:
        raise Refused(Code.BAD_PIXELS, f"{rows} x {columns}, {samples} samples of {bits} bits")
    frame_bits = rows * columns * samples * bits
    if layout.syntax.media_type.startswith("video/"):
        return
    if frame_bits > 8 * FRAME_BYTES:
        raise Refused(Code.BOMB, f"a frame of {frame_bits // 8} bytes")
    if layout.syntax.encapsulated:
        return _packed_pixels(layout, rows, columns)
    expected = (layout.frame_bits * layout.frames + 7) // 8
    assert layout.pixel_length is not None
    if layout.pixel_length < expected or layout.pixel_length > expected + max(expected, 1024):
        raise Refused(Code.BAD_PIXELS, f"{layout.pixel_length} bytes where {expected} are due")
    return None


def _packed_pixels(layout: Layout, rows: int, columns: int) -> None:
    if len(layout.fragment_starts) < layout.frames:
        raise Refused(Code.BAD_PIXELS, f"{len(layout.fragment_starts)} fragments for {layout.frames} frames")
    size = _size_of(layout)
    if size is not None and size != (rows, columns):
        raise Refused(Code.BAD_PIXELS, f"{size[0]} x {size[1]} where {rows} x {columns} are due")


def _jpeg_size(stream: bytes) -> tuple[int, int] | None:
    """(rows, columns) of the frame header (ISO 10918-1, B.2.2; JPEG-LS has SOF55), None where none is found."""
    at = 2
    while at + 9 <= len(stream):
        if stream[at] != 0xFF:
            return None
        marker = stream[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            return int.from_bytes(stream[at + 5 : at + 7], "big"), int.from_bytes(stream[at + 7 : at + 9], "big")
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return None


def _jpeg_2000_size(stream: bytes) -> tuple[int, int] | None:
    """(rows, columns) of the SIZ marker (ISO 15444-1, A.5.1), also behind a JP2 box."""
    at = stream.find(b"\xff\x4f\xff\x51")
    if at < 0 or at + 24 > len(stream):
        return None
    x, y, x0, y0 = (int.from_bytes(stream[at + 8 + 4 * i : at + 12 + 4 * i], "big") for i in range(4))
    return y - y0, x - x0


def _size_of(layout: Layout) -> tuple[int, int] | None:
    reader = _SIZES.get(layout.syntax.media_type)
    return reader(layout.first_fragment) if reader else None


_SIZES: dict[str, Callable[[bytes], tuple[int, int] | None]] = {
    "image/jpeg": _jpeg_size,
    "image/jls": _jpeg_size,
    "image/jp2": _jpeg_2000_size,
    "image/jphc": _jpeg_2000_size,
}
