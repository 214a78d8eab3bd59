"""The province's telehealth service: people, calendar, questions, visits, pages."""

__version__ = "0.1.0"
