"""From a source file to the hashed address that the build gave it."""

import json
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"
BUILD = STATIC / "build"
MANIFEST = BUILD / ".vite" / "manifest.json"


@cache
def manifest() -> dict[str, dict[str, object]]:
    """Vite's manifest; empty where the client was not built (no Node): pages still work as plain HTML."""
    return json.loads(MANIFEST.read_text()) if MANIFEST.exists() else {}


def asset(entry: str) -> str:
    """Address of a built entry such as `src/pages/call.ts`; empty where it was not built."""
    built = manifest().get(entry)
    return f"/static/build/{built['file']}" if built else ""


def styles(entry: str) -> list[str]:
    """Addresses of the style sheets that an entry brings."""
    found = manifest().get(entry, {}).get("css", [])
    assert isinstance(found, list)
    return [f"/static/build/{path}" for path in found]
