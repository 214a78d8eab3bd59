"""The one way in for every door: stage, judge, make durable, index, then answer."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from imaging.dicom import preflight, read
from imaging.dicom.read import InstanceHeader
from imaging.dicom.refusals import Code, Refusal, Refused
from imaging.store.service import Filing, Ingested, StagedInstance, ingest
from telehealth.core.actor import Actor
from telehealth.core.blobs import Blobs, content_key
from telehealth.core.db import session_scope
from telehealth.core.settings import settings

SLICE = 1024**2


async def receive(
    engine: AsyncEngine,
    blobs: Blobs,
    actor: Actor,
    source: AsyncIterator[bytes] | Path,
    filing: Filing,
    *,
    study_uid: str = "",
) -> Ingested | Refusal:
    """Take one file. When this returns Ingested, bytes and row are durable; a Refusal left nothing behind.

    study_uid: refuse instances of other studies (STOW to a study). Raises Forbidden, Unavailable.
    """
    staged = blobs.staging()
    try:
        received = await _stage(source, staged)
        header, digest, cleared = await asyncio.to_thread(_judge, staged, received)
        if study_uid and header.study_uid != study_uid:
            raise Refused(Code.WRONG_STUDY, sop_class=header.sop_class, sop_uid=header.sop_uid)
        size = staged.stat().st_size
        key = content_key("dicom", digest)
        await blobs.put(key, staged)
        instance = StagedInstance(header, key, digest, received, size, cleared)
        async with session_scope(engine) as session:
            return await ingest(session, actor, instance, filing)
    except Refused as refused:
        return refused.refusal
    finally:
        staged.unlink(missing_ok=True)


async def _stage(source: AsyncIterator[bytes] | Path, staged: Path) -> str:
    """Write the bytes to `staged`. Returns their SHA-256. Raises Refused beyond the limit, the rest unread."""
    if isinstance(source, Path):
        return await asyncio.to_thread(_copy, source, staged)
    digest, size = sha256(), 0
    with staged.open("wb") as file:
        async for chunk in source:
            size += len(chunk)
            if size > settings().limits.instance_bytes:
                raise Refused(Code.TOO_LARGE)
            file.write(chunk)
            digest.update(chunk)
    return digest.hexdigest()


def _copy(source: Path, staged: Path) -> str:
    digest = sha256()
    if source.stat().st_size > settings().limits.instance_bytes:
        raise Refused(Code.TOO_LARGE)
    with source.open("rb") as original, staged.open("wb") as file:
        while chunk := original.read(SLICE):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def _judge(staged: Path, received: str) -> tuple[InstanceHeader, str, bool]:
    """(header, digest of the bytes to store, whether a preamble was cleared). Raises Refused."""
    layout = preflight.check(staged)
    digest = received
    if not layout.preamble_is_clear:
        digest = _clear_preamble(staged)
    header = read.header(staged, layout)
    return header, digest, digest != received


def _clear_preamble(staged: Path) -> str:
    """128 bytes that could make the file a program or a page as well (PS3.10, 7.1) become zero."""
    with staged.open("r+b") as file:
        file.write(bytes(preflight.PREAMBLE))
    digest = sha256()
    with staged.open("rb") as file:
        while chunk := file.read(SLICE):
            digest.update(chunk)
    return digest.hexdigest()
