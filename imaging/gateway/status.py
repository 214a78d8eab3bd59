"""For the people at the clinic's PC: what waits, what has arrived, and a sheet to print when the line is down all day."""

import json
import threading
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from imaging.gateway.config import GatewayConfig
from imaging.gateway.queue import Queue
from imaging.intake.answers import sentence
from telehealth.core import i18n

TEMPLATES = Path(__file__).parent / "templates"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
LOCAL = ("localhost", "127.0.0.1")
"""Names under which the page answers: another site cannot point its own name here."""


@dataclass
class Link:
    """How the way to the province is: fine | away | denied, since when, and a word on why."""

    state: str = "away"
    since: float = 0.0
    why: str = ""


@cache
def _environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, extensions=["jinja2.ext.i18n"]
    )
    env.install_gettext_callables(i18n.gettext, i18n.ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.filters |= {"moment": _moment, "day": _day, "megabytes": _megabytes, "sentence": sentence}
    return env


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M %d/%m/%Y")


def _day(dicom_date: str) -> str:
    return f"{dicom_date[6:8]}/{dicom_date[4:6]}/{dicom_date[:4]}" if len(dicom_date) == 8 else dicom_date


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}".replace(".", ",")


def page(name: str, config: GatewayConfig, queue: Queue, link: Link) -> str:
    """`status.html` or `sheet.html`, in the clinic's language."""
    facts: dict[str, Any] = {
        "config": config,
        "link": link,
        "counts": queue.counts(),
        "studies": queue.studies(unfinished=name == "sheet.html"),
        "refused": queue.refused(),
        "now": datetime.now().astimezone().timestamp(),
        "language": config.language,
    }
    with i18n.speaking(config.language):
        return _environment().get_template(name).render(facts)


def serve(config: GatewayConfig, queue: Queue, link: Link) -> ThreadingHTTPServer:
    """Answer on this machine only, in a thread of its own; `shutdown()` ends it. Raises OSError."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Host", "").partition(":")[0] not in LOCAL:
                self._answer(421, "text/plain", b"")
            elif self.path in ("/", "/sheet"):
                name = "sheet.html" if self.path == "/sheet" else "status.html"
                self._answer(200, "text/html; charset=utf-8", page(name, config, queue, link).encode())
            elif self.path == "/page.css":
                self._answer(200, "text/css", (TEMPLATES / "page.css").read_bytes())
            elif self.path == "/status.json":
                facts = {"link": asdict(link), "counts": queue.counts()}
                self._answer(200, "application/json", json.dumps(facts).encode())
            else:
                self._answer(404, "text/plain", b"")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **HEADERS}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads who looked."""

    server = ThreadingHTTPServer(("127.0.0.1", config.status_port), Pages)
    threading.Thread(target=server.serve_forever, name="status", daemon=True).start()
    return server
