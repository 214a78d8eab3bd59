"""Files made to do harm, or made by unlucky devices: several hundred, each under a name that says what is wrong."""

import struct
from collections.abc import Iterator

from imaging.dicom.refusals import Code
from tests import dicom_samples
from tests.dicom_samples import DEFLATED, EXPLICIT, SC, deflated, element, file_of, image, nested, short

IMPLICIT = b"1.2.840.10008.1.2\0"
BIG_ENDIAN = b"1.2.840.10008.1.2.2\0"
JPEG = b"1.2.840.10008.1.2.4.50"
JPEG_2000 = b"1.2.840.10008.1.2.4.90"
HTJ2K = b"1.2.840.10008.1.2.4.201\0"
RLE = b"1.2.840.10008.1.2.5\0"
MPEG4 = b"1.2.840.10008.1.2.4.102\0"
ITEM, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"
PREAMBLES = {
    "program": b"MZ\x90\0",
    "elf": b"\x7fELF",
    "script": b"#!/bin/sh\nrm -rf /\n",
    "page": b"<html><script>alert(1)</script>",
    "pdf": b"%PDF-1.7\n",
    "zip": b"PK\x03\x04",
    "gif": b"GIF89a",
    "tiff": b"II*\0",
    "php": b"<?php system($_GET[0]); ?>",
}
NAMES = {
    "traversal": b"../../../../etc/passwd",
    "script": b"<script>alert(document.cookie)</script>",
    "sql": b"'; DROP TABLE study; --",
    "template": b"{{ 7*7 }}${7*7}",
    "format": b"%s%n%x",
    "right to left": "Nguyễn\u202eAn^\u2066X\u2069".encode(),
    "zero width": "Ng\u200buy\u200dễn".encode(),
    "combining": ("a" + "\u0301" * 300).encode(),
    "nul inside": b"A\0B",
    "control": bytes(range(1, 32)),
    "escape to Japanese": b"A\x1b$B\x30\x21\x1b(B",
    "escape to nowhere": b"A\x1b$Z\x30\x21",
    "not UTF-8": b"\xff\xfe\xc3\x28",
    "overlong UTF-8": b"\xc0\xaf\xc0\xae",
    "surrogates in UTF-8": b"\xed\xa0\x80\xed\xb0\x80",
    "equal signs": b"=" * 60,
    "carets": b"^" * 60,
    "backslashes": b"\\" * 60,
    "long": b"x" * 60_000,
    "new lines": b"A\r\nSet-Cookie: x=1\r\n",
    "spreadsheet": b'=cmd|"/c calc"!A1',
}
CHARACTER_SETS = (
    b"",
    b"ISO_IR 999",
    b"\\ISO 2022 IR 87",
    b"ISO 2022 IR 149\\ISO 2022 IR 87",
    b"GB18030",
    b"utf-8",
    b"../x",
    b"\xff\xff",
)
VALUES = {
    "number of frames is text": element(0x28, 8, b"IS", b"many"),
    "number of frames is negative": element(0x28, 8, b"IS", b"-3"),
    "number of frames is huge": element(0x28, 8, b"IS", b"99999999999999999999"),
    "decimal without end": element(0x28, 0x30, b"DS", b"1" * 4000),
    "decimal is NaN": element(0x28, 0x30, b"DS", b"NaN\\inf"),
    "decimal of commas": element(0x28, 0x30, b"DS", b"1,5\\1,5"),
    "decimal overflows": element(0x28, 0x30, b"DS", b"1e999\\-1e999"),
    "tag of three bytes": element(0x28, 9, b"AT", b"\x18\0\x63"),
    "private without creator": element(0x29, 0x1001, b"UN", b"\x01" * 2000),
    "private creator of nonsense": element(0x29, 0x10, b"LO", b"\xff\0\\") + element(0x29, 0x1001, b"UN", b"ab"),
}


def named(n: int, **wanted: object) -> bytes:
    """The plain image under UIDs of its own."""
    uids = {"sop_uid": f"1.2.9.{n}.3", "study_uid": f"1.2.9.{n}", "series_uid": f"1.2.9.{n}.2"}
    return image(**(uids | wanted))  # type: ignore[arg-type]


