"""Files that come in pieces, over hours and from several computers. The row knows how much is durable, and only that.

The last bytes are not kept as a piece: they go with the others straight through `take`, so a parcel is either open
with bytes missing or done with an answer. Two requests for one parcel never mix: whoever finds `received` moved stops.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import new as new_hash
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, delete, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.intake import manifest, segments, service
from imaging.intake.bounds import ensure_room, ensure_size, expiry
from imaging.intake.errors import DamagedOnTheWay, OtherOffset
from imaging.intake.files import shown, take
from imaging.intake.models import Parcel, ParcelState, Upload, UploadFile
from imaging.intake.segments import Inflow, Tail, whole
from telehealth.core import audit, clock
from telehealth.core.actor import Actor
from telehealth.core.blobs import Blobs
from telehealth.core.db import fetch, session_scope
from telehealth.core.errors import TooLarge

ENCODINGS = ("", "gzip")


@dataclass
class Hold:
    """The requests of this process for one parcel: one writes, others wait."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    writing: Inflow | None = None
    count: int = 0


_HOLDS: dict[UUID, Hold] = {}


@asynccontextmanager
async def alone(parcel_id: UUID, inflow: Inflow | None = None) -> AsyncIterator[None]:
    """Whoever comes back for a parcel ends the request that still holds it here, and waits until its bytes are kept.

    A dead connection may look alive for minutes, and browsers repeat a request the moment theirs breaks: asking for
    the offset then must not be answered from before. Between processes the row alone decides.
    """
    hold = _HOLDS.setdefault(parcel_id, Hold())
    hold.count += 1
    if hold.writing is not None:
        hold.writing.stop()
    try:
        async with hold.lock:
            hold.writing = inflow
            try:
                yield
            finally:
                hold.writing = None
    finally:
        hold.count -= 1
        if not hold.count:
            del _HOLDS[parcel_id]


class WrongChecksum(Exception):
    """The bytes of this request are not what its checksum says; they are dropped."""


async def create(
    session: AsyncSession, upload: Upload, name: str, length: int, *, size: int, digest: str = "", encoding: str = ""
) -> Parcel:
    """One file that a sender wants to send. The caller has checked that the upload takes files from this person.

    Raises TooLarge, TooMuchWaiting.
    """
    ensure_size(length, size)
    parcel = Parcel(
        upload_id=upload.id, name=shown(name), sha256=digest, size=size, encoding=encoding, length=length, expires_at=expiry()
    )
    session.add(parcel)
    await session.flush()
    await ensure_room(session, upload.organisation_id)
    return parcel


async def see(session: AsyncSession, actor: Actor, parcel_id: UUID | str) -> tuple[Parcel, Upload]:
    """Raises NotFound to strangers, and for a parcel that was given up or has expired."""
    parcel = await fetch(session, Parcel, parcel_id)
    return parcel, await service.see(session, actor, parcel.upload_id)


async def answer_of(session: AsyncSession, parcel: Parcel) -> UploadFile | None:
    return await session.get(UploadFile, parcel.file_id) if parcel.file_id else None


async def append(
    engine: AsyncEngine,
    blobs: Blobs,
    actor: Actor,
    parcel: Parcel,
    inflow: Inflow,
    checksum: tuple[str, bytes] | None = None,
) -> Parcel:
    """Take bytes from `parcel.received` on; returns the parcel as it stands, done if this was the rest.

    checksum: (algorithm, digest) of this request's bytes; they are dropped together if they differ or are cut short.
    Whatever ends the request early, what arrived until then is durable. Raises OtherOffset, DamagedOnTheWay, Silent.
    """
    tail, check = Tail(blobs), new_hash(checksum[0], usedforsecurity=False) if checksum else None
    kept_at = time.monotonic()
    try:
        try:
            async for chunk in inflow:
                if parcel.received + tail.size + len(chunk) > parcel.length:
                    raise TooLarge(limit=parcel.length)
                if check:
                    check.update(chunk)
                await tail.write(chunk)
                due = tail.size >= segments.MOST_UNKEPT_BYTES or time.monotonic() - kept_at >= segments.LONGEST_UNKEPT_S
                if due and not check and 0 < tail.size < parcel.length - parcel.received:
                    parcel, kept_at = await _keep(engine, blobs, parcel, tail), time.monotonic()
        except TooLarge:
            raise
        except Exception:  # the line is gone, however that is called here: what came stays
            if tail.size and not check and parcel.received + tail.size < parcel.length:
                await _keep(engine, blobs, parcel, tail)
            raise
        if check and checksum and check.digest() != checksum[1]:
            raise WrongChecksum()
        if parcel.received + tail.size == parcel.length:
            return await _complete(engine, blobs, actor, parcel, tail)
        return await _keep(engine, blobs, parcel, tail) if tail.size else parcel
    finally:
        tail.drop()


