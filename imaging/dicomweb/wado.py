"""WADO-RS (PS3.18, 10.4): what may be retrieved, in which form, as streams of parts."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from fastapi import Response
from fastapi.responses import StreamingResponse
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dicom import frames, sandbox
from imaging.dicom.uids import EXPLICIT_LE, SYNTAXES
from imaging.dicomweb.errors import NotAcceptable
from imaging.dicomweb.multipart import new_boundary, parameters, part_head, tail
from imaging.store.models import Instance, Study
from telehealth.core import audit, clock
from telehealth.core.actor import Actor
from telehealth.core.audit import AuditEntry
from telehealth.core.blobs import blobs, chunks
from telehealth.core.errors import Invalid, NotFound

READ_AGAIN_AFTER = timedelta(minutes=10)
FRAMES_PER_REQUEST = 1000
OCTETS = "application/octet-stream"


async def record_read(session: AsyncSession, actor: Actor, study: Study, what: str) -> None:
    """One `study.read` a person, study and ten minutes, however many frames were fetched."""
    recent = select(AuditEntry.seq).where(
        AuditEntry.object_type == "study",
        AuditEntry.object_id == str(study.id),
        AuditEntry.act == "study.read",
        col(AuditEntry.actor_id) == actor.account_id,
        AuditEntry.at > clock.now() - READ_AGAIN_AFTER,
    )
    if (await session.exec(recent.limit(1))).first() is None:
        audit.record(
            session, actor, "study.read", study.id, patient_id=study.patient_id, purpose=study.referral_id or "", what=what
        )


def accepted(accept: str) -> list[tuple[str, dict[str, str]]]:
    """Media ranges in the order of the header, with q=0 left out; an empty header accepts everything."""
    ranges = [parameters(one) for one in _split(accept or "*/*")]
    return [(media_type, given) for media_type, given in ranges if given.get("q") not in ("0", "0.0")]


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


def ensure_dicom(accept: str, instances: Sequence[Instance]) -> bool:
    """Whether a single unwrapped file is wanted. Raises NotAcceptable where stored files are not what is asked for."""
    for media_type, given in accepted(accept):
        inner = media_type if media_type != "multipart/related" else given.get("type", "application/dicom").lower()
        if inner not in ("application/dicom", "*/*", "application/*"):
            continue
        syntax = given.get("transfer-syntax", "*")
        if syntax in ("*", EXPLICIT_LE) or all(one.transfer_syntax == syntax for one in instances):
            return media_type == "application/dicom"
    raise NotAcceptable()


def files(instances: Sequence[Instance]) -> StreamingResponse:
    """The stored bytes, one part an instance, unchanged."""
    boundary = new_boundary()

    async def body() -> AsyncIterator[bytes]:
        for instance in instances:
            yield part_head(boundary, f"application/dicom; transfer-syntax={instance.transfer_syntax}", size=instance.size)
            async for piece in chunks(blobs(), instance.blob_key, instance.size):
                yield piece
            yield b"\r\n"
        yield tail(boundary)

    return StreamingResponse(body(), media_type=f'multipart/related; type="application/dicom"; boundary={boundary}')


def one_file(instance: Instance) -> StreamingResponse:
    headers = {"Content-Length": str(instance.size), "Content-Disposition": f'attachment; filename="{instance.sop_uid}.dcm"'}
    return StreamingResponse(chunks(blobs(), instance.blob_key, instance.size), headers=headers, media_type="application/dicom")


def frame_numbers(text: str, instance: Instance) -> list[int]:
    """`1` or `1,2,5`. Raises Invalid for what is no list of numbers, NotFound for frames that are not there."""
    if not all(one.isascii() and one.isdigit() and len(one) < 9 for one in text.split(",")):
        raise Invalid("frame numbers are whole numbers from 1")
    numbers = [int(one) for one in text.split(",")]
    if len(numbers) > FRAMES_PER_REQUEST:
        raise Invalid("too many frames in one request")
    if not all(1 <= one <= instance.frames for one in numbers):
        raise NotFound()
    return numbers


@dataclass(frozen=True)
class Form:
    """How frames leave: as stored (compressed or not) or decoded."""

    content_type: str
    syntax: str
    decode: bool
    single: bool = False


def form_of(accept: str, instance: Instance) -> Form:
    """Negotiate (PS3.18, 8.7.3): octets without a named syntax are decoded, unless the stored form is native already."""
    syntax = SYNTAXES[instance.transfer_syntax]
    as_stored = Form(syntax.media_type or OCTETS, syntax.uid if syntax.encapsulated else EXPLICIT_LE, decode=False)
    decoded = Form(OCTETS, EXPLICIT_LE, decode=syntax.encapsulated)
    for media_type, given in accepted(accept):
        single = media_type not in ("multipart/related", "*/*")
        inner = given.get("type", OCTETS).lower() if media_type == "multipart/related" else media_type
        wanted = given.get("transfer-syntax", "")
        chosen: Form | None = None
        if inner in ("*/*", "multipart/*"):
            chosen = as_stored
        elif inner == OCTETS:
            chosen = as_stored if wanted in ("*", syntax.uid) else decoded if wanted in ("", EXPLICIT_LE) else None
        elif inner in (syntax.media_type, syntax.media_type.partition("/")[0] + "/*") and wanted in ("", "*", syntax.uid):
            chosen = as_stored if syntax.encapsulated else None
        if chosen:
            return Form(chosen.content_type, chosen.syntax, chosen.decode, single and not media_type.endswith("/*"))
    raise NotAcceptable()


async def frame(instance: Instance, number: int, form: Form) -> bytes:
    """One frame in the agreed form. Raises Undecodable."""
    if instance.pixel_offset is not None and instance.pixel_length is not None and not form.decode:
        if instance.frames == 1:
            return await blobs().read(instance.blob_key, instance.pixel_offset, instance.pixel_length)
        if size := _frame_size(instance):
            return await blobs().read(instance.blob_key, instance.pixel_offset + (number - 1) * size, size)
    path = await blobs().local(instance.blob_key)
    if SYNTAXES[instance.transfer_syntax].encapsulated and not form.decode:
        return await asyncio.to_thread(frames.packed_frame, path, number, instance.frames)
    return await sandbox.native(path, number)


def _frame_size(instance: Instance) -> int:
    """Bytes of one of several native frames; 0 where frames do not begin at bytes, or are subsampled."""
    assert instance.pixel_length is not None
    pixels = (instance.rows or 0) * (instance.columns or 0) * (instance.bits_allocated or 0)
    for samples in (1, 3):
        size, odd_bits = divmod(pixels * samples, 8)
        if not odd_bits and instance.pixel_length - instance.frames * size in (0, 1):
            return size
    return 0


async def frame_parts(instance: Instance, numbers: list[int], form: Form, url: str) -> Response:
    """The first frame is made before the answer begins, so that what cannot be decoded is said with a status."""
    first = await frame(instance, numbers[0], form)
    kind = form.content_type + (f"; transfer-syntax={form.syntax}")
    if form.single and len(numbers) == 1:
        return Response(first, media_type=kind)
    boundary = new_boundary()

    async def body() -> AsyncIterator[bytes]:
        for index, number in enumerate(numbers):
            content = first if index == 0 else await frame(instance, number, form)
            yield part_head(boundary, kind, f"{url}/frames/{number}", len(content)) + content + b"\r\n"
        yield tail(boundary)

    outer = f'multipart/related; type="{form.content_type}"; transfer-syntax={form.syntax}; boundary={boundary}'
    return StreamingResponse(body(), media_type=outer)
