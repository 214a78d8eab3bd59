"""What may be refused around a mark."""

from telehealth.core.errors import Conflict, Invalid


class MarkChanged(Conflict):
    """facts: version, the newest one."""

    code = "mark-changed"
    title = "Somebody else has changed this mark; the newest version is shown"


class NotOnImage(Invalid):
    code = "not-on-image"
    title = "This frame does not belong to the image"
