"""Asks the child process (`child.py`) about one file at a time; outlives its death."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

PATIENCE_S = 120
LONGEST_ANSWER = 4 * 1024**2


class Decoder:
    """`async with Decoder() as decoder: await decoder.ask("check", path)`."""

    def __init__(self) -> None:
        self._child: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> "Decoder":
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._end()

    async def ask(self, do: str, path: Path, **more: Any) -> dict[str, Any]:
        """The child's answer; {"ok": False, "why": "crashed" | "too_slow"} where there was none."""
        child = await self._running()
        assert child.stdin
        assert child.stdout
        try:
            child.stdin.write(json.dumps({"do": do, "path": str(path), **more}).encode() + b"\n")
            await child.stdin.drain()
            line = await asyncio.wait_for(child.stdout.readline(), PATIENCE_S)
        except TimeoutError:
            await self._end()
            return {"ok": False, "why": "too_slow"}
        except (BrokenPipeError, ConnectionResetError):
            line = b""
        if not line:
            await self._end()
            return {"ok": False, "why": "crashed"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def _running(self) -> asyncio.subprocess.Process:
        if self._child is None:
            self._child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "ignore", "-m", "imaging.pipeline.child"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=LONGEST_ANSWER,
                env=_plain_environment(),
                cwd=Path(__file__).parents[2],
            )
        return self._child

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.stdin:
            child.stdin.close()
        try:
            await asyncio.wait_for(child.wait(), 2)
        except TimeoutError:
            child.kill()
            await child.wait()


def _plain_environment() -> dict[str, str]:
    """No settings and no secrets of ours for a process that reads foreign bytes."""
    kept = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"OMP_NUM_THREADS": "1"}
