"""The one way in for every door: stage, judge, make durable, index, then answer."""

import asyncio
import mmap
import os
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from imaging.dicom import preflight, read
from imaging.dicom.preflight import Buffer
from imaging.dicom.refusals import Code, Refusal, Refused
from imaging.store import sameness
from imaging.store.committer import Flushed, committer
from imaging.store.service import Answer, Arrival, Filing, StagedInstance
from telehealth.core.actor import Actor
from telehealth.core.blobs import Blobs, content_key
from telehealth.core.db import pack_text
from telehealth.core.settings import settings
from telehealth.identity import access
from telehealth.identity.access import Action, Scope

SLICE = 1024**2
"""Bytes of one write, and what one arriving file holds in memory, twice."""
PIECES = 1000
"""In one writev; the system allows 1,024."""

T = TypeVar("T")
_threads = ThreadPoolExecutor(8, thread_name_prefix="receive")
"""They hash, write and wait for the disk, mostly without the interpreter's lock."""


async def receive(
    engine: AsyncEngine,
    blobs: Blobs,
    actor: Actor,
    source: AsyncIterator[bytes] | Path,
    filing: Filing,
    *,
    study_uid: str = "",
) -> Answer:
    """Take one file. When this returns Ingested, bytes and row are durable; a Refusal changed nothing.

    study_uid: refuse instances of other studies (STOW to a study). Raises Forbidden, Unavailable.
    """
    prepared = await prepare(blobs, actor, source, filing, study_uid=study_uid)
    if isinstance(prepared, Refusal):
        return prepared
    (answer,) = await commit(engine, blobs, [prepared])
    return answer


async def prepare(
    blobs: Blobs, actor: Actor, source: AsyncIterator[bytes] | Path, filing: Filing, *, study_uid: str = ""
) -> Flushed | Refusal:
    """The first half: staged, judged and flushed, but neither in the store nor in the index. Then `commit` or `drop`."""
    staged = await stage(blobs, source)
    return staged if isinstance(staged, Refusal) else await settle(blobs, actor, staged, filing, study_uid=study_uid)


async def stage(blobs: Blobs, source: AsyncIterator[bytes] | Path) -> "Staged | Refusal":
    """Write what arrives. Raises what the source raises; then, and after a Refusal, nothing is left."""
    staged = Staged(blobs.staging())
    try:
        await _copy(source, staged) if isinstance(source, Path) else await _write(source, staged)
    except Refused as refused:
        staged.discard()
        return refused.refusal
    except BaseException:
        staged.discard()
        raise
    return staged


async def settle(blobs: Blobs, actor: Actor, staged: "Staged", filing: Filing, *, study_uid: str = "") -> Flushed | Refusal:
    """Judge what was staged and make its bytes durable. Raises Forbidden, Unavailable."""
    try:
        access.ensure(actor, Action.UPLOAD_IMAGES, Scope(units=frozenset({filing.organisation_id})))
        instance = await _in_thread(staged.settle, blobs, study_uid)
        return Flushed(Arrival(actor, instance, filing), staged.path)
    except Refused as refused:
        staged.discard()
        return refused.refusal
    except BaseException:
        staged.discard()
        raise


async def commit(engine: AsyncEngine, blobs: Blobs, prepared: Sequence[Flushed]) -> list[Answer]:
    """The second half, for as many as there are: answers in their order."""
    try:
        answers = await committer(engine).commit(blobs, prepared)
        return [await _second_look(engine, blobs, *pair) for pair in zip(prepared, answers, strict=True)]
    finally:
        drop(prepared)


async def _second_look(engine: AsyncEngine, blobs: Blobs, one: Flushed, answer: Answer) -> Answer:
    """Other bytes may yet be the instance that we hold, as another door's sender writes it."""
    if not sameness.is_doubtful(answer) or not (known := await sameness.recognise(engine, blobs, one.arrival)):
        return answer
    (again,) = await committer(engine).commit(blobs, [Flushed(known, one.staged)])
    await sameness.forget(engine, blobs, one.arrival)
    return again


