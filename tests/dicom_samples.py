"""DICOM files for tests: what pydicom ships, one plain image made here, and files made to do harm."""

import struct
import zlib
from pathlib import Path

import pydicom
import pydicom.data

EXPLICIT = b"1.2.840.10008.1.2.1\0"
DEFLATED = b"1.2.840.10008.1.2.1.99"
SC = b"1.2.840.10008.5.1.4.1.1.7\0"


def shipped() -> list[Path]:
    """Every file inside the pydicom package that is or claims to be DICOM; nothing is downloaded."""
    root = Path(pydicom.data.__file__).parent
    plain = {".py", ".pyc", ".json", ".txt", ".md", ".csv", ".toml", ".dump", ".icc", ".gz"}
    return sorted(p for p in root.rglob("*") if p.is_file() and p.suffix not in plain and p.name != "README")


def element(group: int, number: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """One explicit little-endian element; `length` lies where it is given."""
    if len(value) % 2:
        value += b"\0" if vr == b"UI" else b" "
    size = len(value) if length is None else length
    head = struct.pack("<HH", group, number) + vr
    if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
        return head + b"\0\0" + struct.pack("<I", size & 0xFFFFFFFF) + value
    return head + struct.pack("<H", size & 0xFFFF) + value


def short(group: int, number: int, value: int) -> bytes:
    return element(group, number, b"US", struct.pack("<H", value))


def file_of(data_set: bytes, syntax: bytes = EXPLICIT, preamble: bytes = bytes(128)) -> bytes:
    return preamble + b"DICM" + element(2, 0x10, b"UI", syntax) + data_set


def image(
    sop_uid: str = "1.2.3.4.5.6",
    study_uid: str = "1.2.3.4",
    series_uid: str = "1.2.3.4.5",
    *,
    patient_id: str = "P1",
    name: str = "Nguyễn^Thị^Hoà",
    rows: int = 4,
    columns: int = 4,
    pixels: bytes | None = None,
    middle: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """The data set of a small grey image. middle, after: elements between groups 0020 and 0028, 0028 and 7FE0."""
    return b"".join(
        (
            element(8, 5, b"CS", b"ISO_IR 192"),
            element(8, 0x16, b"UI", SC),
            element(8, 0x18, b"UI", sop_uid.encode()),
            element(8, 0x20, b"DA", b"20260105"),
            element(8, 0x60, b"CS", b"CT"),
            element(0x10, 0x10, b"PN", name.encode()),
            element(0x10, 0x20, b"LO", patient_id.encode()),
            element(0x20, 0x0D, b"UI", study_uid.encode()),
            element(0x20, 0x0E, b"UI", series_uid.encode()),
            element(0x20, 0x13, b"IS", b"1"),
            middle,
            short(0x28, 2, 1),
            element(0x28, 4, b"CS", b"MONOCHROME2"),
            short(0x28, 0x10, rows),
            short(0x28, 0x11, columns),
            short(0x28, 0x100, 8),
            short(0x28, 0x101, 8),
            short(0x28, 0x102, 7),
            short(0x28, 0x103, 0),
            after,
            element(0x7FE0, 0x10, b"OB", bytes(range(16)) if pixels is None else pixels),
        )
    )


def deflated(data_set: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data_set) + packer.flush()


def nested(depth: int) -> bytes:
    """A private sequence in a sequence, `depth` levels of undefined length."""
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    return (element(0x21, 0x1001, b"SQ", b"", 0xFFFFFFFF) + item) * depth


def hostile() -> dict[str, tuple[bytes, str]]:
    """Name -> (bytes, the code they must be refused with)."""
    good = file_of(image())
    many_items = element(0x21, 0x1001, b"SQ", b"\xfe\xff\x00\xe0\0\0\0\0" * 2001)
    many = b"".join(element(0x21, 0x1000 + i, b"LO", b"") for i in range(20_001))
    cases = {
        "empty": (b"", "empty"),
        "one byte": (b"D", "not_dicom"),
        "text": (b"hello " * 100, "not_dicom"),
        "zip": (b"PK\x03\x04" + bytes(400), "not_dicom"),
        "program": (b"MZ" + bytes(400), "not_dicom"),
        "zeros": (bytes(4096), "not_dicom"),
        "prefix only": (bytes(128) + b"DICM", "truncated"),
        "no meta header": (image(), "bad_meta"),
        "meta of garbage": (bytes(128) + b"DICM" + b"\x02\0\x10\0??" + bytes(64), "bad_meta"),
        "meta length absurd": (bytes(128) + b"DICM" + element(2, 1, b"OB", b"", 0xFFFFFFF0) + image(), "bad_length"),
        "meta without syntax": (bytes(128) + b"DICM" + element(2, 2, b"UI", SC) + image(), "bad_meta"),
        "meta twice": (bytes(128) + b"DICM" + element(2, 2, b"UI", SC) * 2 + image(), "bad_meta"),
        "unknown syntax": (file_of(image(), b"1.2.3.4.5.99"), "unknown_transfer_syntax"),
        "syntax is a path": (file_of(image(), b"../../etc/passwd"), "bad_meta"),
        "cut in pixels": (good[:-8], "truncated"),
        "cut in an element's header": (file_of(image())[: len(file_of(b"")) + 5], "truncated"),
        "only a meta header": (file_of(b""), "missing_uid"),
        "no SOP UID": (file_of(image(sop_uid="")), "missing_uid"),
        "no study UID": (file_of(image(study_uid="")), "missing_uid"),
        "no series UID": (file_of(image(series_uid="")), "missing_uid"),
        "path as SOP UID": (file_of(image(sop_uid="../../../etc/passwd")), "bad_uid"),
        "path as study UID": (file_of(image(study_uid="/etc/cron.d/x")), "bad_uid"),
        "windows path as UID": (file_of(image(series_uid="C:\\boot.ini")), "bad_uid"),
        "NUL inside a UID": (file_of(image(sop_uid="1.2\0.3")), "bad_uid"),
        "UID too long": (file_of(image(sop_uid="1." + "2" * 70)), "bad_uid"),
        "script as UID": (file_of(image(sop_uid="<script>alert(1)")), "bad_uid"),
        "absurd length": (file_of(image(middle=element(0x21, 0x1001, b"OB", b"", 0xFFFFFFFE))), "bad_length"),
        "text of undefined length": (file_of(image(middle=element(0x21, 0x1001, b"UT", b"", 0xFFFFFFFF))), "bad_length"),
        "text too long": (file_of(image(middle=element(0x21, 0x1001, b"UT", b"x" * 1_048_578))), "bad_length"),
        "unknown kind of element": (file_of(image(middle=element(0x21, 0x1001, b"XX", b"ab"))), "bad_element"),
        "element twice": (file_of(image(middle=element(0x20, 0x13, b"IS", b"2"))), "bad_order"),
        "group out of order": (file_of(image(middle=element(8, 0x18, b"UI", b"1.9"))), "bad_order"),
        "nested too deeply": (file_of(image(middle=nested(17))), "too_deep"),
        "nested a million times": (file_of(image(middle=nested(50_000))), "too_deep"),
        "too many items": (file_of(image(middle=many_items)), "too_many_elements"),
        "too many elements": (file_of(image(middle=many)), "too_many_elements"),
        "item longer than its sequence": (
            file_of(image(middle=element(0x21, 0x1001, b"SQ", b"\xfe\xff\x00\xe0\xf0\0\0\0"))),
            "bad_length",
        ),
        "sequence without items": (file_of(image(middle=element(0x21, 0x1001, b"SQ", b"\x08\0\x05\0CS\0\0"))), "bad_element"),
        "delimiter outside a sequence": (file_of(image(middle=b"\xfe\xff\xdd\xe0\0\0\0\0")), "bad_element"),
        "more pixels than bytes": (file_of(image(rows=4000, columns=4000)), "bad_pixels"),
        "no rows": (file_of(image(rows=0)), "bad_pixels"),
        "pixel flood": (file_of(image(rows=65535, columns=65535)), "bomb"),
        "far more bytes than pixels": (file_of(image(pixels=bytes(8192))), "bad_pixels"),
        "frames by the million": (file_of(image(middle=element(0x28, 8, b"IS", b"999999999"))), "bad_order"),
        "deflate bomb": (file_of(deflated(image(pixels=bytes(64 * 1024**2))), DEFLATED), "bomb"),
        "deflated garbage": (file_of(b"\xff" * 64, DEFLATED), "bad_element"),
        "deflated and cut": (file_of(deflated(image())[:-20], DEFLATED), "truncated"),
        "undefined native pixels": (
            file_of(image(pixels=b"")[:-12] + element(0x7FE0, 0x10, b"OB", b"", 0xFFFFFFFF)),
            "bad_length",
        ),
    }
    for stage in range(140, len(good) - 1, 53):
        cases.setdefault(f"cut at {stage}", (good[:stage], ""))  # any code: what is missing depends on the place
    return cases


def polyglot() -> bytes:
    """A valid image whose preamble begins a program."""
    return file_of(image(sop_uid="1.2.3.4.5.7"), preamble=b"MZ" + b"\x90" * 126)
