"""The five kinds of refusal. Every folder names its own; three doors translate them.

HTTP and pages: `core/problems.py`; DIMSE: `imaging/dimse/status.py`; WebSocket: `signaling/close_codes.py`.
"""

from typing import Any, ClassVar


class DomainError(Exception):
    """Something the caller can understand and act on.

    code: stable name, the tail of the problem's type URI.
    title: one English sentence without data, translated at the door.
    facts: data for the caller, never patient data.
    """

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "The request could not be carried out"
    keeps_work: bool = False
    """Set on an instance where the work so far must be committed although the caller is refused: a counted attempt."""

    def __init__(self, detail: str = "", **facts: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.facts = facts


class NotFound(DomainError):
    code = "not-found"
    title = "There is nothing here, or it is not for you"


class Forbidden(DomainError):
    code = "forbidden"
    title = "Your role does not allow this"


class Conflict(DomainError):
    code = "conflict"
    title = "This has changed in the meantime"


class Invalid(DomainError):
    code = "invalid"
    title = "Something in the request is not right"


class Unavailable(DomainError):
    code = "unavailable"
    title = "A part of the service does not answer right now"


class SignInNeeded(DomainError):
    """No or no longer valid credentials: 401, and a page sends the reader to the sign-in."""

    code = "sign-in-needed"
    title = "Please sign in"


class TooMany(DomainError):
    """Too many attempts: 429. facts: retry_after_s."""

    code = "too-many-attempts"
    title = "Too many attempts; please wait a little"


class TooLarge(DomainError):
    """More than a documented limit: 413."""

    code = "too-large"
    title = "This is larger than the limit"
