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
