"""A real Janus for tests, on a free port of loopback, its files in a folder of the test's own."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signaling.engines import local
from signaling.engines.engine import EngineLost
from signaling.engines.pool import Pool

SECRET = "test"


@contextmanager
def running_janus(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Its address, and its process for those who want to kill it."""
    port = local.free_port()
    local.write(folder, port, SECRET)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(local.command(folder), stdout=log, stderr=log)
    try:
        yield f"ws://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait()


async def reached(pool: Pool) -> None:
    """Until every server of the pool answers."""
    for _ in range(200):
        for host in pool.hosts.values():
            if not host.wire.open:
                try:
                    await host.wire.connect()
                except EngineLost:
                    await asyncio.sleep(0.05)
        if all(host.wire.open for host in pool.hosts.values()):
            return
    raise AssertionError("Janus does not answer")
