"""The head of a DICOM file (PS3.10, 7.1): made for a data set that came without one, and found in front of one."""

from struct import pack

IMPLEMENTATION = "1.2.826.0.1.3680043.10.1702.1"
VERSION_NAME = "TELEHEALTH"
PREAMBLE = bytes(128) + b"DICM"
LONG_LENGTHS = (b"OB", b"OW", b"UN", b"UT", b"SQ", b"OF", b"OD", b"OL")


def file_head(sop_class: str, sop_uid: str, syntax: str) -> bytes:
    """Preamble and file meta information: the same for the same instance, whoever sends it when."""
    group = b"".join(
        (
            _meta(1, b"OB", b"\0\1"),
            _meta(2, b"UI", sop_class.encode()),
            _meta(3, b"UI", sop_uid.encode()),
            _meta(0x10, b"UI", syntax.encode()),
            _meta(0x12, b"UI", IMPLEMENTATION.encode()),
            _meta(0x13, b"SH", VERSION_NAME.encode()),
        )
    )
    return PREAMBLE + _meta(0, b"UL", pack("<I", len(group))) + group


def _meta(number: int, vr: bytes, value: bytes) -> bytes:
    if len(value) % 2:
        value += b"\0" if vr == b"UI" else b" "
    length = pack("<HI", 0, len(value)) if vr == b"OB" else pack("<H", len(value))
    return pack("<HH", 2, number) + vr + length + value


def data_set_offset(head: bytes) -> int:
    """Where the data set begins. head: the beginning of a stored file, which was judged when it came."""
    at = len(PREAMBLE)
    while head[at : at + 2] == b"\2\0":
        if head[at + 4 : at + 6] in LONG_LENGTHS:
            at += 12 + int.from_bytes(head[at + 8 : at + 12], "little")
        else:
            at += 8 + int.from_bytes(head[at + 6 : at + 8], "little")
    return at
