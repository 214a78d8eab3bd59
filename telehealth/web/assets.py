"""From a source file to the hashed address that the build gave it."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parent / "static"
BUILD = STATIC / "build"
MANIFEST = BUILD / ".vite" / "manifest.json"


@lru_cache(maxsize=1)
def _read(_written_ns: int) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(MANIFEST.read_text())
    return found


def manifest() -> dict[str, dict[str, Any]]:
    """Vite's manifest; empty where the client was not built (no Node): pages still work as plain HTML.

    Read again after a new build, so that a running server never names a file that is gone.
    """
    try:
        return _read(MANIFEST.stat().st_mtime_ns)
    except FileNotFoundError:
        return {}


def asset(entry: str) -> str:
    """Address of a built entry such as `src/pages/call.ts`; empty where it was not built."""
    built = manifest().get(entry)
    return f"/static/build/{built['file']}" if built else ""


def styles(entry: str) -> list[str]:
    """Addresses of the style sheets that an entry brings."""
    return [f"/static/build/{path}" for path in manifest().get(entry, {}).get("css", [])]


def icons() -> str:
    """Address of the sprite with every icon that the templates use; empty where it was not built."""
    return asset("src/base/icons.svg")
