"""States of an appointment: FHIR codes, and the one table that says what may follow. Source: PRODUCT 5.2."""

from enum import StrEnum


class AppointmentStatus(StrEnum):
    """FHIR AppointmentStatus."""

    BOOKED = "booked"
    ARRIVED = "arrived"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    NOSHOW = "noshow"
    ENTERED_IN_ERROR = "entered-in-error"


LIVE = (AppointmentStatus.BOOKED, AppointmentStatus.ARRIVED)
"""The states that hold a time."""


class Event(StrEnum):
    MOVE = "move"
    CANCEL = "cancel"
    ARRIVE = "arrive"
    FULFIL = "fulfil"
    MISS = "miss"
    FALL_THROUGH = "fall_through"
    """It did not take place, and nobody of the patient's side is to blame."""
    UNDO_MISS = "undo_miss"
    """A no-show was a mistake; possible for a day."""
    MARK_ERROR = "mark_error"


S = AppointmentStatus

APPOINTMENT: dict[tuple[S, Event], S] = {
    (S.BOOKED, Event.MOVE): S.BOOKED,
    (S.BOOKED, Event.CANCEL): S.CANCELLED,
    (S.BOOKED, Event.ARRIVE): S.ARRIVED,
    (S.ARRIVED, Event.ARRIVE): S.ARRIVED,  # left the waiting room and came back
    (S.ARRIVED, Event.FULFIL): S.FULFILLED,
    (S.BOOKED, Event.MISS): S.NOSHOW,
    (S.ARRIVED, Event.MISS): S.NOSHOW,
    (S.BOOKED, Event.FALL_THROUGH): S.CANCELLED,
    (S.ARRIVED, Event.FALL_THROUGH): S.CANCELLED,
    (S.NOSHOW, Event.UNDO_MISS): S.BOOKED,
    **{(state, Event.MARK_ERROR): S.ENTERED_IN_ERROR for state in S if state is not S.ENTERED_IN_ERROR},
}
