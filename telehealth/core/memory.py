"""A long-lived process gives memory back: glibc keeps what threads and large bodies once needed, unless it is told."""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
ARENAS = 2
LARGE_BYTES = 1024**2
"""Blocks from this size on are the kernel's again as soon as they are free; a CT frame stays below and is reused."""
SPARE_BYTES = 8 * 1024**2


def be_frugal() -> None:
    """Nothing happens on another C library."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for option, value in ((M_ARENA_MAX, ARENAS), (M_MMAP_THRESHOLD, LARGE_BYTES), (M_TRIM_THRESHOLD, SPARE_BYTES)):
        mallopt(option, value)
