"""One file on its way in: stage, look what it is, hand it on, and write down the answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dicom import photograph
from imaging.dicom.photograph import Depicted
from imaging.dicom.refusals import Code, Refusal
from imaging.intake import documents, service
from imaging.intake.answers import HEAD_BYTES, kind_of, without_question
from imaging.intake.models import FileVerdict, Upload, UploadFile
from imaging.store.receive import receive
from imaging.store.service import Filing, Ingested
from telehealth.core.actor import Actor
from telehealth.core.blobs import Blobs, content_key
from telehealth.core.db import fetch, session_scope
from telehealth.core.errors import Forbidden, TooLarge
from telehealth.core.settings import settings
from telehealth.patients.models import Patient

LONGEST_NAME = 400
MOST_PHOTOGRAPH_BYTES = 64 * 1024**2
Beside = Callable[[AsyncSession, UploadFile], Awaitable[None]]


async def take(
    engine: AsyncEngine,
    blobs: Blobs,
    actor: Actor,
    upload: Upload,
    name: str,
    chunks: AsyncIterator[bytes],
    *,
    in_zip: bool = False,
    expected: int | None = None,
    beside: Beside | None = None,
) -> UploadFile:
    """Take one file of an open upload: its answer is durable when this returns. name: shown, never a path.

    expected: how many instances were announced for its study. beside: written in the answer's own transaction.
    """
    staged = blobs.staging()
    try:
        digest, size, head = await _stage(chunks, staged)
        file = UploadFile(upload_id=upload.id, name=shown(name), size=size, sha256=digest, verdict=FileVerdict.REFUSED)
        kind, code = kind_of(name, head)
        if kind == "zip" and in_zip:
            kind, code = "refused", "zip_inside_zip"
        if size > settings().limits.instance_bytes and kind == "dicom":
            kind, code = "refused", Code.TOO_LARGE.value
        if kind == "document":
            kind, code = _document(upload, file, code)
        if kind == "zip":
            file.verdict, file.blob_key = FileVerdict.WAITING, content_key("upload", digest)
            await blobs.put(file.blob_key, staged)
        elif kind == "document" and await _photographed(engine, upload, staged, code):
            await _receive(engine, blobs, actor, service.filing_of(upload), staged, file)
        elif kind == "document":
            file.verdict, file.blob_key = FileVerdict.STORED, content_key(documents.KIND, digest)
            await blobs.put(file.blob_key, staged)
        elif kind == "dicom":
            await _receive(engine, blobs, actor, service.filing_of(upload, expected), staged, file)
        else:
            file.verdict, file.reason = (FileVerdict.IGNORED if kind == "ignored" else FileVerdict.REFUSED), code
        async with session_scope(engine) as session:
            answered = await service.answer(session, upload, file)
            if beside is not None:
                await beside(session, answered)
            return answered
    finally:
        staged.unlink(missing_ok=True)


def _document(upload: Upload, file: UploadFile, media_type: str) -> tuple[str, str]:
    """Taken for a question, if a person chose it: a disc brings its viewer's pictures and handbooks along."""
    if upload.referral_id is None:
        return "refused", without_question(media_type)
    if "/" in file.name or "\\" in file.name:
        return "ignored", "document_in_folder"
    file.facts = {documents.KIND: media_type}
    return "document", media_type


async def _photographed(engine: AsyncEngine, upload: Upload, staged: Path, media_type: str) -> bool:
    """Make a DICOM image of a photograph, in its place, so that it is read with the others. False for what must stay."""
    if media_type != "image/jpeg" or upload.patient_id is None or staged.stat().st_size > MOST_PHOTOGRAPH_BYTES:
        return False
    picture = photograph.baseline(await asyncio.to_thread(staged.read_bytes))
    if picture is None:
        return False
    async with session_scope(engine) as session:
        patient = await fetch(session, Patient, upload.patient_id)
    born = None if patient.birth_year_only else patient.birth_date
    whose = Depicted(patient.full_name, born, patient.sex, str(upload.referral_id))
    await asyncio.to_thread(lambda: staged.write_bytes(photograph.as_dicom(picture, whose)))
    return True


async def _receive(engine: AsyncEngine, blobs: Blobs, actor: Actor, filing: Filing, staged: Path, file: UploadFile) -> None:
    try:
        taken = await receive(engine, blobs, actor, staged, filing)
    except Forbidden:
        file.reason = "not_for_you"
        return
    if isinstance(taken, Refusal):
        file.reason, file.facts = taken.code.value, {"detail": taken.detail} if taken.detail else {}
        if taken.code == Code.DICOMDIR:
            file.verdict, file.reason = FileVerdict.IGNORED, "besides"
        return
    _fill(file, taken)


def _fill(file: UploadFile, taken: Ingested) -> None:
    file.verdict, file.sop_uid, file.study_id = FileVerdict(taken.outcome.value), taken.sop_uid, taken.study_id
    if taken.refusal:
        file.reason = taken.refusal.code.value
    if taken.preamble_cleared:
        file.facts = {"preamble_cleared": True}


async def _stage(chunks: AsyncIterator[bytes], staged: Path) -> tuple[str, int, bytes]:
    """(SHA-256, size, first bytes). Raises TooLarge beyond every limit, the rest unread."""
    digest, size, head = sha256(), 0, b""
    limit = max(settings().limits.instance_bytes, settings().limits.unpacked_bytes)
    with staged.open("wb") as file:
        async for chunk in chunks:
            size += len(chunk)
            if size > limit:
                raise TooLarge(limit=limit)
            head = (head + chunk)[:HEAD_BYTES] if len(head) < HEAD_BYTES else head
            digest.update(chunk)
            await asyncio.to_thread(file.write, chunk)
    return digest.hexdigest(), size, head


def shown(name: str) -> str:
    """As the sender called it, without what would break a page or a row."""
    plain = "".join(c if c.isprintable() else "\ufffd" for c in name).strip()
    return plain[-LONGEST_NAME:] or "?"
