"""Identifiers: sortable for rows, short and speakable for people."""

import secrets
import time
from uuid import UUID

SPOKEN = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""No 0/O, 1/I/L: read over a bad telephone line."""


def new_id() -> UUID:
    """A UUID version 7 (RFC 9562, 5.7): 48 bits of milliseconds, then random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | secrets.randbits(80)
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)


def short_code(prefix: str, length: int = 8) -> str:
    """A code that people say and type, such as HC-7KQ2-M9XA."""
    letters = "".join(secrets.choice(SPOKEN) for _ in range(length))
    return "-".join([prefix, *(letters[i : i + 4] for i in range(0, length, 4))])
