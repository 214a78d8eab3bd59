"""What may be refused around the checks of a study."""

from telehealth.core.errors import Conflict, Invalid


class NotHeld(Conflict):
    code = "not-held"
    title = "This study does not wait for a decision"


class FiledElsewhere(Conflict):
    code = "filed-elsewhere"
    title = "This study already belongs to another question"


class ReasonMissing(Invalid):
    code = "reason-missing"
    title = "Please say why, in a few words"


class NoSuchSpelling(Conflict):
    code = "no-such-spelling"
    title = "The name of this study is not proposed in that spelling (any more)"
