"""What a visit refuses."""

from telehealth.core.errors import Conflict


class TooEarly(Conflict):
    """facts: opens_at."""

    code = "visit-not-open-yet"
    title = "The visit is not open yet"


class VisitOver(Conflict):
    """facts: outcome, where it is known."""

    code = "visit-over"
    title = "This visit is over"


class AppointmentNotLive(Conflict):
    code = "appointment-not-live"
    title = "This appointment was cancelled"
