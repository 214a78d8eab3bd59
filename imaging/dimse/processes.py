"""`telehealth dimse`: several processes on one port, each with its own loop; the kernel shares out the callers."""

import asyncio
import multiprocessing
import signal
import socket
import ssl
from collections.abc import Iterator
from multiprocessing.process import BaseProcess

import uvloop

from imaging.dimse.server import Server, bound, tls_context
from telehealth.core import log
from telehealth.core.db import make_engine
from telehealth.core.settings import Settings

CHECK_S = 0.5


class PortTaken(Exception):
    """One line that says why."""


def check(config: Settings) -> None:
    """Raises PortTaken where somebody else listens: with SO_REUSEPORT we would share callers with a stranger."""
    for port in filter(None, (config.dimse_port, config.dimse.tls_port)):
        try:
            bound(config.host, port, shared=False).close()
        except OSError:
            raise PortTaken(f"DICOM port {port} is taken: TELEHEALTH_DIMSE__PORT=11113 (0: none)") from None


def run(config: Settings) -> None:
    """Until SIGTERM or Ctrl-C. A child that dies is replaced. Raises PortTaken."""
    check(config)
    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda got, _frame: stopping.append(got))
    children = [_start(config) for _ in range(config.dimse.processes)]
    while not stopping:
        children[0].join(CHECK_S)
        children = [child if child.is_alive() else _start(config) for child in children]
    for child in children:
        child.terminate()
    for child in children:
        child.join(10)


def _start(config: Settings) -> BaseProcess:
    """Forked, so that what is imported is in memory once; nothing here has threads or a loop yet."""
    child = multiprocessing.get_context("fork").Process(target=_main, args=(config,), daemon=True)
    child.start()
    return child


def _main(config: Settings) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log.configure()
    uvloop.run(_serve(config))


async def _serve(config: Settings) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    engine = make_engine(config.database_url)
    server = Server(engine, config.dimse)
    doors = [await server.listen(one, tls) for one, tls in _sockets(config)]
    await stop.wait()
    for door in doors:
        door.close()
    await server.close()
    await engine.dispose()


def _sockets(config: Settings) -> Iterator[tuple[socket.socket, ssl.SSLContext | None]]:
    if config.dimse_port:
        yield bound(config.host, config.dimse_port), None
    if config.dimse.tls_port:
        yield bound(config.host, config.dimse.tls_port), tls_context(config.dimse)
