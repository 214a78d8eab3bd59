"""Codes of the house in words that people use: acts of the log, roles, kinds of places."""

from telehealth.core.i18n import gettext


def _(text: str) -> str:
    """Marks a text for the catalogs."""
    return text


ACTS = {
    "study.read": _("looked at your images"),
    "study.opened": _("looked at your images"),
    "marks.read": _("looked at your images"),
    "study.filed": _("put images into your file"),
    "study.extended": _("stored images of you"),
    "study.stored": _("stored images of you"),
    "mark.saved": _("marked something on your images"),
    "mark.removed": _("removed a mark from your images"),
    "upload.begun": _("sent images of you"),
    "upload.finished": _("sent images of you"),
    "upload.file_given_up": _("could not finish sending an image of you"),
    "referral.upload_read": _("looked at how far the sending of your images is"),
    "study.readable": _("made your images readable for the specialist"),
    "study.available": _("made your images readable for the specialist"),
    "study.held": _("kept your images back until a doctor decides"),
    "study.identity_proposed": _("said whether images are yours"),
    "study.identity_accepted": _("decided that images are yours"),
    "study.identity_rejected": _("decided that images are not yours"),
    "study.run_again": _("checked your images again"),
    "study.unparked": _("checked your images again"),
    "document.opened": _("opened a letter or photograph about you"),
    "study.classified": _("set how long your images are kept"),
    "study.copied": _("made a copy of your images without your name"),
    "study.exported": _("took a copy of your images out"),
    "study.held_for_law": _("kept your images for a legal reason"),
    "study.hold_lifted": _("ended the legal keeping of your images"),
    "study.name_repaired": _("corrected the spelling of your name on images"),
    "study.pixels_reviewed": _("looked for text on your images"),
    "study.withdrawn": _("withdrew your images"),
    "visit.emergency_called": _("called emergency help during your visit"),
    "visit.handed_over": _("handed your visit over to a colleague"),
    "report.read": _("read your report"),
    "report.draft_saved": _("wrote on your report"),
    "report.made_preliminary": _("let the clinic read your report early"),
    "report.signed": _("signed your report"),
    "report.corrected": _("corrected your report"),
    "referral.created": _("asked a specialist about you"),
    "referral.changed": _("changed the question about you"),
    "referral.submitted": _("asked a specialist about you"),
    "referral.read": _("read the question about you"),
    "referral.claimed": _("took over your case"),
    "referral.assigned": _("gave your case to a specialist"),
    "referral.released": _("gave your case back"),
    "referral.timed_out": _("gave your case back"),
    "referral.declined": _("gave your case back with a reason"),
    "referral.info_requested": _("asked your clinic for more"),
    "referral.info_given": _("answered the specialist about you"),
    "referral.answered": _("answered the question about you"),
    "referral.corrected": _("corrected your report"),
    "referral.opened": _("read your report"),
    "referral.escalated": _("called the next person because your report was not read"),
    "referral.acknowledged": _("decided what to do with your report"),
    "referral.closed": _("closed your case"),
    "referral.cancelled": _("took the question about you back"),
    "patient.read": _("looked at your details"),
    "patient.register": _("registered you"),
    "patient.take_in": _("took you in at their facility"),
    "consent.give": _("recorded what you agreed to"),
    "consent.refuse": _("recorded what you did not agree to"),
    "appointment.booked": _("booked a visit for you"),
    "appointment.moved": _("moved your visit"),
    "appointment.cancelled": _("cancelled your visit"),
    "visit.read": _("looked at your visit"),
    "visit.joined": _("joined your video visit"),
    "visit.ended": _("ended your video visit"),
}
"""Acts of the log that name a patient, as the patient reads them; a test holds the table whole."""
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
