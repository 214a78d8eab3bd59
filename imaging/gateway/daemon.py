"""The gateway as one process: listen, watch, forward, show; until it is told to stop or the power goes."""

import random
import threading
import time
from contextlib import ExitStack

import structlog

from imaging.gateway.config import GatewayConfig
from imaging.gateway.forwarder import Forwarder, NotAllowed, NotNow
from imaging.gateway.queue import Queue, open_queue
from imaging.gateway.receiver import listen
from imaging.gateway.status import Link, serve
from imaging.gateway.watcher import Watcher

log = structlog.get_logger()

LOOK_EVERY_S = 2.0
LONGEST_WAIT_S = 60.0


def run(config: GatewayConfig, stop: threading.Event) -> None:
    """Raises OSError where a port is taken or the folder cannot be written."""
    with ExitStack() as parts:
        queue = parts.enter_context(open_queue(config.folder))
        link = Link(since=time.time())
        if config.status_port:
            pages = serve(config, queue, link)
            parts.callback(pages.server_close)
            parts.callback(pages.shutdown)
        if config.dicom_port:
            parts.callback(listen(config, queue).shutdown)
        if config.watch:
            watching = threading.Thread(target=_watch, args=(Watcher(config.watch, queue), stop), name="watch")
            watching.start()
            parts.callback(watching.join)
        forwarder = Forwarder(config, queue)
        parts.callback(forwarder.close)
        _forward(forwarder, queue, link, stop)


def _watch(watcher: Watcher, stop: threading.Event) -> None:
    while not stop.is_set():
        watcher.look()
        stop.wait(LOOK_EVERY_S)


def _forward(forwarder: Forwarder, queue: Queue, link: Link, stop: threading.Event) -> None:
    tries = 0
    while not stop.is_set():
        queue.arrived.clear()
        try:
            sent = forwarder.forward()
            tries = 0
            if sent:
                _says(link, "fine", "")
                continue
            queue.arrived.wait(LOOK_EVERY_S)
        except NotNow as why:
            tries += 1
            _says(link, "away", str(why))
            stop.wait(wait_after(tries))
        except NotAllowed:
            tries += 1
            _says(link, "denied", "")
            stop.wait(LONGEST_WAIT_S)


def wait_after(tries: int) -> float:
    """1, 2, 4 … 60 s, never all gateways of the province at the same moment."""
    return min(2.0 ** (tries - 1), LONGEST_WAIT_S) * random.uniform(0.5, 1.0)  # noqa: S311 no secret


def _says(link: Link, state: str, why: str) -> None:
    if (link.state, link.why) != (state, why):
        log.info("link", state=state, why=why)
        link.state, link.since, link.why = state, time.time(), why
