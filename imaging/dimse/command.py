"""Command sets (PS3.7, 6.3.1 and E): group 0000 in implicit little endian, as plain dictionaries."""

from enum import IntEnum
from struct import Struct

from imaging.dimse.pdu import Broken

LONGEST = 16 * 1024
_ELEMENT = Struct("<HHI")
_SHORT = Struct("<H")


class Element(IntEnum):
    AFFECTED_SOP_CLASS = 0x0002
    REQUESTED_SOP_CLASS = 0x0003
    FIELD = 0x0100
    MESSAGE_ID = 0x0110
    RESPONDS_TO = 0x0120
    MOVE_DESTINATION = 0x0600
    PRIORITY = 0x0700
    DATA_SET = 0x0800
    STATUS = 0x0900
    ERROR_COMMENT = 0x0902
    AFFECTED_INSTANCE = 0x1000
    REQUESTED_INSTANCE = 0x1001
    EVENT_TYPE = 0x1002
    ACTION_TYPE = 0x1008
    REMAINING = 0x1020
    COMPLETED = 0x1021
    FAILED = 0x1022
    WARNING = 0x1023
    MOVE_ORIGINATOR = 0x1030
    MOVE_MESSAGE_ID = 0x1031


_KNOWN = frozenset(Element)


class Field(IntEnum):
    """Command Field; a response is its request with the top bit set."""

    C_STORE = 0x0001
    C_GET = 0x0010
    C_FIND = 0x0020
    C_MOVE = 0x0021
    C_ECHO = 0x0030
    C_CANCEL = 0x0FFF
    N_EVENT_REPORT = 0x0100
    N_ACTION = 0x0130


RESPONSE = 0x8000
NO_DATA_SET = 0x0101
WITH_DATA_SET = 0x0000
UIDS = (Element.AFFECTED_SOP_CLASS, Element.REQUESTED_SOP_CLASS, Element.AFFECTED_INSTANCE, Element.REQUESTED_INSTANCE)
TEXTS = (Element.MOVE_DESTINATION, Element.MOVE_ORIGINATOR, Element.ERROR_COMMENT)
Command = dict[Element, int | str]


def decode(data: bytes | bytearray) -> Command:
    """The elements that we use; others are passed over. Raises Broken."""
    found: Command = {}
    at = 0
    while at < len(data):
        if at + _ELEMENT.size > len(data):
            raise Broken()
        group, number, length = _ELEMENT.unpack_from(data, at)
        start, end = at + _ELEMENT.size, at + _ELEMENT.size + length
        if group != 0 or end > len(data):
            raise Broken()
        if number in _KNOWN:
            found[Element(number)] = _value(Element(number), bytes(data[start:end]))
        at = end
    if not isinstance(found.get(Element.FIELD), int):
        raise Broken()
    return found


def _value(element: Element, raw: bytes) -> int | str:
    if element in UIDS or element in TEXTS:
        return raw.rstrip(b"\0 ").decode("ascii", "replace").strip()
    if len(raw) != 2:
        raise Broken()
    return int(_SHORT.unpack(raw)[0])


def encode(command: Command) -> bytes:
    """With the group length first and the elements in order."""
    body = b"".join(_encoded(element, command[element]) for element in sorted(command))
    return _ELEMENT.pack(0, 0, 4) + len(body).to_bytes(4, "little") + body


def _encoded(element: Element, value: int | str) -> bytes:
    if isinstance(value, int):
        raw = _SHORT.pack(value)
    else:
        raw = value.encode("ascii", "replace")
        raw += b"\0" * (len(raw) % 2) if element in UIDS else b" " * (len(raw) % 2)
    return _ELEMENT.pack(0, element, len(raw)) + raw


def number(command: Command, element: Element) -> int:
    """Raises Broken where it is missing."""
    value = command.get(element)
    if not isinstance(value, int):
        raise Broken()
    return value


def text(command: Command, element: Element) -> str:
    """Empty where it is missing."""
    value = command.get(element, "")
    return value if isinstance(value, str) else ""
