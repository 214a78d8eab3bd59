"""Where pixels are decoded: a few child processes with little memory, little time and no network.

A child that dies, hangs or fills its memory costs one answer (Undecodable) and is replaced; the service goes on.
"""

import asyncio
import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from imaging.dicom.drawing import AS_STORED, Drawing
from imaging.dicom.errors import Undecodable

CHILDREN = 2
DEADLINE_S = 20.0
FILM_DEADLINE_S = 240.0
ANSWER_BYTES = 1024**3
START_S = 60.0
THUMBNAIL_SIDE = 128


@dataclass(frozen=True)
class Ask:
    """what: one of the verbs of `decoder`. options: keyword arguments of the function in `decoder`."""

    what: str
    path: str
    frame: int
    options: dict[str, Any]


class _Child:
    def __init__(self) -> None:
        environment = {"PATH": os.environ.get("PATH", ""), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
        self.process = subprocess.Popen(
            [sys.executable, "-m", "imaging.dicom.decoder"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            bufsize=0,
        )

    def ask(self, ask: Ask, deadline_s: float) -> bytes:
        """Raises Undecodable; afterwards the child may be dead."""
        assert self.process.stdin
        until = time.monotonic() + deadline_s
        try:
            self.process.stdin.write(json.dumps(asdict(ask)).encode() + b"\n")
            head = self._read(9, until)
            size = int.from_bytes(head[1:], "big")
            if size > ANSWER_BYTES:
                raise Undecodable("too-large")
            body = self._read(size, until)
        except (OSError, EOFError, TimeoutError) as error:
            self.kill()
            raise Undecodable("time-out" if isinstance(error, TimeoutError) else "decoder-ended") from None
        if head[:1] != b"+":
            raise Undecodable(body.decode("utf-8", "replace"))
        return body

    def _read(self, size: int, until: float) -> bytes:
        assert self.process.stdout
        pieces, missing = [], size
        while missing:
            ready, _, _ = select.select([self.process.stdout], [], [], max(until - time.monotonic(), 0))
            if not ready:
                raise TimeoutError
            piece = os.read(self.process.stdout.fileno(), min(missing, 1024**2))
            if not piece:
                raise EOFError
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()


def _started() -> _Child:
    """A child whose imports are done: their seconds on a busy machine are nobody's deadline."""
    child = _Child()
    child.ask(Ask("ready", "", 1, {}), START_S)
    return child


class Pool:
    """At most CHILDREN at a time; callers wait their turn in threads, never on the event loop."""

    def __init__(self) -> None:
        self.turns = threading.BoundedSemaphore(CHILDREN)
        self.lock = threading.Lock()
        self.idle: list[_Child] = []

    def ask(self, ask: Ask, deadline_s: float = DEADLINE_S) -> bytes:
        with self.turns:
            with self.lock:
                child = self.idle.pop() if self.idle else None
            if child is None or not child.alive:
                child = _started()
            try:
                return child.ask(ask, deadline_s)
            finally:
                if child.alive:
                    with self.lock:
                        self.idle.append(child)

    def warm(self) -> None:
        """Every child that may run at a time."""
        children = [_started() for _ in range(CHILDREN - len(self.idle))]
        with self.lock:
            self.idle += children

    def close(self) -> None:
        with self.lock:
            for child in self.idle:
                child.kill()
            self.idle.clear()


@cache
def _pool(_process_id: int) -> Pool:
    """One pool a process: a forked child must not share its parent's pipes."""
    return Pool()


def children() -> list[int]:
    """Process ids of the children that wait for a question."""
    return [child.process.pid for child in _pool(os.getpid()).idle]


def close() -> None:
    """End this process's children; the next question starts new ones."""
    _pool(os.getpid()).close()


atexit.register(close)


def ask(what: str, path: Path, frame: int = 1, **options: Any) -> bytes:
    """For synchronous callers (tasks). Raises Undecodable."""
    return _pool(os.getpid()).ask(Ask(what, str(path), frame, options))


async def native(path: Path, frame: int = 1) -> bytes:
    """One decoded frame, little endian. Raises Undecodable."""
    return await asyncio.to_thread(ask, "native", path, frame)


async def render(path: Path, frame: int = 1, media_type: str = "image/png", drawing: Drawing = AS_STORED) -> bytes:
    """A picture for people. Raises Undecodable."""
    return await asyncio.to_thread(ask, "render", path, frame, media_type=media_type, drawing=asdict(drawing))


async def thumbnail(path: Path, frame: int = 1, side: int = THUMBNAIL_SIDE) -> bytes:
    """A small JPEG. Raises Undecodable."""
    return await asyncio.to_thread(ask, "thumbnail", path, frame, side=side)


async def encoded(path: Path, frame: int, syntax: str) -> bytes:
    """One frame written anew in `syntax`. Raises Undecodable."""
    return await asyncio.to_thread(ask, "encoded", path, frame, syntax=syntax)


async def rewritten(path: Path, syntax: str) -> bytes:
    """The whole file written anew in `syntax`. Raises Undecodable."""
    return await asyncio.to_thread(ask, "rewritten", path, 1, syntax=syntax)


def warm() -> None:
    """Start the children before somebody waits for them."""
    _pool(os.getpid()).warm()


async def statistics(path: Path, frame: int, kind: str, corners: list[list[float]]) -> dict[str, Any]:
    """`geometry.Statistics` of a rectangle or ellipse as a dictionary, in modality units. Raises Undecodable."""
    answer = await asyncio.to_thread(lambda: ask("statistics", path, frame, kind=kind, corners=corners))
    found: dict[str, Any] = json.loads(answer)
    return found


def check(path: Path, frame: int = 1) -> None:
    """Decode a frame and throw it away: the validate step. Raises Undecodable."""
    ask("check", path, frame)


async def htj2k(path: Path, frame: int = 1) -> tuple[bytes, tuple[int, ...]] | str:
    """(codestream, ends of its levels), or a word why this picture has no such form. Raises Undecodable."""
    facts, _, codestream = (await asyncio.to_thread(lambda: ask("htj2k", path, frame))).partition(b"\n")
    told = json.loads(facts)
    return str(told["not_offered"]) if "not_offered" in told else (codestream, tuple(told["ends"]))


async def cine(path: Path, frames: int, rate: float) -> bytes:
    """All frames as a film (mp4, H.264), `rate` of them a second. Raises Undecodable."""
    film = Ask("cine", str(path), 1, {"frames": frames, "rate": rate})
    return await asyncio.to_thread(lambda: _pool(os.getpid()).ask(film, FILM_DEADLINE_S))


async def deidentified(path: Path, secret: bytes, *, pixels_seen: bool) -> bytes:
    """The file without names, for the project of this secret. Raises Undecodable where it cannot leave."""
    return await asyncio.to_thread(lambda: ask("deidentified", path, 1, secret=secret.hex(), pixels_seen=pixels_seen))
