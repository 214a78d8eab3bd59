"""Codes of the house in words that people use: acts of the log, roles, kinds of places."""

from telehealth.core.i18n import gettext


def _(text: str) -> str:
    """Marks a text for the catalogs."""
    return text


ACTS = {
    "study.read": _("looked at your images"),
    "study.opened": _("looked at your images"),
    "study.listed": _("saw that there are images of you"),
    "study.ingested": _("stored images of you"),
    "study.received": _("stored images of you"),
    "study.filed": _("put images into your file"),
    "study.identity_resolved": _("decided whether images are yours"),
    "report.read": _("read your report"),
    "report.opened": _("read your report"),
    "report.drafted": _("wrote on your report"),
    "report.saved": _("wrote on your report"),
    "report.signed": _("signed your report"),
    "report.amended": _("corrected your report"),
    "report.acknowledged": _("decided what to do with your report"),
    "referral.created": _("asked a specialist about you"),
    "referral.submitted": _("asked a specialist about you"),
    "referral.read": _("read the question about you"),
    "referral.claimed": _("took over your case"),
    "referral.acknowledged": _("decided what to do with your report"),
    "patient.read": _("looked at your details"),
    "patient.found": _("found you in a search"),
    "patient.registered": _("registered you"),
    "appointment.booked": _("booked a visit for you"),
    "appointment.moved": _("moved your visit"),
    "appointment.cancelled": _("cancelled your visit"),
    "appointment.read": _("looked at your visit"),
    "visit.joined": _("joined your video visit"),
    "visit.ended": _("ended your video visit"),
}
SUBJECTS = {
    "study": _("worked with your images"),
    "report": _("worked on your report"),
    "referral": _("worked on your case"),
    "patient": _("worked with your details"),
    "appointment": _("worked on your visit"),
    "visit": _("took part in your visit"),
    "consent": _("recorded what you agreed to"),
    "annotation": _("marked something on your images"),
    "mark": _("marked something on your images"),
}
ROLES = {
    "patient": _("Patient"),
    "technician": _("Technician or nurse"),
    "referring_doctor": _("Referring doctor"),
    "specialist": _("Specialist"),
    "coordinator": _("Coordinator"),
    "administrator": _("Administrator"),
    "auditor": _("Auditor"),
}
KINDS = {
    "province": _("Province"),
    "hospital": _("Hospital"),
    "area_centre": _("Area medical centre"),
    "commune_station": _("Commune health station"),
    "reading_unit": _("Reading unit"),
    "department": _("Department"),
}
BROKEN = {
    "removed": _("removed"),
    "reordered": _("reordered"),
    "changed": _("changed"),
    "added": _("added"),
    "removed from the end": _("removed from the end"),
    "differs from the anchor kept outside the database": _("differs from the anchor kept outside the database"),
}


def role_name(role: str) -> str:
    return gettext(ROLES.get(role, role))


def kind_name(kind: str) -> str:
    return gettext(KINDS.get(kind, kind))


def said_plainly(act: str) -> str:
    """`study.read` -> looked at your images."""
    known = ACTS.get(act) or SUBJECTS.get(act.partition(".")[0]) or _("used your data")
    return gettext(known)
