"""Frames as HTJ2K with levels, where that form is made: read from the blob as they stand, whole or by range.

`image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202` in Accept, or in the query for programs that cannot set headers
(PS3.18, 8.3.3.1). `Level-Ends` names the bytes of the frame that each lower level needs, coarsest first.
"""

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

from fastapi import Request, Response

from imaging.dicomweb import wado
from imaging.dicomweb.answers import has_seen, not_modified
from imaging.dicomweb.multipart import part_head, tail
from imaging.dicomweb.ranges import ranged
from imaging.representations.levels import Place, place
from imaging.store.shelf import Item
from telehealth.core.blobs import blobs
from telehealth.core.rows import Rows

RPCL = "1.2.840.10008.1.2.4.202"
JPHC = "image/jphc"
KIND = f"{JPHC}; transfer-syntax={RPCL}"
MADE = """SELECT representation.blob_key, representation.levels, representation.level_table, representation.sha256
 FROM representation JOIN instance ON instance.id = representation.instance_id
 WHERE instance.sop_uid = ? AND representation.form = 'htj2k' AND representation.not_offered = ''"""
REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Made:
    """An instance's frames in one blob. They never change once made."""

    blob_key: str
    levels: int
    table: bytes
    sha256: str

    def place(self, number: int) -> Place | None:
        return place(self.table, self.levels, number)


class Levels:
    """One process's knowledge of what is made."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.known: OrderedDict[str, Made] = OrderedDict()

    async def of(self, item: Item) -> Made | None:
        if found := self.known.get(item.sop_uid):
            return found
        rows = await self.rows.all(MADE, (item.sop_uid,))
        if not rows:
            return None
        made = self.known[item.sop_uid] = Made(*rows[0])
        while len(self.known) > REMEMBERED:
            self.known.popitem(last=False)
        return made


def wanted(accept: str, stored: str) -> wado.Form | None:
    """Whether this form is what the reader likes best of what can be had; None for any other."""
    for media_type, given in wado.accepted(accept):
        inner = given.get("type", wado.OCTETS).lower() if media_type == "multipart/related" else media_type
        syntax = given.get("transfer-syntax", "")
        if inner == JPHC and syntax in ("", "*", RPCL):
            return wado.Form(JPHC, RPCL, made=False, single=media_type == JPHC)
        if wado.chosen(inner, syntax, stored):
            return None
    return None


async def answer(request: Request, levels: Levels, item: Item, number: int, form: wado.Form, url: str) -> Response | None:
    """The frame, or None where it is not made in this form."""
    made = await levels.of(item)
    at = made.place(number) if made else None
    if made is None or at is None:
        return None
    etag = f'"{made.sha256[:24]}-{number}-{"s" if form.single else "m"}"'
    if has_seen(request, etag):
        return not_modified(etag)
    content = await blobs().read(made.blob_key, at.offset, at.length)
    kind = KIND
    if not form.single:
        boundary = sha256(etag.encode()).hexdigest()[:32]  # the same every time, so that ranges of several answers fit
        content = part_head(boundary, KIND, f"{url}/frames/{number}", len(content)) + content + b"\r\n" + tail(boundary)
        kind = f'multipart/related; type="{JPHC}"; transfer-syntax={RPCL}; boundary={boundary}'
    response = ranged(request, content, kind)
    response.headers["ETag"] = etag
    response.headers["Level-Ends"] = ",".join(map(str, at.levels))
    return response
