"""The modalities of the place of a visit find its patient on their worklist."""

from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dimse import worklist
from telehealth.scheduling.lifecycle import AppointmentStatus
from telehealth.scheduling.models import Appointment

DESCRIPTION = "Visit"


async def follow(session: AsyncSession, appointment: Appointment) -> None:
    """Keep the worklist in step with the appointment."""
    if appointment.status == AppointmentStatus.CANCELLED:
        await worklist.unschedule(session, "appointment", appointment.id)
        return
    ordered = worklist.Ordered(
        source="appointment",
        source_id=appointment.id,
        organisation_id=appointment.organisation_id,
        patient_id=appointment.patient_id,
        accession_number=f"LH{appointment.id.hex[-12:].upper()}",
        scheduled_at=appointment.start_at,
        description=DESCRIPTION,
    )
    await worklist.schedule(session, ordered)
