"""The states of a referral: from a clinic's question until its answer was read and acted on."""

from enum import StrEnum

from telehealth.core.lifecycle import advance

__all__ = ["IN_WORK", "OPEN_FOR_READING", "REFERRAL", "ReferralStatus", "Step", "advance"]


class ReferralStatus(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    ASSIGNED = "assigned"
    """A reader holds it."""
    INFO_REQUESTED = "info_requested"
    """The reader asked back: the clinic's turn, the clock stands."""
    ANSWERED = "answered"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Step(StrEnum):
    """What happens to a referral; also the names in its history."""

    CREATED = "created"
    CHANGED = "changed"
    SUBMITTED = "submitted"
    CLAIMED = "claimed"
    ASSIGNED = "assigned"
    RELEASED = "released"
    TIMED_OUT = "timed_out"
    DECLINED = "declined"
    INFO_REQUESTED = "info_requested"
    INFO_GIVEN = "info_given"
    ANSWERED = "answered"
    CORRECTED = "corrected"
    OPENED = "opened"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"
    CANCELLED = "cancelled"


_S = ReferralStatus
REFERRAL = {
    (_S.DRAFT, Step.SUBMITTED): _S.SUBMITTED,
    (_S.DRAFT, Step.CHANGED): _S.DRAFT,
    (_S.DRAFT, Step.CANCELLED): _S.CANCELLED,
    (_S.SUBMITTED, Step.CLAIMED): _S.ASSIGNED,
    (_S.SUBMITTED, Step.ASSIGNED): _S.ASSIGNED,
    (_S.SUBMITTED, Step.CANCELLED): _S.CANCELLED,
    (_S.ASSIGNED, Step.ASSIGNED): _S.ASSIGNED,  # the reader fell ill: a successor, the draft is kept
    (_S.ASSIGNED, Step.RELEASED): _S.SUBMITTED,
    (_S.ASSIGNED, Step.TIMED_OUT): _S.SUBMITTED,
    (_S.ASSIGNED, Step.DECLINED): _S.SUBMITTED,
    (_S.ASSIGNED, Step.INFO_REQUESTED): _S.INFO_REQUESTED,
    (_S.ASSIGNED, Step.ANSWERED): _S.ANSWERED,
    (_S.ASSIGNED, Step.CANCELLED): _S.CANCELLED,
    (_S.INFO_REQUESTED, Step.INFO_GIVEN): _S.ASSIGNED,
    (_S.INFO_REQUESTED, Step.CANCELLED): _S.CANCELLED,
    (_S.ANSWERED, Step.OPENED): _S.ANSWERED,
    (_S.ANSWERED, Step.ESCALATED): _S.ANSWERED,
    (_S.ANSWERED, Step.CORRECTED): _S.ANSWERED,
    (_S.ANSWERED, Step.ACKNOWLEDGED): _S.ACKNOWLEDGED,
    (_S.ACKNOWLEDGED, Step.CORRECTED): _S.ANSWERED,  # a corrected answer must be read again
    (_S.ACKNOWLEDGED, Step.CLOSED): _S.CLOSED,
    (_S.CLOSED, Step.CORRECTED): _S.ANSWERED,
}
"""(where it is, what happens): where it goes. Nobody closes a referral by silence: only an acknowledged one closes."""

IN_WORK = (_S.SUBMITTED, _S.ASSIGNED, _S.INFO_REQUESTED)
OPEN_FOR_READING = IN_WORK
"""While so, specialists of the reading unit may see question and images."""
