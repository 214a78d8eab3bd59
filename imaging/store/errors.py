"""What can go wrong when stored images are searched."""

from telehealth.core.errors import Invalid


class BadSearch(Invalid):
    code = "bad-search"
    title = "The search cannot be understood"
