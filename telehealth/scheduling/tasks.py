"""Background work of the calendar."""

from celery import shared_task
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import portal
from telehealth.core.jobs import Job
from telehealth.notifications.models import Notice, NoticeState
from telehealth.notifications.service import void
from telehealth.scheduling.lifecycle import LIVE
from telehealth.scheduling.models import Appointment


@shared_task(name=Job.REMIND)
def remind() -> None:
    """Reminders of visits that no longer take place are never sent, whatever path ended the visit."""
    portal.run(void_untrue)


async def void_untrue(session: AsyncSession) -> int:
    """Void the waiting reminders of appointments that are not live. Returns how many."""
    dead = (
        select(Notice.subject_id)
        .join(Appointment, col(Appointment.id) == col(Notice.subject_id))
        .where(
            Notice.template == "appointment_reminder",
            Notice.state == NoticeState.QUEUED,
            col(Appointment.status).not_in(LIVE),
        )
    )
    subjects = set((await session.exec(dead)).all())
    return sum([await void(session, subject, ["appointment_reminder"]) for subject in subjects if subject])
