"""Make other forms of a study's instances, one after the other, behind everything that somebody waits for.

Each form of an instance is one row: made twice at once, one of the two is written. A codec that dies costs one row.
"""

import json
import time
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, delete, exists, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dicom import sandbox
from imaging.dicom.errors import Undecodable
from imaging.representations.levels import pack
from imaging.representations.models import Form, Representation
from imaging.store.models import Instance, Series, Study, StudyState
from telehealth.core import clock
from telehealth.core.blobs import Blobs, content_key
from telehealth.core.db import reading_engine, session_scope
from telehealth.core.ids import new_id

SITTING_S = 60.0
"""Then the queue may turn to another study."""
MOVING = frozenset({"US", "IVUS", "XA", "RF", "ES"})
"""Modalities whose multi-frame pictures are films."""
FEWEST_FRAMES, MOST_FRAMES = 5, 600
"""Of a film: what the time and memory of one child process allow."""
DEFAULT_RATE = 15.0
MISSED_AFTER = timedelta(minutes=1)


@dataclass(frozen=True)
class Wanted:
    """A form that an instance could have and has not."""

    form: Form
    instance_id: UUID
    blob_key: str
    frames: int


async def represent(engine: AsyncEngine, blobs: Blobs, study_id: UUID, sitting_s: float = SITTING_S) -> bool:
    """Make what is missing for a study. Returns whether something is left for another sitting. Safe to repeat."""
    until = time.monotonic() + sitting_s
    async with AsyncSession(reading_engine(engine)) as session:
        waiting = await missing(session, study_id)
    for wanted in waiting:
        if time.monotonic() > until:
            return True
        row = await _made(engine, blobs, wanted)
        async with session_scope(engine) as session:
            await _keep(session, row)
    return False


async def missing(session: AsyncSession, study_id: UUID) -> list[Wanted]:
    """Films first: people wait for them; then the frames in reading order."""
    rows = (
        select(Instance.id, Instance.blob_key, Instance.frames, Series.modality)
        .join(Series, col(Series.id) == col(Instance.series_id))
        .where(Instance.study_id == study_id, Instance.frames > 0, Instance.undecodable == "")
        .order_by(col(Series.number), col(Instance.number), col(Instance.id))
    )
    made = select(Representation.instance_id, Representation.form).join(
        Instance, col(Representation.instance_id) == col(Instance.id)
    )
    there = {(instance_id, form) for instance_id, form in await session.exec(made.where(Instance.study_id == study_id))}
    found = [
        Wanted(form, instance_id, key, frames)
        for instance_id, key, frames, modality in await session.exec(rows)
        for form in _forms(frames, modality)
        if (instance_id, form) not in there
    ]
    return sorted(found, key=lambda one: one.form is not Form.CINE)


def _forms(frames: int, modality: str) -> list[Form]:
    is_film = modality in MOVING and FEWEST_FRAMES <= frames <= MOST_FRAMES
    return [Form.HTJ2K, Form.CINE] if is_film else [Form.HTJ2K]


async def _made(engine: AsyncEngine, blobs: Blobs, wanted: Wanted) -> dict[str, Any]:
    """The row's values, its blob already stored. Raises Unavailable, NotFound."""
    path = await blobs.local(wanted.blob_key)
    staged = blobs.staging()
    try:
        if wanted.form is Form.CINE:
            staged.write_bytes(await sandbox.cine(path, wanted.frames, await _rate(engine, wanted.instance_id)))
            facts: dict[str, Any] = {}
        else:
            facts = await _frames(path, wanted.frames, staged)
        if "not_offered" not in facts:
            facts |= await _stored(blobs, wanted.form, staged)
    except Undecodable as error:
        facts = {"not_offered": error.detail or error.code}
    finally:
        staged.unlink(missing_ok=True)
    return {"id": new_id(), "instance_id": wanted.instance_id, "form": wanted.form, "made_at": clock.now()} | facts


async def _frames(path: Path, frames: int, staged: Path) -> dict[str, Any]:
    """Every frame, each checked bit by bit where it was made; one that cannot be takes the whole form away."""
    table: list[tuple[int, tuple[int, ...]]] = []
    with staged.open("wb") as out:
        for frame in range(1, frames + 1):
            encoded = await sandbox.htj2k(path, frame)
            if isinstance(encoded, str):
                return {"not_offered": encoded}
            codestream, ends = encoded
            table.append((out.tell(), ends))
            out.write(codestream)
    return {"levels": len(table[0][1]), "level_table": pack(table)}


async def _stored(blobs: Blobs, form: Form, staged: Path) -> dict[str, Any]:
    size = staged.stat().st_size
    with staged.open("rb") as file:
        digest = sha256()
        while piece := file.read(1024**2):
            digest.update(piece)
    key = content_key(form.value, digest.hexdigest())
    await blobs.put(key, staged)
    return {"blob_key": key, "size": size, "sha256": digest.hexdigest()}


async def _rate(engine: AsyncEngine, instance_id: UUID) -> float:
    """Frames a second: Recommended Display Frame Rate, Cine Rate or Frame Time (PS3.3, C.7.6.5)."""
    async with AsyncSession(reading_engine(engine)) as session:
        header = json.loads((await session.exec(select(Instance.metadata_json).where(Instance.id == instance_id))).one() or "{}")
    for tag, power, unit in (("00082144", 1, 1.0), ("00180040", 1, 1.0), ("00181063", -1, 1000.0)):
        try:
            return min(60.0, max(1.0, unit * float(header[tag]["Value"][0]) ** power))
        except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError):
            continue
    return DEFAULT_RATE


async def _keep(session: AsyncSession, values: dict[str, Any]) -> None:
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    row = Representation(**values).model_dump()
    insert = dialect.insert(Representation).values(**row)
    await session.exec(insert.on_conflict_do_nothing(index_elements=["instance_id", "form"]))


async def make_again(session: AsyncSession, study_id: UUID) -> None:
    """Forget the forms of a study; the next sitting makes them anew."""
    instances = select(Instance.id).where(Instance.study_id == study_id)
    await session.exec(delete(Representation).where(col(Representation.instance_id).in_(instances)))


async def due_studies(session: AsyncSession, most: int = 20) -> list[UUID]:
    """Checked studies with pictures that have no form yet, the newest first: a lost message, or an older store."""
    bare = (
        exists()
        .where(col(Instance.study_id) == col(Study.id), col(Instance.frames) > 0, col(Instance.undecodable) == "")
        .where(~exists().where(col(Representation.instance_id) == col(Instance.id), col(Representation.form) == Form.HTJ2K))
    )
    rows = select(Study.id).where(Study.state == StudyState.AVAILABLE, col(Study.available_at) < clock.now() - MISSED_AFTER, bare)
    return list((await session.exec(rows.order_by(col(Study.available_at).desc()).limit(most))).all())
