"""What a notice says: one or two plain sentences in the reader's language, and nothing that a stranger should read.

A message travels over networks and lies open on lock screens: no names of patients, no findings, no specialty.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from telehealth.core.i18n import gettext, speaking


def _(text: str) -> str:
    """Marks a text for the catalogs; it is translated when it is written."""
    return text


@dataclass(frozen=True)
class Text:
    subject: str
    body: str
    """With {facts} in braces; a fact that is missing reads as an ellipsis."""


TEXTS: dict[str, Text] = {
    "sign_in_code": Text(
        _("Your sign-in code"),
        _("{secret} is your sign-in code. It is good for 10 minutes. Nobody from us will ever ask you for it."),
    ),
    "appointment_booked": Text(_("Your visit is booked"), _("Your video visit is booked for {time}.")),
    "appointment_moved": Text(_("Your visit has moved"), _("Your video visit is now on {time}.")),
    "appointment_cancelled": Text(_("Your visit is cancelled"), _("Your video visit on {time} is cancelled.")),
    "appointment_reminder": Text(
        _("Your visit is soon"), _("Your video visit begins on {time}. Please be ready some minutes before.")
    ),
    "study_available": Text(_("The images are ready"), _("The images of referral {code} are complete and can be read.")),
    "study_held": Text(
        _("Images wait for your decision"),
        _("The images of referral {code} are on hold: somebody must decide whether they belong to this patient."),
    ),
    "referral_submitted": Text(
        _("A question waits for a reader"), _("Referral {code} has arrived and should be read soon: please look at the worklist.")
    ),
    "referral_assigned": Text(_("A question is yours"), _("Referral {code} has been given to you to read.")),
    "info_given": Text(_("The clinic has answered"), _("The clinic has answered your question about referral {code}.")),
    "referral_declined": Text(
        _("Your question goes to another reader"),
        _("A reader could not take referral {code}. It is with the next one; its due time stays as it is."),
    ),
    "referral_cancelled": Text(
        _("A question was withdrawn"), _("The clinic has withdrawn referral {code}. Nothing is left to do.")
    ),
    "referral_closed": Text(
        _("You can see what became of it"), _("The clinic has closed referral {code} and tells what became of it.")
    ),
    "referral_info_requested": Text(_("The specialist asks for more"), _("The specialist has a question about referral {code}.")),
    "report_signed": Text(
        _("The report is here"), _("The report on referral {code} is signed. Please open it and acknowledge it.")
    ),
    "report_critical": Text(
        _("Urgent: a critical finding"), _("Urgent: the report on referral {code} has a critical finding. Please open it now.")
    ),
    "report_unread_escalated": Text(
        _("A report is still unread"), _("The report on referral {code} has not been acknowledged in time. Please see to it.")
    ),
    "generic": Text(_("There is something new for you"), _("There is something new for you. Please sign in to read it.")),
}


class _Facts(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "…"


@dataclass(frozen=True)
class Message:
    """Ready to leave: subject, sentence, address of the page (may be empty)."""

    subject: str
    body: str
    url: str = ""

    @property
    def text(self) -> str:
        """One string, for a text message."""
        return f"{self.body} {self.url}".strip()


def compose(template: str, language: str, facts: Mapping[str, Any], secret: str = "", url: str = "") -> Message:
    """The words of a notice. An unknown template speaks as `generic`: a message is better than none."""
    known = TEXTS.get(template, TEXTS["generic"])
    with speaking(language):
        subject, body = gettext(known.subject), gettext(known.body)
    values = _Facts({**facts, "secret": secret or "******"})
    return Message(subject.format_map(values), body.format_map(values), url)
