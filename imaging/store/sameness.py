"""The same instance by another door: its file head is another program's, its data set is the one that we hold.

DICOMweb and uploads bring whole files, DIMSE brings data sets, and senders write lengths and group lengths as they
like. Bytes that differ are set aside first; here they are looked at again, off the usual path.
"""

import asyncio
from dataclasses import replace
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import select

from imaging.dicom.part10 import data_set_offset
from imaging.dicom.read import quiet
from imaging.dicom.refusals import Code
from imaging.store.models import Instance, Quarantined
from imaging.store.service import Answer, Arrival, Ingested
from telehealth.core import audit
from telehealth.core.blobs import Blobs
from telehealth.core.db import reading_engine, session_scope

COMPARED_BYTES = 64 * 1024**2
"""Larger ones are the same only byte by byte."""
PADDING = 0xFFFCFFFC
HEAD, PIECE = 64 * 1024, 1024**2


def is_doubtful(answer: Answer) -> bool:
    """Set aside because other bytes stand under its UID."""
    refusal = answer.refusal if isinstance(answer, Ingested) else None
    return refusal is not None and refusal.code is Code.CONFLICT


async def recognise(engine: AsyncEngine, blobs: Blobs, arrival: Arrival) -> Arrival | None:
    """The arrival under the digests of the instance that we hold, where the data sets are equal; else None."""
    staged = arrival.staged
    async with session_scope(reading_engine(engine)) as session:
        held = (await session.exec(select(Instance).where(Instance.sop_uid == staged.header.sop_uid))).one()
    if held.transfer_syntax != staged.header.transfer_syntax:
        return None
    files = await blobs.local(held.blob_key), await blobs.local(staged.blob_key)
    if not await asyncio.to_thread(same, *files):
        return None
    known = replace(staged, sha256=held.sha256, received_sha256=held.received_sha256, blob_key=held.blob_key)
    return replace(arrival, staged=known)


async def forget(engine: AsyncEngine, blobs: Blobs, arrival: Arrival) -> None:
    """Take what was set aside away again: it is no contradiction."""
    staged = arrival.staged
    async with session_scope(engine) as session:
        mine = (Quarantined.sop_uid == staged.header.sop_uid, Quarantined.sha256 == staged.sha256)
        for row in await session.exec(select(Quarantined).where(*mine)):
            await session.delete(row)
            audit.record(session, arrival.actor, "quarantined.recognised", row.id, sop_uid=row.sop_uid, sha256=row.sha256)
    await blobs.delete(staged.blob_key)


def same(one: Path, other: Path) -> bool:
    """Whether two judged files of one transfer syntax hold the same data set."""
    if _same_bytes(one, other):
        return True
    if max(one.stat().st_size, other.stat().st_size) > COMPARED_BYTES:
        return False
    try:
        with quiet():
            return bool(_plain(one) == _plain(other))
    except Exception:  # what the library cannot read is not known to be the same
        return False


def _same_bytes(one: Path, other: Path) -> bool:
    with one.open("rb") as mine, other.open("rb") as theirs:
        for file in (mine, theirs):
            file.seek(data_set_offset(file.read(HEAD)))
        while piece := mine.read(PIECE):
            if piece != theirs.read(PIECE):
                return False
        return not theirs.read(1)


def _plain(path: Path) -> Dataset:
    """Without group lengths and padding, which say nothing."""
    dataset = pydicom.dcmread(path)
    return Dataset({tag: dataset[tag] for tag in dataset.keys() if tag.element and tag != PADDING})  # noqa: SIM118
