"""What can go wrong when stored images are searched or taken away."""

from telehealth.core.errors import Conflict, Invalid


class BadSearch(Invalid):
    code = "bad-search"
    title = "The search cannot be understood"


class OnHold(Conflict):
    code = "on-hold"
    title = "These images are needed as evidence and must stay until the hold is lifted"


class ReasonForHoldMissing(Invalid):
    code = "reason-for-hold-missing"
    title = "Please say why the images must stay"