def drop(prepared: Sequence[Flushed]) -> None:
    """What was not taken over is not kept."""
    for one in prepared:
        one.staged.unlink(missing_ok=True)


class Staged:
    """A file on its way in. Its methods block, one at a time; `rest` is what still has to be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = -1
        self.digest = sha256()
        self.size = 0
        self.rest: list[bytes] = []

    def write(self, pieces: Sequence[bytes]) -> None:
        if self.descriptor < 0:  # made here: a new name may have to wait for the disk, and the event loop must not
            self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        for start in range(0, len(pieces), PIECES):
            some = pieces[start : start + PIECES]
            written = os.writev(self.descriptor, some)
            if written < sum(map(len, some)):  # a disk that is nearly full: the next write says so
                _write_all(self.descriptor, b"".join(some)[written:])
        for piece in pieces:
            self.digest.update(piece)
            self.size += len(piece)

    def settle(self, blobs: Blobs, study_uid: str) -> StagedInstance:
        """Write the rest, judge the whole, flush it. Raises Refused."""
        is_small = not self.size
        self.write(self.rest)
        received = self.digest.hexdigest()
        if is_small:
            instance = self._judge(b"".join(self.rest), received)
        else:
            with mmap.mmap(self.descriptor, 0, access=mmap.ACCESS_READ) as data:
                instance = self._judge(data, received)
        if study_uid and instance.header.study_uid != study_uid:
            header = instance.header
            raise Refused(Code.WRONG_STUDY, sop_class=header.sop_class, sop_uid=header.sop_uid)
        blobs.flush(instance.blob_key, self.path)
        self._close()
        return instance

    def _judge(self, data: Buffer, received: str) -> StagedInstance:
        layout, header = read.examine(self.path, data)
        digest = received if layout.preamble_is_clear else self._clear_preamble(data)
        metadata = pack_text(header.metadata_json)
        key = content_key("dicom", digest)
        return StagedInstance(header, metadata, key, digest, received, self.size, digest != received)

    def _clear_preamble(self, data: Buffer) -> str:
        """128 bytes that could make the file a program or a page as well (PS3.10, 7.1) become zero. Returns the digest."""
        os.pwrite(self.descriptor, preflight.CLEAR, 0)
        digest = sha256(preflight.CLEAR)
        for start in range(preflight.PREAMBLE, len(data), SLICE):
            digest.update(data[start : start + SLICE])
        return digest.hexdigest()

    def _close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def discard(self) -> None:
        self._close()
        self.path.unlink(missing_ok=True)


def _write_all(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def largest() -> int:
    """Bytes of one file."""
    return settings().limits.instance_bytes


async def _in_thread(work: Callable[..., T], *given: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads, work, *given)


async def _write(source: AsyncIterator[bytes], staged: Staged) -> None:
    """In large pieces, one being written while the next one gathers. Raises Refused beyond the limit, the rest unread."""
    writing: asyncio.Future[None] | None = None
    gathered = total = 0
    try:
        async for chunk in source:
            gathered, total = gathered + len(chunk), total + len(chunk)
            if total > largest():
                raise Refused(Code.TOO_LARGE)
            staged.rest.append(chunk)
            if gathered >= SLICE:
                if writing:
                    await writing
                pieces, staged.rest, gathered = staged.rest, [], 0
                writing = asyncio.ensure_future(_in_thread(staged.write, pieces))
    finally:
        if writing:
            await asyncio.wait([writing])
    if writing:
        writing.result()


async def _copy(source: Path, staged: Staged) -> None:
    if source.stat().st_size > largest():
        raise Refused(Code.TOO_LARGE)
    await _in_thread(_copy_all, source, staged)


def _copy_all(source: Path, staged: Staged) -> None:
    with source.open("rb") as original:
        while piece := original.read(SLICE):
            if len(piece) < SLICE and not staged.size:
                staged.rest = [piece]  # small: judged from memory
            else:
                staged.write([piece])
