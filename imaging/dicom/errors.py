"""What the rules about pixels and measures raise."""

from telehealth.core.errors import Invalid


class Undecodable(Invalid):
    code = "undecodable"
    title = "The images cannot be shown"


class Uncalibrated(Invalid):
    """No number is safer than a wrong one."""

    code = "uncalibrated"
    title = "The image has no spacing in millimetres, so that lengths cannot be measured"