def packed(syntax: bytes, n: int, pixels: bytes, *, rows: int = 4, columns: int = 4, frames: bytes = b"1") -> bytes:
    """An encapsulated image. pixels: everything behind the Pixel Data element's head."""
    whole = named(n, rows=rows, columns=columns, pixels=b"")
    head = whole[: whole.rindex(b"\xe0\x7f\x10\0")]
    at = head.index(short(0x28, 0x10, rows))
    head = head[:at] + element(0x28, 8, b"IS", frames) + head[at:]
    return file_of(head + b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + pixels, syntax)


def item(content: bytes, length: int | None = None) -> bytes:
    return ITEM + struct.pack("<I", len(content) if length is None else length) + content


def jpeg(rows: int, columns: int) -> bytes:
    return b"\xff\xd8\xff\xc0\0\x0b\x08" + struct.pack(">HH", rows, columns) + b"\x01\x01\x11\0" + b"\xff\xd9"


def jpeg_2000(rows: int, columns: int, tiles: int = 1) -> bytes:
    size = struct.pack(">HIIIIIIIIH", 0, columns, rows, 0, 0, tiles, tiles, 0, 0, 1) + b"\x07\x01\x01"
    return b"\xff\x4f\xff\x51" + struct.pack(">H", len(size) + 2) + size + b"\xff\xd9"


def implicit(data_set: bytes) -> bytes:
    """The same elements without their kinds."""
    out, at = b"", 0
    while at < len(data_set):
        tag, vr = data_set[at : at + 4], data_set[at + 4 : at + 6]
        long = vr in (b"OB", b"OW", b"SQ", b"UN", b"UT")
        length = struct.unpack_from("<I", data_set, at + 8)[0] if long else struct.unpack_from("<H", data_set, at + 6)[0]
        start = at + (12 if long else 8)
        out += tag + struct.pack("<I", length) + data_set[start : start + length]
        at = start + length
    return out


def starts(data_set: bytes) -> list[int]:
    """Where each element of a plain explicit data set begins."""
    found, at = [], 0
    while at < len(data_set):
        found.append(at)
        long = data_set[at + 4 : at + 6] in (b"OB", b"OW", b"SQ", b"UN", b"UT")
        length = struct.unpack_from("<I" if long else "<H", data_set, at + (8 if long else 6))[0]
        at += (12 if long else 8) + length
    return found


def files() -> dict[str, bytes]:
    """Every case; where the name of a refusal is known, it stands behind a colon: `empty: empty`."""
    cases = {f"{name}: {code}".strip(": "): content for name, (content, code) in dicom_samples.hostile().items()}
    for part in (_cut, _lengths, _nested, _bombs, _polyglots, _texts, _fragments, _geometry, _values, _other_syntaxes):
        cases.update(part())
    return cases


def _cut() -> Iterator[tuple[str, bytes]]:
    wholes = {
        "explicit": file_of(named(1)),
        "implicit": file_of(implicit(named(2)), IMPLICIT),
        "deflated": file_of(deflated(named(3)), DEFLATED),
        "packed": packed(JPEG, 4, item(b"") + item(jpeg(4, 4)) + SEQUENCE_END),
        "nested": file_of(named(5, middle=nested(3) + (b"\xfe\xff\x0d\xe0" + bytes(4) + SEQUENCE_END) * 3)),
    }
    for kind, whole in wholes.items():
        for stage in range(0, len(whole), 17):
            yield f"{kind} cut at {stage}", whole[:stage]


def _lengths() -> Iterator[tuple[str, bytes]]:
    plain = named(20)
    for number, at in enumerate(starts(plain)):
        long = plain[at + 4 : at + 6] == b"OB"
        for length in (0, 1, 0x7FFF, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF):
            if long or length <= 0xFFFF:
                place, size = (at + 8, "<I") if long else (at + 6, "<H")
                broken = bytearray(named(1000 + number * 10 + length % 7))
                struct.pack_into(size, broken, place + len(broken) - len(plain) if long else place, length)
                yield f"element {number} says {length:x} bytes", file_of(bytes(broken))


