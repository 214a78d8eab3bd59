"""Protocol data units of the upper layer (PS3.8, 9.3): read within bounds, written as bytes.

Why not a library's: its threads and its data set for every command cost 5 ms an instance, ours costs 0.1.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from struct import Struct, error

from imaging.dicom.part10 import IMPLEMENTATION, VERSION_NAME

LARGEST = 256 * 1024
"""Of a PDU that we take, and that we announce: half a CT image a piece."""
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
MOST_CONTEXTS = 128

_HEAD = Struct(">BxI")
_ITEM = Struct(">BxH")
_PDV = Struct(">IBB")
_TITLES = Struct(">HH16s16s32x")


class Kind(IntEnum):
    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    DATA = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7


_KINDS = frozenset(Kind)


class AbortReason(IntEnum):
    """Reason/Diag. of an abort by the provider (PS3.8, table 9-26)."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    UNRECOGNIZED_PARAMETER = 4
    INVALID_PARAMETER = 6


class Broken(Exception):
    """What came is not the protocol: the association is aborted."""

    def __init__(self, reason: AbortReason = AbortReason.INVALID_PARAMETER) -> None:
        super().__init__(reason.name)
        self.reason = reason


@dataclass(frozen=True)
class Rejection:
    """result 1 for good, 2 for now; source 1 user, 3 presentation (PS3.8, table 9-21)."""

    result: int
    source: int
    reason: int


CALLING_UNKNOWN = Rejection(1, 1, 3)
CALLED_UNKNOWN = Rejection(1, 1, 7)
WRONG_APPLICATION = Rejection(1, 1, 2)
TOO_MANY = Rejection(2, 3, 2)
OUT_OF_ORDER = Rejection(2, 3, 1)


@dataclass(frozen=True)
class Proposed:
    """A presentation context as asked for."""

    id: int
    abstract: str
    syntaxes: tuple[str, ...]


@dataclass(frozen=True)
class Accepted:
    """A presentation context as answered. result: 0 accepted, 3 abstract syntax, 4 transfer syntaxes not supported."""

    id: int
    result: int
    syntax: str


Roles = dict[str, tuple[bool, bool]]
"""SOP Class UID -> (the requestor is SCU, the requestor is SCP)."""


