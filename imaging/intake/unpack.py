"""A zip becomes files, member by member, in bounded memory. Names inside are labels: nothing is written under them."""

import asyncio
import lzma
import stat
import zipfile
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from imaging.intake import service
from imaging.intake.files import shown, take
from imaging.intake.models import FileVerdict, Upload, UploadFile
from telehealth.core.actor import Actor
from telehealth.core.blobs import CHUNK, Blobs
from telehealth.core.db import fetch, session_scope
from telehealth.core.errors import DomainError
from telehealth.core.settings import Limits, settings
from telehealth.identity.models import Account
from telehealth.identity.sessions import describe

log = structlog.get_logger()

HIGHEST_RATIO = 200
"""Images pack 2 to 10 times, an empty one perhaps 100; a bomb thousands of times."""
RATIO_COUNTS_FROM = 10 * 1024**2
SYSTEM_UNIX = 3


class Bomb(Exception):
    """A member gives more than it says, or more than the limit."""


async def unpack(engine: AsyncEngine, blobs: Blobs, file_id: UUID) -> None:
    """Give every member its answer. Safe to repeat: a member that has one keeps it."""
    async with session_scope(engine) as session:
        claimed = await service.claim_unpacking(session, file_id)
        if claimed is None:
            return
        actor = await describe(session, await fetch(session, Account, claimed[0].account_id))
    upload, file = claimed
    if file.attempts > service.MOST_UNPACKINGS:
        await _close(engine, file, FileVerdict.REFUSED, "zip_broken")
        return
    try:
        archive = await asyncio.to_thread(zipfile.ZipFile, await blobs.local(file.blob_key))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        await _close(engine, file, FileVerdict.REFUSED, "zip_broken")
        return
    with archive:
        if refusal := refuse_whole(archive.infolist(), settings().limits):
            await _close(engine, file, FileVerdict.REFUSED, refusal)
            return
        members = [member for member in archive.infolist() if not member.is_dir()]
        for member in members:
            await _take_member(engine, blobs, actor, upload, file, archive, member)
    await _close(engine, file, FileVerdict.UNPACKED, "", members=len(members))
    await blobs.delete(file.blob_key)


def refuse_whole(members: list[zipfile.ZipInfo], limits: Limits) -> str:
    """Why the archive as a whole is not unpacked, from its directory; empty if it is."""
    if any(member.flag_bits & 0x1 for member in members):
        return "zip_encrypted"
    if len(members) > limits.upload_files:
        return "zip_too_many"
    if any(member.filename == "[Content_Types].xml" for member in members):
        return "office_document"
    if sum(member.file_size for member in members) > limits.unpacked_bytes or any(map(_swells, members)):
        return "zip_bomb"
    return ""


def _swells(member: zipfile.ZipInfo) -> bool:
    return member.file_size > RATIO_COUNTS_FROM and member.file_size > HIGHEST_RATIO * max(member.compress_size, 1)


async def _take_member(
    engine: AsyncEngine,
    blobs: Blobs,
    actor: Actor,
    upload: Upload,
    file: UploadFile,
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
) -> None:
    name = f"{file.name} / {member.filename}"
    async with session_scope(engine) as session:
        await service.renew_unpacking(session, file.id)
    try:
        if member.create_system == SYSTEM_UNIX and stat.S_ISLNK(member.external_attr >> 16):
            raise Bomb("zip_link")
        await take(engine, blobs, actor, upload, name, _content(archive, member), in_zip=True)
    except Bomb as refused:
        await _refuse(engine, upload, name, member, str(refused))
    except NotImplementedError:
        await _refuse(engine, upload, name, member, "zip_unknown_packing")
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError) as error:
        log.warning("zip_member_broken", upload_id=str(upload.id), kind=type(error).__name__)
        await _refuse(engine, upload, name, member, "zip_broken")
    except DomainError as refused:
        await _refuse(engine, upload, name, member, "zip_bomb" if refused.code == "too-large" else "zip_broken")


async def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> AsyncIterator[bytes]:
    """Its bytes in pieces; more than it announced is a lie and ends it."""
    given = 0
    with await asyncio.to_thread(archive.open, member) as stream:
        while chunk := await asyncio.to_thread(stream.read, CHUNK):
            given += len(chunk)
            if given > member.file_size:
                raise Bomb("zip_bomb")
            yield chunk


async def _refuse(engine: AsyncEngine, upload: Upload, name: str, member: zipfile.ZipInfo, reason: str) -> None:
    row = UploadFile(upload_id=upload.id, name=shown(name), size=member.file_size, verdict=FileVerdict.REFUSED, reason=reason)
    async with session_scope(engine) as session:
        await service.answer(session, upload, row)


async def _close(engine: AsyncEngine, file: UploadFile, verdict: FileVerdict, reason: str, **facts: int) -> None:
    async with session_scope(engine) as session:
        await service.unpacked(session, file.id, verdict, reason, dict(facts))


async def file_chunks(path: Path) -> AsyncIterator[bytes]:
    """A local file in pieces."""
    with path.open("rb") as stream:
        while chunk := await asyncio.to_thread(stream.read, CHUNK):
            yield chunk
