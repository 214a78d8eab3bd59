"""A private PostgreSQL for one test run: initdb on a free port, gone afterwards."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import psycopg

UNPRIVILEGED = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []


def binaries() -> Path | None:
    """The newest installed server's folder."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_postgres() -> Iterator[str]:
    """The address of a server without a database of ours, `postgresql+psycopg://…/`."""
    folder = Path(mkdtemp(prefix="pg-", dir="/tmp"))
    bin_folder = binaries()
    assert bin_folder is not None
    if UNPRIVILEGED:
        shutil.chown(folder, "postgres", "postgres")
    data, port = folder / "data", free_port()
    subprocess.run(
        [*UNPRIVILEGED, bin_folder / "initdb", "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=folder,
    )
    settings = (
        "fsync=off",
        "full_page_writes=off",
        "synchronous_commit=off",
        "max_connections=300",
        "listen_addresses=127.0.0.1",
    )
    command = [*UNPRIVILEGED, bin_folder / "postgres", "-D", data, "-p", str(port), "-k", folder]
    for setting in settings:
        command += ["-c", setting]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    try:
        _wait_for(port)
        yield f"postgresql+psycopg://test@127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(port: int) -> None:
    """Until it takes connections: an open port may still answer that it is starting up."""
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="test", dbname="postgres").close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
