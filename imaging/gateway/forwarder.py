"""The province's side: ask what is wanted, send the rest in pieces, and believe only a confirmed digest."""

import gzip
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import structlog

from imaging.gateway.config import GatewayConfig
from imaging.gateway.queue import SLICE, Entry, Queue

log = structlog.get_logger()

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = "application/offset+octet-stream"
ASKED_AT_ONCE = 20
"""Few, so that something urgent need not wait long for its turn."""
WORTH_PACKING = 0.95
CONNECT_S, SILENCE_S, ANSWER_S = 15.0, 30.0, 120.0
PIECE = 64 * 1024
GZIP_LEVEL = 6
TAKEN = ("stored", "duplicate", "waiting", "unpacked", "ignored")


class NotNow(Exception):
    """The line or the province does not answer; the same later will do. The text is for the status page."""


class NotAllowed(Exception):
    """The token is not accepted (any more): a person must bring a new one."""


@dataclass(frozen=True)
class Packed:
    """An entry as it leaves: its own file, or a packed one beside it."""

    entry: Entry
    path: Path
    encoding: str
    length: int


class Forwarder:
    def __init__(self, config: GatewayConfig, queue: Queue) -> None:
        self.config, self.queue = config, queue
        self._upload = ""
        self._client = httpx2.Client(
            base_url=config.server.rstrip("/"),
            headers={"Authorization": f"Bearer {config.token}"},
            timeout=httpx2.Timeout(ANSWER_S, connect=CONNECT_S, write=SILENCE_S),
        )

    def close(self) -> None:
        self._client.close()

    def forward(self) -> int:
        """Send what leaves next, a few dozen files. Returns how many it was about. Raises NotNow, NotAllowed."""
        entries = self.queue.waiting(ASKED_AT_ONCE)
        if not entries:
            return 0
        packed = [self._pack(entry) for entry in entries]
        told = self._ask(packed)
        wanted = [(one, known) for one, known in zip(packed, told, strict=True) if not self._is_answered(one, known)]
        with ThreadPoolExecutor(self.config.lanes) as lanes:
            # all of them end before the first error is raised: half-sent files are half-sent, none is lost
            ends = [lanes.submit(self._send, one, known["url"], known["offset"]) for one, known in wanted]
        for end in ends:
            end.result()
        return len(entries)

    def _pack(self, entry: Entry) -> Packed:
        """Packed without loss where that makes it smaller; the same bytes each time, so that half-sent ones go on."""
        plain = self.queue.path(entry.sha256)
        beside = plain.with_suffix(".gz")
        if not beside.exists():
            draft = plain.with_suffix(".tmp")
            with plain.open("rb") as source, gzip.GzipFile(draft, "wb", GZIP_LEVEL, mtime=0) as out:
                shutil.copyfileobj(source, out, SLICE)
            draft.rename(beside)
        length = beside.stat().st_size
        if length > WORTH_PACKING * entry.size:
            return Packed(entry, plain, "", entry.size)
        return Packed(entry, beside, "gzip", length)

    def _ask(self, packed: Sequence[Packed]) -> list[dict[str, Any]]:
        files = [_described(one) for one in packed]
        for again in (False, True):
            if not self._upload or again:
                wanted = {"organisation_id": self.config.organisation} if self.config.organisation else {}
                self._upload = self._call("POST", "/api/v1/uploads", json=wanted).json()["id"]
            answer = self._call(
                "POST", f"/api/v1/uploads/{self._upload}/manifest", json={"files": files, "series": False}, ok=(409, 422)
            )
            if answer.is_success:
                found: list[dict[str, Any]] = answer.json()["files"]
                return found
        raise NotNow(str(answer.status_code))

    def _is_answered(self, one: Packed, known: dict[str, Any]) -> bool:
        if not known["verdict"]:
            return False
        self._done(one, known["verdict"], known["reason"])
        return True

    def _send(self, one: Packed, url: str, offset: int) -> None:
        """The rest of one file, over as many connections as it takes. Raises NotNow, NotAllowed."""
        headers = {**TUS, "Content-Type": BYTES, "Upload-Offset": str(offset), "Content-Length": str(one.length - offset)}
        answer = self._call("PATCH", url, headers=headers, content=_rest(one.path, offset), ok=(409, 422))
        if verdict := answer.headers.get("Upload-Verdict"):
            self._done(one, verdict, answer.headers.get("Upload-Reason", ""))
            return
        if answer.status_code == 422:  # not what was announced: packed anew, in case the packed file was hurt here
            one.path.with_suffix(".gz").unlink(missing_ok=True)
        raise NotNow(str(answer.status_code))  # it goes on elsewhere, or anew: asked again in a moment

    def _done(self, one: Packed, verdict: str, reason: str) -> None:
        one.path.with_suffix(".gz").unlink(missing_ok=True)
        self.queue.answered(one.entry.sha256, verdict, reason, taken=verdict in TAKEN)

    def _call(self, method: str, url: str, ok: tuple[int, ...] = (), **more: Any) -> httpx2.Response:
        try:
            answer = self._client.request(method, url, **more)
        except httpx2.TransportError as error:
            raise NotNow(type(error).__name__) from None
        if answer.status_code in (401, 403):
            raise NotAllowed()
        if not answer.is_success and answer.status_code not in ok:
            log.warning("not_now", status=answer.status_code)
            raise NotNow(str(answer.status_code))
        return answer


def _described(one: Packed) -> dict[str, Any]:
    entry = one.entry
    facts = {"name": entry.name, "sha256": entry.sha256, "size": entry.size, "encoding": one.encoding, "length": one.length}
    uids = {"study_uid": entry.study_uid, "series_uid": entry.series_uid, "sop_uid": entry.sop_uid}
    return facts | uids | {"modality": entry.modality, "description": entry.description, "series_number": entry.series_number}


def _rest(path: Path, offset: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        while piece := file.read(PIECE):
            yield piece
