"""An appointment as its calendar event, in the reader's language."""

from telehealth.core.i18n import gettext
from telehealth.scheduling.ical import Event
from telehealth.scheduling.lifecycle import AppointmentStatus
from telehealth.scheduling.queries import Booked


def event_of(booked: Booked, address: str) -> Event:
    """No diagnosis and no reason: calendars are shared and shown on lock screens."""
    row = booked.appointment
    name = f"{booked.practitioner.title} {booked.practitioner.full_name}".strip()
    link = f"{address}/visits/{row.id}"
    return Event(
        uid=row.ics_uid,
        sequence=row.ics_sequence,
        start_at=row.start_at,
        end_at=row.end_at,
        stamp=row.updated_at,
        summary=gettext("Video visit with %(name)s") % {"name": name},
        description=gettext("Open this link at the time of your visit: %(link)s") % {"link": link},
        url=link,
        organizer=name,
        organizer_address="noreply@telehealth.invalid",
        attendee=booked.patient.full_name,
        attendee_address="patient@telehealth.invalid",
        is_cancelled=row.status == AppointmentStatus.CANCELLED,
    )
