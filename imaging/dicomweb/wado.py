"""WADO-RS (PS3.18, 10.4): in which form things leave, as streams of parts."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from imaging.dicom import frames, sandbox
from imaging.dicom.uids import CAN_WRITE, EXPLICIT_LE, SYNTAXES
from imaging.dicomweb.answers import Pieces
from imaging.dicomweb.errors import NotAcceptable
from imaging.dicomweb.multipart import new_boundary, parameters, part_head, tail
from imaging.store.shelf import Item
from telehealth.core.blobs import blobs, chunks
from telehealth.core.errors import Invalid, NotFound

FRAMES_PER_REQUEST = 1000
AT_ONCE = 8 * 1024**2
"""Files up to this size are read whole, larger ones in chunks."""
OCTETS = "application/octet-stream"
DICOM = "application/dicom"
KEPT_BY_READER = (b"cache-control", b"private, no-cache")
"""The reader may keep it, and asks each time whether it still may see it."""


@lru_cache(512)
def accepted(accept: str) -> tuple[tuple[str, dict[str, str]], ...]:
    """Media ranges in the order of the header, with q=0 left out; an empty header accepts everything."""
    ranges = [parameters(one) for one in _split(accept or "*/*")]
    return tuple((media_type, given) for media_type, given in ranges if given.get("q") not in ("0", "0.0"))


def _split(accept: str) -> list[str]:
    """At commas outside quotes."""
    pieces, quoted, start = [], False, 0
    for at, letter in enumerate(accept):
        if letter == '"':
            quoted = not quoted
        elif letter == "," and not quoted:
            pieces.append(accept[start:at])
            start = at + 1
    return [one for one in (*pieces, accept[start:]) if one.strip()]


@dataclass(frozen=True)
class FileForm:
    """syntax: to be written in, or empty for the stored bytes. alone: a single file without wrapping."""

    syntax: str
    alone: bool


def file_form(accept: str, items: Sequence[Item]) -> FileForm:
    """Files as they are stored, unless another syntax is asked for by name. Raises NotAcceptable."""
    for media_type, given in accepted(accept):
        inner = media_type if media_type != "multipart/related" else given.get("type", DICOM).lower()
        if inner not in (DICOM, "*/*", "application/*"):
            continue
        syntax, alone = given.get("transfer-syntax", "*"), media_type == DICOM and len(items) == 1
        if syntax == "*" or all(one.transfer_syntax == syntax for one in items):
            return FileForm("", alone)
        if syntax in CAN_WRITE and all(_can_decode(one) for one in items):
            return FileForm(syntax, alone)
    raise NotAcceptable()


def _can_decode(item: Item) -> bool:
    return not SYNTAXES[item.transfer_syntax].media_type.startswith("video/")


async def files(items: Sequence[Item], form: FileForm) -> Response:
    """One part an instance; the first is made before the answer begins, so that a refusal has a status."""
    first = await _file(items[0], form)
    if form.alone:
        return first.alone(items[0])
    boundary = new_boundary()

    async def body() -> AsyncIterator[bytes]:
        for index, item in enumerate(items):
            made = first if index == 0 else await _file(item, form)
            yield part_head(boundary, f"{DICOM}; transfer-syntax={made.syntax}", size=made.size)
            async for piece in made.pieces():
                yield piece
            yield b"\r\n"
        yield tail(boundary)

    return StreamingResponse(body(), media_type=f'multipart/related; type="{DICOM}"; boundary={boundary}')


@dataclass(frozen=True)
class _File:
    """A file on its way out: all of it in memory, or by its key."""

    syntax: str
    size: int
    content: bytes | None = None
    key: str = ""

    async def pieces(self) -> AsyncIterator[bytes]:
        if self.content is not None:
            yield self.content
            return
        async for piece in chunks(blobs(), self.key, self.size):
            yield piece

    def alone(self, item: Item) -> Response:
        kind = f"{DICOM}; transfer-syntax={self.syntax}"
        headers = {"Content-Disposition": f'attachment; filename="{item.sop_uid}.dcm"', "Content-Length": str(self.size)}
        if self.content is None:
            return StreamingResponse(self.pieces(), headers=headers, media_type=kind)
        return Response(self.content, headers=headers, media_type=kind)


async def _file(item: Item, form: FileForm) -> _File:
    if form.syntax and form.syntax != item.transfer_syntax:
        content = await sandbox.rewritten(await blobs().local(item.blob_key), form.syntax)
        return _File(form.syntax, len(content), content)
    if item.size <= AT_ONCE:
        return _File(item.transfer_syntax, item.size, await blobs().read(item.blob_key))
    return _File(item.transfer_syntax, item.size, key=item.blob_key)


def frame_numbers(text: str, item: Item) -> list[int]:
    """`1` or `1,2,5`. Raises Invalid for what is no list of numbers, NotFound for frames that are not there."""
    if not all(one.isascii() and one.isdigit() and len(one) < 9 for one in text.split(",")):
        raise Invalid("frame numbers are whole numbers from 1")
    numbers = [int(one) for one in text.split(",")]
    if len(numbers) > FRAMES_PER_REQUEST:
        raise Invalid("too many frames in one request")
    if not all(1 <= one <= item.frames for one in numbers):
        raise NotFound()
    return numbers


@dataclass(frozen=True)
class Form:
    """How frames leave. made: not the stored bytes, but decoded or written anew in `syntax`."""

    content_type: str
    syntax: str
    made: bool
    single: bool = False


@lru_cache(2048)
def form_of(accept: str, stored: str) -> Form:
    """Negotiate for frames stored in a syntax (PS3.18, 8.7.3): octets without a named syntax are native, `*` as stored.

    Raises NotAcceptable.
    """
    for media_type, given in accepted(accept):
        inner = given.get("type", OCTETS).lower() if media_type == "multipart/related" else media_type
        single = media_type not in ("multipart/related", "*/*") and not media_type.endswith("/*")
        if found := chosen(inner, given.get("transfer-syntax", ""), stored):
            return Form(found.content_type, found.syntax, found.made, single)
    raise NotAcceptable()


def accept_of(request: Request) -> str:
    """The query's word counts before the header's (PS3.18, 8.3.3.1)."""
    return request.query_params.get("accept") or request.headers.get("accept", "")


def chosen(inner: str, wanted: str, stored: str) -> Form | None:
    syntax = SYNTAXES[stored]
    native = not syntax.encapsulated
    as_stored = Form(syntax.media_type or OCTETS, EXPLICIT_LE if native else stored, made=False)
    is_video = syntax.media_type.startswith("video/")
    if inner in ("*/*", "multipart/*"):
        return as_stored
    if inner == OCTETS:
        if wanted in ("*", stored):
            return as_stored
        return Form(OCTETS, EXPLICIT_LE, made=not native) if wanted in ("", EXPLICIT_LE) and not is_video else None
    family = inner.partition("/")[0] + "/*" == inner
    named = inner == syntax.media_type or (family and syntax.media_type.startswith(inner[:-1]))
    if not native and named and wanted in ("", "*", stored):
        return as_stored
    target = next((uid for uid in CAN_WRITE if SYNTAXES[uid].media_type == inner and wanted in ("", uid)), None)
    return Form(inner, target, made=True) if target and not is_video else None


async def frame(item: Item, number: int, form: Form) -> bytes:
    """One frame in the agreed form. Raises Undecodable."""
    if form.made:
        path = await blobs().local(item.blob_key)
        return await (sandbox.native(path, number) if form.syntax == EXPLICIT_LE else sandbox.encoded(path, number, form.syntax))
    if place := item.frame_at(number):
        return await blobs().read(item.blob_key, *place)
    if place := item.items_at(number):
        return frames.without_heads(await blobs().read(item.blob_key, *place))
    path = await blobs().local(item.blob_key)
    if SYNTAXES[item.transfer_syntax].encapsulated:
        return await asyncio.to_thread(frames.packed_frame, path, number, item.frames)
    return await sandbox.native(path, number)


def etag_of(item: Item, numbers: str, form: Form) -> str:
    return f'"{item.sha256[:24]}-{numbers}-{form.syntax.rpartition(".")[2]}-{"s" if form.single else "m"}"'


async def frame_parts(item: Item, numbers: list[int], form: Form, url: str, etag: str) -> Response:
    """The first frame is made before the answer begins, so that what cannot be decoded is said with a status."""
    first = await frame(item, numbers[0], form)
    kind = f"{form.content_type}; transfer-syntax={form.syntax}"
    headers = [(b"etag", etag.encode()), KEPT_BY_READER]
    if form.single and len(numbers) == 1:
        return Pieces([first], kind, headers)
    boundary = new_boundary()
    outer = f'multipart/related; type="{form.content_type}"; transfer-syntax={form.syntax}; boundary={boundary}'
    if len(numbers) == 1:
        head = part_head(boundary, kind, f"{url}/frames/{numbers[0]}", len(first))
        return Pieces([head, first, b"\r\n" + tail(boundary)], outer, headers)

    async def body() -> AsyncIterator[bytes]:
        for index, number in enumerate(numbers):
            content = first if index == 0 else await frame(item, number, form)
            yield part_head(boundary, kind, f"{url}/frames/{number}", len(content))
            yield content
            yield b"\r\n"
        yield tail(boundary)

    return StreamingResponse(body(), media_type=outer, headers={"ETag": etag, "Cache-Control": "private, no-cache"})