def _nested() -> Iterator[tuple[str, bytes]]:
    end = b"\xfe\xff\x0d\xe0" + bytes(4) + SEQUENCE_END
    for depth in (1, 14, 15, 16, 17, 100, 10_000):
        yield f"{depth} levels", file_of(named(3000 + depth, middle=nested(depth) + end * depth))
        yield f"{depth} levels without an end", file_of(named(23_000 + depth, middle=nested(depth)))
    inner = b""
    for _ in range(40):
        inner = element(0x21, 0x1001, b"SQ", item(inner))
    yield f"40 levels of known length: {Code.TOO_DEEP}", file_of(named(3500, middle=inner))
    unknown = element(0x21, 0x1001, b"UN", b"", 0xFFFFFFFF) + item(implicit(short(0x28, 2, 1))) + SEQUENCE_END
    yield "a sequence inside an unknown kind", file_of(named(3501, middle=unknown))


def _bombs() -> Iterator[tuple[str, bytes]]:
    yield f"64 MiB of deflated zeros: {Code.BOMB}", file_of(deflated(named(4000, pixels=bytes(64 * 1024**2))), DEFLATED)
    yield "deflated twice", file_of(deflated(deflated(named(4001))), DEFLATED)
    for n, (rows, columns) in enumerate(((65535, 65535), (40_000, 40_000), (1, 65535), (65535, 1))):
        for kind, syntax, frame in (("JPEG", JPEG, jpeg), ("JPEG 2000", JPEG_2000, jpeg_2000), ("HTJ2K", HTJ2K, jpeg_2000)):
            pixels = item(b"") + item(frame(rows, columns)) + SEQUENCE_END
            number = 4100 + n * 10 + len(kind)
            yield f"{kind} of {rows} x {columns}", packed(syntax, number, pixels, rows=rows, columns=columns)
            yield f"{kind} that lies: {rows} x {columns}", packed(syntax, number + 500, pixels)
    huge = item(b"") + item(jpeg_2000(2**31 - 1, 2**31 - 1)) + SEQUENCE_END
    yield "JPEG 2000 of 2^62 pixels", packed(JPEG_2000, 4700, huge)
    yield "a million tiles", packed(JPEG_2000, 4701, item(b"") + item(jpeg_2000(4, 4, 0)) + SEQUENCE_END)
    for n, frames in enumerate((b"2", b"65536", b"2147483647", b"999999999999")):
        one = item(b"") + item(jpeg(4, 4)) + SEQUENCE_END
        yield f"{frames.decode()} frames in one fragment", packed(JPEG, 4710 + n, one, frames=frames)
        yield (
            f"video of {frames.decode()} frames",
            packed(MPEG4, 4720 + n, item(b"") + item(b"\0" * 64) + SEQUENCE_END, frames=frames),
        )


def _polyglots() -> Iterator[tuple[str, bytes]]:
    for n, (name, head) in enumerate(PREAMBLES.items()):
        yield f"preamble of a {name}", file_of(named(5000 + n), preamble=head.ljust(128, b"\x90"))
        yield f"only a {name}", head.ljust(4096, b"\x90")


def _texts() -> Iterator[tuple[str, bytes]]:
    for n, (name, value) in enumerate(NAMES.items()):
        even = value + b" " * (len(value) % 2)
        whole = named(6000 + n)
        old = element(0x10, 0x10, b"PN", "Nguyễn^Thị^Hoà".encode())
        yield f"name: {name}", file_of(whole.replace(old, element(0x10, 0x10, b"PN", even)))
        yield (
            f"patient id: {name}",
            file_of(named(6100 + n).replace(element(0x10, 0x20, b"LO", b"P1"), element(0x10, 0x20, b"LO", even))),
        )
        for m, charset in enumerate(CHARACTER_SETS[:3]):
            other = named(6200 + n * 10 + m).replace(element(8, 5, b"CS", b"ISO_IR 192"), element(8, 5, b"CS", charset))
            yield f"name: {name} in {charset!r}", file_of(other.replace(old, element(0x10, 0x10, b"PN", even)))
    for n, charset in enumerate(CHARACTER_SETS):
        other = named(6900 + n).replace(element(8, 5, b"CS", b"ISO_IR 192"), element(8, 5, b"CS", charset))
        yield f"character set {charset!r}", file_of(other)


