"""A folder or disc drive whose files are sent: every new file once it has stopped growing. The files stay where they are."""

from pathlib import Path

import structlog

from imaging.gateway.queue import Queue
from imaging.intake.answers import HEAD_BYTES, kind_of

log = structlog.get_logger()


class Watcher:
    def __init__(self, folder: Path, queue: Queue) -> None:
        self.folder, self.queue = folder, queue
        self._earlier: dict[Path, tuple[int, float]] = {}

    def look(self) -> int:
        """Take every file that looks as it did at the last look. Returns how many were taken."""
        now = dict(self._files())
        ready = [path for path, shape in now.items() if self._earlier.get(path) == shape and self.queue.is_new(path, *shape)]
        self._earlier = now
        return sum(self._take(path, now[path]) for path in ready)

    def _files(self) -> list[tuple[Path, tuple[int, float]]]:
        """A drive without a disc is an empty folder."""
        found = []
        try:
            for path in self.folder.rglob("*"):
                if path.is_file() and not path.is_symlink():
                    facts = path.stat()
                    found.append((path, (facts.st_size, facts.st_mtime)))
        except OSError:
            return []
        return found

    def _take(self, path: Path, shape: tuple[int, float]) -> bool:
        name = path.relative_to(self.folder).as_posix()
        try:
            with path.open("rb") as file:
                kind, _ = kind_of(name, file.read(HEAD_BYTES))
            if kind != "ignored":
                self.queue.put_file(path, name)
        except OSError as error:  # the disc is out again: the next look finds it or not
            log.warning("not_read", kind=type(error).__name__)
            return False
        self.queue.saw(path, *shape)
        return kind != "ignored"
