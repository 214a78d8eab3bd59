"""A folder on this machine, taken in as if it had been dropped on the page; for `telehealth import`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from imaging.intake import service
from imaging.intake.answers import sentence
from imaging.intake.files import take
from imaging.intake.models import FileVerdict
from imaging.intake.unpack import file_chunks, unpack
from telehealth.core.actor import Actor
from telehealth.core.blobs import Blobs
from telehealth.core.db import session_scope


@dataclass
class Summary:
    """How many files got which answer, and (name, sentence) of every one that was not taken."""

    counts: dict[str, int] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)


async def import_folder(
    engine: AsyncEngine,
    blobs: Blobs,
    actor: Actor,
    upload_id: UUID,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Take every file below `folder` (or the one file) into an open upload and finish it. progress: (done, of)."""
    inside = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    paths = [folder] if folder.is_file() else sorted(inside)
    async with session_scope(engine) as session:
        upload = await service.opened(session, actor, upload_id)
    for done, path in enumerate(paths, start=1):
        name = path.name if folder.is_file() else path.relative_to(folder).as_posix()
        file = await take(engine, blobs, actor, upload, name, file_chunks(path))
        if file.verdict == FileVerdict.WAITING:
            await unpack(engine, blobs, file.id)
        if progress:
            progress(done, len(paths))
    async with session_scope(engine) as session:
        upload = await service.finish(session, actor, upload_id)
        counts = await service.counts(session, upload)
        files = await service.files_of(session, upload)
    bad = (FileVerdict.REFUSED, FileVerdict.QUARANTINED)
    refused = [(file.name, sentence(file.reason)) for file in files if file.verdict in bad]
    return Summary({verdict: count for verdict, count in counts.items() if count}, refused)