async def _keep(engine: AsyncEngine, blobs: Blobs, parcel: Parcel, tail: Tail) -> Parcel:
    """Bytes first, then the row that says so. Raises OtherOffset where another request was first."""
    segment = await tail.keep(parcel)
    values = {
        "received": parcel.received + int(segment[1]),
        "segments": [*parcel.segments, segment],
        "expires_at": expiry(),
    }
    async with session_scope(engine) as session:
        moved = await session.exec(update(Parcel).where(*_unmoved(parcel)).values(**values))
        now = await session.get(Parcel, parcel.id, populate_existing=True)
    if not moved.rowcount:
        await blobs.delete(str(segment[0]))
        raise OtherOffset(offset=now.received if now else 0)
    assert now is not None
    return now


def _unmoved(parcel: Parcel) -> tuple[Any, ...]:
    return (col(Parcel.id) == parcel.id, col(Parcel.state) == ParcelState.OPEN, col(Parcel.received) == parcel.received)


async def _complete(engine: AsyncEngine, blobs: Blobs, actor: Actor, parcel: Parcel, tail: Tail) -> Parcel:
    """Everything is here: take it in like a file of any other door. Raises DamagedOnTheWay, with `received` 0 again."""
    async with session_scope(engine) as session:
        upload = await fetch(session, Upload, parcel.upload_id)
        expected = await manifest.announced(session, upload, parcel.study_uid)
    done: Parcel | None = None

    async def close(session: AsyncSession, file: UploadFile) -> None:
        nonlocal done
        closed = {"state": ParcelState.DONE, "received": parcel.length, "segments": [], "file_id": file.id}
        await session.exec(update(Parcel).where(col(Parcel.id) == parcel.id).values(**closed))
        done = await session.get(Parcel, parcel.id, populate_existing=True)
        await manifest.look_if_whole(session, upload, parcel)

    content = whole(blobs, parcel, parcel.segments, tail)
    try:
        await take(engine, blobs, actor, upload, parcel.name, content, expected=expected, beside=close)
    except DamagedOnTheWay:
        await _begin_anew(engine, blobs, parcel)
        raise
    await _forget(blobs, parcel.segments)
    return done or parcel


async def _begin_anew(engine: AsyncEngine, blobs: Blobs, parcel: Parcel) -> None:
    async with session_scope(engine) as session:
        await session.exec(update(Parcel).where(*_unmoved(parcel)).values(received=0, segments=[]))
    await _forget(blobs, parcel.segments)


async def _forget(blobs: Blobs, kept: Sequence[Sequence[str | int]]) -> None:
    for key, _size in kept:
        await blobs.delete(str(key))


async def give_up(session: AsyncSession, actor: Actor, parcel_id: UUID | str) -> Parcel:
    """The sender will not go on with it (tus termination). The caller deletes the segments after the commit."""
    parcel, upload = await see(session, actor, parcel_id)
    await session.delete(parcel)
    audit.record(session, actor, "upload.file_given_up", upload.id, patient_id=upload.patient_id)
    return parcel


async def forget_expired(engine: AsyncEngine, blobs: Blobs, most: int = 200) -> int:
    """Half-sent files that nobody went on with for `waiting_days`."""
    async with session_scope(engine) as session:
        late = (Parcel.state == ParcelState.OPEN, col(Parcel.expires_at) < clock.now())
        parcels = (await session.exec(select(Parcel).where(*late).limit(most))).all()
        await session.exec(delete(Parcel).where(col(Parcel.id).in_([parcel.id for parcel in parcels])))
    for parcel in parcels:
        await _forget(blobs, parcel.segments)
    return len(parcels)