@dataclass(frozen=True)
class Associate:
    """A request or its acceptance. largest: of a PDU that the sender takes; 0: any."""

    called: str
    calling: str
    largest: int = LARGEST
    application: str = APPLICATION_CONTEXT
    proposed: tuple[Proposed, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    roles: Roles = field(default_factory=dict)


async def read(stream: asyncio.StreamReader) -> tuple[Kind, bytes]:
    """The next PDU: its kind and what follows the head. Raises Broken, IncompleteReadError at the end of the stream."""
    kind, length = _HEAD.unpack(await stream.readexactly(_HEAD.size))
    if kind not in _KINDS:
        raise Broken(AbortReason.UNRECOGNIZED_PDU)
    if length > LARGEST or (kind >= Kind.RELEASE_RQ and length != 4):
        raise Broken()
    return Kind(kind), await stream.readexactly(length)


def _pdu(kind: Kind, body: bytes) -> bytes:
    return _HEAD.pack(kind, len(body)) + body


RELEASE_RQ = _pdu(Kind.RELEASE_RQ, bytes(4))
RELEASE_RP = _pdu(Kind.RELEASE_RP, bytes(4))


def abort(reason: AbortReason) -> bytes:
    return _pdu(Kind.ABORT, bytes((0, 0, 2, reason)))


def reject(answer: Rejection) -> bytes:
    return _pdu(Kind.ASSOCIATE_RJ, bytes((0, answer.result, answer.source, answer.reason)))


def pieces(context: int, data: bytes, largest: int, *, command: bool = False, more: bool = False) -> Iterator[bytes]:
    """P-DATA-TF PDUs that carry `data`, no larger than the peer takes. more: what follows belongs to it."""
    room = (min(largest, LARGEST) if largest else LARGEST) - _PDV.size
    for start in range(0, max(len(data), 1), room):
        part = data[start : start + room]
        last = not more and start + room >= len(data)
        yield _HEAD.pack(Kind.DATA, len(part) + _PDV.size) + _PDV.pack(len(part) + 2, context, command | last << 1) + part


@dataclass(frozen=True)
class Value:
    """One presentation data value (PS3.8, E)."""

    context: int
    is_command: bool
    is_last: bool
    data: bytes | memoryview


def values(body: bytes) -> Iterator[Value]:
    """The values of a P-DATA-TF. Raises Broken."""
    view, at = memoryview(body), 0
    if not body:
        raise Broken()
    while at < len(view):
        if at + _PDV.size > len(view):
            raise Broken()
        length, context, flags = _PDV.unpack_from(view, at)
        end = at + 4 + length
        if length < 2 or end > len(view):
            raise Broken()
        yield Value(context, bool(flags & 1), bool(flags & 2), view[at + _PDV.size : end])
        at = end


# --- association negotiation


def _title(raw: bytes) -> str:
    """An AE title: at most 16 printable ASCII characters without backslash, outer spaces do not count."""
    text = raw.rstrip(b"\0").decode("ascii", "replace").strip()
    if not text.isprintable() or "\\" in text or "\ufffd" in text:
        raise Broken()
    return text


def _items(view: memoryview) -> Iterator[tuple[int, memoryview]]:
    at = 0
    while at < len(view):
        if at + _ITEM.size > len(view):
            raise Broken()
        kind, length = _ITEM.unpack_from(view, at)
        end = at + _ITEM.size + length
        if end > len(view):
            raise Broken()
        yield kind, view[at + _ITEM.size : end]
        at = end


def _uid(view: memoryview) -> str:
    if len(view) > 65:
        raise Broken()
    text = bytes(view).rstrip(b"\0 ")
    if not text.isascii():
        raise Broken()
    return text.decode()


def associate(body: bytes) -> Associate:
    """Decode a request or an acceptance. Raises Broken."""
    try:
        version, _, called, calling = _TITLES.unpack_from(body)
    except error:
        raise Broken() from None
    if not version & 1:
        raise Broken(AbortReason.UNRECOGNIZED_PARAMETER)
    application, largest = "", 0
    proposed: list[Proposed] = []
    accepted: list[Accepted] = []
    roles: Roles = {}
    for kind, item in _items(memoryview(body)[_TITLES.size :]):
        match kind:
            case 0x10:
                application = _uid(item)
            case 0x20:
                proposed.append(_proposed(item))
            case 0x21:
                accepted.append(_accepted(item))
            case 0x50:
                largest = _user_information(item, roles)
    if max(len(proposed), len(accepted)) > MOST_CONTEXTS or len({one.id for one in proposed}) < len(proposed):
        raise Broken()
    return Associate(_title(called), _title(calling), largest, application, tuple(proposed), tuple(accepted), roles)


def _proposed(item: memoryview) -> Proposed:
    if len(item) < 4 or not item[0] & 1:  # presentation context ids are odd
        raise Broken()
    abstract, syntaxes = "", []
    for kind, sub in _items(item[4:]):
        if kind == 0x30:
            abstract = _uid(sub)
        elif kind == 0x40:
            syntaxes.append(_uid(sub))
    if not abstract or not syntaxes:
        raise Broken()
    return Proposed(item[0], abstract, tuple(syntaxes))


def _accepted(item: memoryview) -> Accepted:
    if len(item) < 4:
        raise Broken()
    syntax = next((_uid(sub) for kind, sub in _items(item[4:]) if kind == 0x40), "")
    return Accepted(item[0], item[2], syntax)


def _user_information(item: memoryview, roles: Roles) -> int:
    """The largest PDU; `roles` is filled. What we do not know (identity, windows) is passed over."""
    largest = 0
    for kind, sub in _items(item):
        if kind == 0x51 and len(sub) == 4:
            largest = int.from_bytes(sub, "big")
        elif kind == 0x54:
            size = int.from_bytes(sub[:2], "big")
            if len(sub) != size + 4:
                raise Broken()
            roles[_uid(sub[2 : 2 + size])] = bool(sub[2 + size]), bool(sub[3 + size])
    if largest and largest < 1024:
        raise Broken()
    return largest


def encode(kind: Kind, said: Associate) -> bytes:
    """An A-ASSOCIATE-RQ or -AC."""
    body = bytearray(_TITLES.pack(1, 0, said.called.ljust(16).encode(), said.calling.ljust(16).encode()))
    body += _item(0x10, said.application.encode())
    for one in said.proposed:
        syntaxes = b"".join(_item(0x40, syntax.encode()) for syntax in one.syntaxes)
        body += _item(0x20, bytes((one.id, 0, 0, 0)) + _item(0x30, one.abstract.encode()) + syntaxes)
    for answer in said.accepted:
        body += _item(0x21, bytes((answer.id, 0, answer.result, 0)) + _item(0x40, answer.syntax.encode()))
    user = _item(0x51, said.largest.to_bytes(4, "big")) + _item(0x52, IMPLEMENTATION.encode())
    for uid, (scu, scp) in said.roles.items():
        user += _item(0x54, len(uid).to_bytes(2, "big") + uid.encode() + bytes((scu, scp)))
    body += _item(0x50, user + _item(0x55, VERSION_NAME.encode()))
    return _pdu(kind, bytes(body))


def _item(kind: int, content: bytes) -> bytes:
    return _ITEM.pack(kind, len(content)) + content
