"""What may be refused around a referral."""

from telehealth.core.errors import Conflict, Invalid


class AlreadyClaimed(Conflict):
    """facts: held_by, since."""

    code = "already-claimed"
    title = "Somebody else is reading this"


class NotYourClaim(Conflict):
    code = "not-your-claim"
    title = "You do not hold this question any more"


class StatNeedsMore(Invalid):
    code = "stat-needs-more"
    title = "STAT needs a reason and a phone number that is answered"


class QuestionMissing(Invalid):
    code = "question-missing"
    title = "Please write the question first"


class ConsentMissing(Invalid):
    code = "consent-missing"
    title = "The patient's consent to a second opinion is needed"


class WordsMissing(Invalid):
    code = "words-missing"
    title = "Please say why, in a few words"


class NoReadingUnit(Invalid):
    code = "no-reading-unit"
    title = "No specialist works there"


class NoSuchReader(Invalid):
    code = "no-such-reader"
    title = "This person does not read for that unit"


class WrongTransaction(Conflict):
    code = "wrong-transaction"
    title = "Somebody else holds this workitem, or it was claimed in the browser"


class AlreadyDone(Conflict):
    """facts: state; same: whether it is the state that was asked for."""

    code = "workitem-is-over"
    title = "This workitem does not allow that in its present state"


class NotSigned(Conflict):
    code = "answer-not-signed"
    title = "A question is completed by signing its answer in the reading room"


class WorkitemExists(Conflict):
    code = "workitem-exists"
    title = "A workitem with this UID is here already"