def _fragments() -> Iterator[tuple[str, bytes]]:
    good = item(jpeg(4, 4))
    cases = {
        "no fragments": item(b"") + SEQUENCE_END,
        "no offset table": SEQUENCE_END,
        "no end": item(b"") + good,
        "empty fragment": item(b"") + item(b"") + SEQUENCE_END,
        "fragment beyond the end": item(b"") + item(b"\xff\xd8", 0x7FFFFFF0) + SEQUENCE_END,
        "fragment of unknown length": item(b"") + item(b"\xff\xd8", 0xFFFFFFFF) + SEQUENCE_END,
        "offset table beyond the end": item(struct.pack("<I", 0xFFFFFFF0)) + good + SEQUENCE_END,
        "offset table of three bytes": item(b"\0\0\0") + good + SEQUENCE_END,
        "another tag between": item(b"") + element(0x28, 2, b"OB", b"ab") + SEQUENCE_END,
        "not a picture": item(b"") + item(b"\x90" * 64) + SEQUENCE_END,
        "thousands of empty fragments": item(b"") + item(b"") * 30_000 + SEQUENCE_END,
    }
    for n, (name, pixels) in enumerate(cases.items()):
        for m, syntax in enumerate((JPEG, JPEG_2000, RLE, HTJ2K)):
            yield f"{name} ({syntax.decode()[-4:]})", packed(syntax, 7000 + n * 10 + m, pixels)
    for m, segments in enumerate((0, 1, 16, 0xFFFFFFFF)):
        header = struct.pack("<16I", segments, *([0xFFFFFFF0] * 15))
        yield f"RLE of {segments} segments elsewhere", packed(RLE, 7500 + m, item(b"") + item(header) + SEQUENCE_END)
    yield "compressed syntax, plain pixels", file_of(named(7600), JPEG)
    yield "plain syntax, fragments", packed(EXPLICIT, 7601, item(b"") + good + SEQUENCE_END)


def _geometry() -> Iterator[tuple[str, bytes]]:
    for n, tag in enumerate((0x02, 0x10, 0x11, 0x100, 0x101, 0x102, 0x103)):
        for m, value in enumerate((0, 1, 7, 64, 255, 32_768, 65_535)):
            whole = named(8000 + n * 10 + m)
            at = whole.rindex(struct.pack("<HH", 0x28, tag) + b"US")
            yield f"(0028,{tag:04x}) is {value}", file_of(whole[: at + 8] + struct.pack("<H", value) + whole[at + 10 :])
    for n, pixels in enumerate((b"", bytes(2), bytes(14), bytes(18), bytes(4000))):
        yield f"{len(pixels)} bytes of pixels where 16 are due", file_of(named(8200 + n, pixels=pixels))
    for n, colours in enumerate((b"PALETTE COLOR", b"YBR_FULL_422", b"RGB", b"", b"\xff" * 16, b"ARGB")):
        old = element(0x28, 4, b"CS", b"MONOCHROME2")
        yield f"colours {colours!r}", file_of(named(8300 + n).replace(old, element(0x28, 4, b"CS", colours)))


def _values() -> Iterator[tuple[str, bytes]]:
    for n, (name, content) in enumerate(VALUES.items()):
        whole = named(9000 + n)
        at = whole.index(short(0x28, 0x10, 4)) if content[0] == 0x28 and content[2] < 0x10 else whole.index(short(0x28, 0x100, 8))
        at = whole.index(b"\xe0\x7f\x10\0") if content[0] == 0x29 else at
        yield name, file_of(whole[:at] + content + whole[at:])
    for n, uid in enumerate(("1", "1..2", "1.02", ".1", "1.2.", "1.2 ", "٣.١", "1.2/3", "0" * 64, "1." * 31 + "11")):
        yield (
            f"UID {uid!r}",
            file_of(named(9100 + n, sop_uid=uid) if uid.isascii() else named(9100 + n).replace(b"1.2.9", b"1.\xd9\xa3.9")),
        )


def _other_syntaxes() -> Iterator[tuple[str, bytes]]:
    yield "implicit under an explicit flag", file_of(implicit(named(9500)))
    yield "explicit under an implicit flag", file_of(named(9501), IMPLICIT)
    yield "little under a big-endian flag", file_of(named(9502), BIG_ENDIAN)
    yield "plain under a deflated flag", file_of(named(9503), DEFLATED)
    yield "a directory", file_of(named(9504).replace(SC, b"1.2.840.10008.1.3.10\0".ljust(len(SC), b"\0")[: len(SC)]))
    yield "two files in one", file_of(named(9505)) + file_of(named(9506))
    yield "garbage behind", file_of(named(9507)) + b"\x90" * 999
