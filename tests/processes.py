"""Whole processes for tests: started on loopback, ended by their id, their output kept for a failure's message."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2


@contextmanager
def running(command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process for as long as the block; SIGTERM, then SIGKILL after ten seconds."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **(env or {})}, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def telehealth(*arguments: str) -> list[str]:
    """The command line of our own program."""
    return [sys.executable, "-m", "telehealth.cli", *arguments]


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"ended at once:\n{log.read_text(errors='replace')[-2000:]}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"nothing on port {port}:\n{log.read_text(errors='replace')[-2000:]}")


def wait_until_ready(address: str, timeout_s: float = 60) -> dict[str, str]:
    """Until /readyz says yes; its answer."""
    deadline = time.monotonic() + timeout_s
    seen = "no answer"
    while time.monotonic() < deadline:
        try:
            answer = httpx2.get(address + "/readyz", timeout=5)
        except httpx2.TransportError:
            pass
        else:
            seen = answer.text
            if answer.status_code == 200:
                return dict(answer.json())
        time.sleep(0.2)
    raise AssertionError(f"not ready: {seen}")
