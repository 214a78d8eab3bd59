"""The states of a study: from its first instance until it can be read."""

from enum import StrEnum

from telehealth.core.lifecycle import advance

__all__ = ["READABLE", "STUDY", "HeldBecause", "StudyEvent", "StudyState", "WithdrawnBecause", "advance"]


class StudyState(StrEnum):
    RECEIVING = "receiving"
    """Instances arrive; the pipeline waits for a pause or for the upload's end."""
    CHECKING = "checking"
    HELD = "held"
    """A person must decide; `held_because` says what."""
    AVAILABLE = "available"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class HeldBecause(StrEnum):
    MISMATCH = "mismatch"
    """The patient in the file is not the referral's patient."""
    UNFILED = "unfiled"
    """No referral is known for it."""
    UNREADABLE = "unreadable"
    """Nothing in it can be shown."""


class WithdrawnBecause(StrEnum):
    WRONG_PATIENT = "wrong_patient"
    WRONG_STUDY = "wrong_study"
    DUPLICATE = "duplicate"
    NOT_FOR_CARE = "not_for_care"
    """Test images, training, phantoms."""
    ASKED_BY_PATIENT = "asked_by_patient"


class StudyEvent(StrEnum):
    EXTENDED = "extended"
    """One more instance."""
    SETTLED = "settled"
    """No instance for a while, or the sender said that this was all."""
    OPENED = "opened"
    """Whose it is is sure: readable while the rest still comes."""
    PASSED = "passed"
    HELD = "held"
    ACCEPTED = "accepted"
    """A person decided that it belongs here."""
    FILED = "filed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


_S, _E = StudyState, StudyEvent
STUDY = {
    (_S.RECEIVING, _E.EXTENDED): _S.RECEIVING,
    (_S.RECEIVING, _E.SETTLED): _S.CHECKING,
    (_S.RECEIVING, _E.FILED): _S.RECEIVING,
    (_S.RECEIVING, _E.OPENED): _S.AVAILABLE,
    (_S.RECEIVING, _E.HELD): _S.HELD,
    (_S.CHECKING, _E.OPENED): _S.AVAILABLE,
    (_S.CHECKING, _E.EXTENDED): _S.CHECKING,
    (_S.CHECKING, _E.SETTLED): _S.CHECKING,
    (_S.CHECKING, _E.FILED): _S.CHECKING,
    (_S.CHECKING, _E.PASSED): _S.AVAILABLE,
    (_S.CHECKING, _E.HELD): _S.HELD,
    (_S.HELD, _E.EXTENDED): _S.HELD,
    (_S.HELD, _E.SETTLED): _S.HELD,
    (_S.HELD, _E.ACCEPTED): _S.CHECKING,
    (_S.HELD, _E.FILED): _S.CHECKING,  # the identity check comes again, for the person it is filed under now
    (_S.HELD, _E.REJECTED): _S.REJECTED,
    (_S.AVAILABLE, _E.EXTENDED): _S.AVAILABLE,  # it stays readable while what is new is checked
    (_S.AVAILABLE, _E.SETTLED): _S.AVAILABLE,
    (_S.AVAILABLE, _E.PASSED): _S.AVAILABLE,
    (_S.AVAILABLE, _E.HELD): _S.HELD,  # what is new belongs to somebody else
    (_S.AVAILABLE, _E.WITHDRAWN): _S.WITHDRAWN,
    (_S.RECEIVING, _E.WITHDRAWN): _S.WITHDRAWN,
    (_S.CHECKING, _E.WITHDRAWN): _S.WITHDRAWN,
    (_S.HELD, _E.WITHDRAWN): _S.WITHDRAWN,
}
"""(where it is, what happens): where it goes. Nothing leads out of rejected and withdrawn."""

READABLE = (StudyState.AVAILABLE,)
"""While so, readers may open it."""
