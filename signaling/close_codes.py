"""Why the server closed a socket (RFC 6455, 7.4.2: 4000-4999 are ours). The page reads the number, people read words."""

from enum import IntEnum


class Close(IntEnum):
    """4400 and up follow HTTP's numbers where one fits."""

    MALFORMED = 4400
    """Not a message of the protocol, or a binary frame."""
    TICKET = 4401
    """The ticket is not ours, too old, used before, or its sign-in has ended."""
    ORIGIN = 4403
    SILENT = 4408
    """Nothing heard for too long: the line is lost, the seat is kept."""
    REPLACED = 4409
    """The same person came in elsewhere; this page must not come back by itself."""
    OVER = 4410
    """The room said goodbye: ended, denied, hung up."""
    TOO_LARGE = 4413
    FLOOD = 4429
    RESTART = 1012
    """The service restarts: come back at once."""


FINAL = frozenset({Close.REPLACED, Close.OVER})
"""After these a page stays away; after all others it fetches a new ticket and returns to its seat."""
