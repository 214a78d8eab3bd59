"""A study leaves: whole and with its name for who may see it, or as a copy without names for teaching and sharing."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dicom import sandbox
from imaging.dicom.errors import Undecodable
from imaging.sharing.archive import Member, zipped
from imaging.sharing.directory import Directory, name_of
from imaging.sharing.errors import NothingToShare, ProjectMissing, ReviewNeeded
from imaging.sharing.index_page import Shown, index_page
from imaging.sharing.models import PixelReview
from imaging.store.access import ensure
from imaging.store.models import Instance, Series, Study
from telehealth.core import audit, clock
from telehealth.core.actor import Actor
from telehealth.core.blobs import Blobs, chunks
from telehealth.core.crypto import derived_key
from telehealth.core.db import fetch
from telehealth.core.i18n import gettext
from telehealth.identity.access import Action

PROJECT = re.compile(r"[A-Z0-9][A-Z0-9-]{1,31}")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Entry:
    """One file: where it is stored, where it will stand."""

    blob_key: str
    size: int
    name: str
    frames: int


@dataclass(frozen=True)
class Leaving:
    """What goes into one archive. project: empty for the study as it is. series: (title, thumbnail key, files)."""

    study: Study
    project: str
    pixels_seen: bool
    entries: list[Entry]
    series: list[tuple[str, str | None, list[Entry]]]

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.entries)

    @property
    def file_name(self) -> str:
        return f"{self.project or self.study.accession_number or self.study.study_date or 'study'}.zip".replace("/", "-")


async def export(session: AsyncSession, actor: Actor, study_id: UUID) -> Leaving:
    """The study as it is stored, for who may see its images. Goes on record. Raises NotFound, Forbidden."""
    study = await fetch(session, Study, study_id)
    ensure(actor, study)
    leaving = await _leaving(session, study, "", pixels_seen=True)
    audit.record(
        session,
        actor,
        "study.exported",
        study.id,
        patient_id=study.patient_id,
        purpose=study.referral_id or "",
        files=len(leaving.entries),
    )
    return leaving


async def copy(session: AsyncSession, actor: Actor, study_id: UUID, project: str) -> Leaving:
    """A copy without names for a project. Raises ReviewNeeded while nobody has looked at doubtful pictures."""
    study = await fetch(session, Study, study_id)
    ensure(actor, study, Action.SHARE_COPY)
    code = project.strip().upper()
    if not PROJECT.fullmatch(code):
        raise ProjectMissing()
    seen = await review_of(session, study) is not None
    if study.burned_in and not seen:
        raise ReviewNeeded()
    leaving = await _leaving(session, study, code, pixels_seen=seen)
    audit.record(session, actor, "study.copied", study.id, patient_id=study.patient_id, project=code, files=len(leaving.entries))
    return leaving


async def review_of(session: AsyncSession, study: Study) -> PixelReview | None:
    """The word on the version that is stored now."""
    of_version = select(PixelReview).where(PixelReview.study_id == study.id, PixelReview.study_version == study.version)
    return (await session.exec(of_version)).first()


async def review_pixels(session: AsyncSession, actor: Actor, study_id: UUID, note: str) -> None:
    """A person has looked at every picture. Again changes nothing."""
    study = await fetch(session, Study, study_id, lock=True)
    ensure(actor, study, Action.SHARE_COPY)
    if await review_of(session, study) is None:
        session.add(PixelReview(study_id=study.id, study_version=study.version, account_id=actor.account_id, note=note.strip()))
        audit.record(session, actor, "study.pixels_reviewed", study.id, patient_id=study.patient_id, version=study.version)


async def _leaving(session: AsyncSession, study: Study, project: str, *, pixels_seen: bool) -> Leaving:
    rows = (
        select(Series, Instance.blob_key, Instance.size, Instance.frames)
        .join(Instance, col(Instance.series_id) == col(Series.id))
        .where(Instance.study_id == study.id)
        .order_by(col(Series.number), col(Series.id), col(Instance.number), col(Instance.id))
    )
    groups: dict[UUID, tuple[str, str | None, list[Entry]]] = {}
    for series, key, size, frames in await session.exec(rows):
        title = f"{series.modality} {series.number or ''} {'' if project else series.description}".strip()
        _, _, files = groups.setdefault(series.id, (title, series.thumbnail_key, []))
        place = list(groups).index(series.id)
        files.append(Entry(key, size, name_of(place, len(files)), frames))
    found = list(groups.values())
    return Leaving(study, project, pixels_seen, [entry for _, _, files in found for entry in files], found)


def archive(blobs: Blobs, leaving: Leaving, progress: Progress = lambda *_: None) -> AsyncIterator[bytes]:
    """The zip: files, DICOMDIR, a page with small pictures."""
    return zipped(_members(blobs, leaving, progress), clock.now())


async def _members(blobs: Blobs, leaving: Leaving, progress: Progress) -> AsyncIterator[Member]:
    directory, kept = Directory(), set[str]()
    for done, entry in enumerate(leaving.entries, 1):
        path = await blobs.local(entry.blob_key)
        if leaving.project:
            content = await _without_names(path, leaving)
            if content is None:
                continue
            await asyncio.to_thread(directory.add, entry.name, content)
            yield entry.name, _once(content)
        else:
            await asyncio.to_thread(directory.add, entry.name, path)
            yield entry.name, chunks(blobs, entry.blob_key, entry.size)
        kept.add(entry.name)
        progress(done, len(leaving.entries))
    if not kept:
        raise NothingToShare()
    yield "DICOMDIR", _once(await asyncio.to_thread(directory.content))
    shown = []
    for number, (title, thumbnail, files) in enumerate(leaving.series):
        names = [entry.name for entry in files if entry.name in kept]
        picture = f"PREVIEW/S{number:03}.JPG" if thumbnail and names and not (leaving.project and leaving.study.burned_in) else ""
        if picture and thumbnail:
            yield picture, _once(await blobs.read(thumbnail))
        if names:
            shown.append(Shown(title, len(names), picture, names))
    yield "INDEX.HTM", _once(_page(leaving, shown))


def _page(leaving: Leaving, shown: list[Shown]) -> bytes:
    study = leaving.study
    if leaving.project:
        return index_page(leaving.project, [(gettext("Copy without names for the project"), leaving.project)], shown)
    facts = [
        (gettext("Patient"), study.dicom_patient_name.replace("^", " ").strip()),
        (gettext("Patient number"), study.dicom_patient_id),
        (gettext("Date of birth"), study.dicom_birth_date),
        (gettext("Date"), study.study_date),
        (gettext("Number"), study.accession_number),
    ]
    return index_page(study.description or gettext("Study"), facts, shown)


async def _without_names(path: Path, leaving: Leaving) -> bytes | None:
    """None for what cannot leave this way: reports, documents, pictures that nobody can unpack."""
    secret = derived_key(f"deidentify:{leaving.project}")
    try:
        return await sandbox.deidentified(path, secret, pixels_seen=leaving.pixels_seen)
    except Undecodable:
        return None


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def study_named(session: AsyncSession, text: str) -> UUID:
    """By id or by Study Instance UID, for commands. Raises NotFound."""
    found = (await session.exec(select(Study.id).where(Study.uid == text))).first()
    return found or (await fetch(session, Study, text)).id
