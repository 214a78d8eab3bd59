"""What the people of an appointment are told, and when. Reminders are planned rows, void as soon as they are untrue."""

from datetime import timedelta

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import clock
from telehealth.identity.models import Account, Proxy
from telehealth.notifications.models import Channel
from telehealth.notifications.service import notify, void
from telehealth.scheduling.models import Appointment

BEFORE = (timedelta(hours=24), timedelta(minutes=15))


async def booked(session: AsyncSession, appointment: Appointment) -> None:
    await _tell(session, appointment, "appointment_booked")
    await _plan(session, appointment)


async def moved(session: AsyncSession, appointment: Appointment) -> None:
    await void(session, appointment.id, ["appointment_reminder"])
    await _tell(session, appointment, "appointment_moved")
    await _plan(session, appointment)


async def cancelled(session: AsyncSession, appointment: Appointment) -> None:
    await void(session, appointment.id, ["appointment_reminder"])
    await _tell(session, appointment, "appointment_cancelled")


async def _plan(session: AsyncSession, appointment: Appointment) -> None:
    for before in BEFORE:
        if appointment.start_at - before > clock.now():
            await _tell(session, appointment, "appointment_reminder", before)


async def _tell(session: AsyncSession, appointment: Appointment, template: str, before: timedelta | None = None) -> None:
    """By text message to every phone that acts for the patient; once for each version of the appointment."""
    local = clock.in_zone(appointment.zone, appointment.start_at)
    phones = await session.exec(
        select(Account).join(Proxy).where(Proxy.patient_id == appointment.patient_id, Account.phone != None)  # noqa: E711
    )
    for account in phones:
        await notify(
            session,
            template=template,
            channel=Channel.SMS,
            address=account.phone or "",
            account_id=account.id,
            language=account.language,
            facts={"time": f"{local:%H:%M %d/%m/%Y} (GMT{local:%z})"},
            link=f"/visits/{appointment.id}",
            subject_id=appointment.id,
            due_at=appointment.start_at - before if before else None,
            dedupe_key=f"{template}:{appointment.id}:{appointment.ics_sequence}:{account.id}:{before or ''}",
        )
