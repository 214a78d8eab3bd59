"""What a visit refuses."""

from telehealth.core.errors import Conflict, Invalid, NotFound


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


class InvitationGone(NotFound):
    """Unknown, used, taken back and expired look the same from outside."""

    code = "invitation-gone"
    title = "This invitation is not valid any more"


class TooManyInvitations(Conflict):
    code = "too-many-invitations"
    title = "Nobody else can be invited to this visit"


class NotADoctor(Invalid):
    code = "not-a-doctor"
    title = "Only a doctor can be invited as a colleague"


class NotInvited(Conflict):
    code = "not-invited"
    title = "This colleague was not invited to the visit"
