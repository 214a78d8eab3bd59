"""A visit's call from the calendar to its end. Steps are read from presence, so that both sides see one truth."""

from enum import StrEnum


class VisitState(StrEnum):
    SCHEDULED = "scheduled"
    LOBBY = "lobby"
    LIVE = "live"
    INTERRUPTED = "interrupted"
    ENDED = "ended"


class VisitStep(StrEnum):
    KNOCK = "knock"
    """Somebody came, or both came and one has left again before the meeting."""
    MEET = "meet"
    """Patient and specialist are in the room together."""
    PART = "part"
    """One line is lost or one person has left; the seats are kept."""
    END = "end"


VISIT: dict[tuple[VisitState, VisitStep], VisitState] = {
    (VisitState.SCHEDULED, VisitStep.KNOCK): VisitState.LOBBY,
    (VisitState.SCHEDULED, VisitStep.MEET): VisitState.LIVE,
    (VisitState.SCHEDULED, VisitStep.END): VisitState.ENDED,
    (VisitState.LOBBY, VisitStep.MEET): VisitState.LIVE,
    (VisitState.LOBBY, VisitStep.END): VisitState.ENDED,
    (VisitState.LIVE, VisitStep.PART): VisitState.INTERRUPTED,
    (VisitState.LIVE, VisitStep.END): VisitState.ENDED,
    (VisitState.INTERRUPTED, VisitStep.MEET): VisitState.LIVE,
    (VisitState.INTERRUPTED, VisitStep.END): VisitState.ENDED,
}
