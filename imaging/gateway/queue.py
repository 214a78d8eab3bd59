"""What waits for the line: bytes in files by their digest, the list in SQLite; both durable before anybody is told yes.

An entry is forgotten only after the province has confirmed its digest. A power cut loses nothing that was accepted:
a file without a row is found again at the start, a row always has its file.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from imaging.gateway.headers import Facts, facts_of

SLICE = 1024**2
SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
  sha256 TEXT PRIMARY KEY, name TEXT NOT NULL, size INTEGER NOT NULL, rank TEXT NOT NULL, state TEXT NOT NULL,
  study_uid TEXT NOT NULL, series_uid TEXT NOT NULL, sop_uid TEXT NOT NULL, modality TEXT NOT NULL,
  description TEXT NOT NULL, series_number INTEGER, patient TEXT NOT NULL, study_date TEXT NOT NULL,
  accession TEXT NOT NULL, urgent INTEGER NOT NULL, verdict TEXT NOT NULL DEFAULT '',
  reason TEXT NOT NULL DEFAULT '', came_at REAL NOT NULL, done_at REAL
);
CREATE INDEX IF NOT EXISTS entry_waiting ON entry (state, rank);
CREATE TABLE IF NOT EXISTS seen (path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime REAL NOT NULL);
"""


class State(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    """The province has it: the same digest was confirmed."""
    REFUSED = "refused"
    """The province will not take it; the bytes are kept here for a person to look."""


@dataclass(frozen=True)
class Entry:
    """One file that waits."""

    sha256: str
    name: str
    size: int
    study_uid: str
    series_uid: str
    sop_uid: str
    modality: str
    description: str
    series_number: int | None


class Queue:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spool, self.temp = folder / "spool", folder / "tmp"
        for place in (self.spool, self.temp):
            place.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._rows = sqlite3.connect(folder / "queue.db", check_same_thread=False, isolation_level=None)
        self._rows.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
            self._rows.execute(f"PRAGMA {pragma}")
        self._rows.executescript(SCHEMA)
        self.arrived = threading.Event()
        self._recover()

    def _recover(self) -> None:
        """After a power cut: half-written files go, whole ones without a row get it, confirmed ones are forgotten."""
        for half in (*self.temp.iterdir(), *self.spool.glob("*/*.tmp")):
            half.unlink()
        for path in self.spool.glob("*/*"):
            row = self._one("SELECT state FROM entry WHERE sha256 = ?", path.stem)
            if row is not None and row["state"] == State.DONE:
                path.unlink()
            elif row is None and not path.suffix:
                self._enter(path.name, path.name, path.stat().st_size, facts_of(path))

    # arriving -------------------------------------------------------------------------------------------------------

    def put(self, name: str, pieces: Iterable[bytes]) -> str:
        """Take a file: durable when this returns its digest. The same bytes again change nothing. Raises OSError."""
        staged = self.temp / uuid4().hex
        digest, size = sha256(), 0
        try:
            with staged.open("wb") as file:
                for piece in pieces:
                    file.write(piece)
                    digest.update(piece)
                    size += len(piece)
                file.flush()
                os.fsync(file.fileno())
            path = self.path(digest.hexdigest())
            if not self._one("SELECT 1 FROM entry WHERE sha256 = ?", path.name):
                facts = facts_of(staged)
                path.parent.mkdir(exist_ok=True)
                staged.rename(path)
                _sync_folder(path.parent)
                _sync_folder(self.spool)
                self._enter(path.name, name, size, facts)
            return path.name
        finally:
            staged.unlink(missing_ok=True)

    def put_file(self, path: Path, name: str) -> str:
        with path.open("rb") as file:
            return self.put(name, iter(lambda: file.read(SLICE), b""))

    def _enter(self, digest: str, name: str, size: int, facts: Facts) -> None:
        values = {"sha256": digest, "name": name, "size": size, "state": State.WAITING, "came_at": time.time(), **facts.columns()}
        columns, marks = ", ".join(values), ", ".join(f":{column}" for column in values)
        self._do(f"INSERT OR IGNORE INTO entry ({columns}) VALUES ({marks})", values)  # noqa: S608 names are ours
        self.arrived.set()

    def path(self, digest: str) -> Path:
        return self.spool / digest[:2] / digest

    # watched folders --------------------------------------------------------------------------------------------------

    def is_new(self, path: Path, size: int, mtime: float) -> bool:
        """Whether a watched file has not been taken in this shape yet."""
        return not self._one("SELECT 1 FROM seen WHERE path = ? AND size = ? AND mtime = ?", str(path), size, mtime)

    def saw(self, path: Path, size: int, mtime: float) -> None:
        self._do("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", (str(path), size, mtime))

    # leaving --------------------------------------------------------------------------------------------------------

    def waiting(self, most: int) -> list[Entry]:
        """What leaves next: the urgent first, then planning and key images, then series by series."""
        columns = ", ".join(Entry.__dataclass_fields__)
        rows = self._all(f"SELECT {columns} FROM entry WHERE state = 'waiting' ORDER BY rank LIMIT ?", most)  # noqa: S608
        return [Entry(**dict(row)) for row in rows]

    def answered(self, digest: str, verdict: str, reason: str, *, taken: bool) -> None:
        """The province's word on it. Only what it confirmed is deleted here, and only after the row says so."""
        state = State.DONE if taken else State.REFUSED
        values = (state, verdict, reason, time.time(), digest)
        self._do("UPDATE entry SET state = ?, verdict = ?, reason = ?, done_at = ? WHERE sha256 = ?", values)
        if taken:
            self.path(digest).unlink(missing_ok=True)

    # for people -----------------------------------------------------------------------------------------------------

    def counts(self) -> dict[str, tuple[int, int]]:
        """State -> (files, bytes)."""
        rows = self._all("SELECT state, count(*) AS files, sum(size) AS bytes FROM entry GROUP BY state")
        return {row["state"]: (row["files"], row["bytes"]) for row in rows}

    def studies(self, *, unfinished: bool = False) -> list[dict[str, Any]]:
        """Newest first: whose, what, how many files there are and how many the province has."""
        some = "HAVING sum(state = 'waiting') > 0" if unfinished else ""
        return [
            dict(row)
            for row in self._all(
                "SELECT study_uid, max(patient) AS patient, max(study_date) AS study_date, max(accession) AS accession, "  # noqa: S608
                "group_concat(DISTINCT modality) AS modalities, max(urgent) AS urgent, count(*) AS files, "
                "sum(state = 'done') AS done, sum(state = 'refused') AS refused, sum(size) AS bytes, max(came_at) AS came_at "
                f"FROM entry GROUP BY study_uid {some} ORDER BY urgent DESC, came_at DESC LIMIT 200"
            )
        ]

    def refused(self) -> list[dict[str, Any]]:
        rows = self._all("SELECT name, verdict, reason FROM entry WHERE state = 'refused' ORDER BY done_at DESC LIMIT 200")
        return [dict(row) for row in rows]

    def close(self) -> None:
        with self._lock:
            self._rows.close()

    def _do(self, statement: str, values: Any = ()) -> None:
        with self._lock:
            self._rows.execute(statement, values)

    def _all(self, statement: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._rows.execute(statement, values).fetchall()

    def _one(self, statement: str, *values: object) -> sqlite3.Row | None:
        return next(iter(self._all(statement, *values)), None)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def open_queue(folder: Path) -> Iterator[Queue]:
    with closing(Queue(folder)) as queue:
        yield queue
