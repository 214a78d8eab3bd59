"""Background work of representations, on the slow queue."""

from uuid import UUID

from celery import shared_task

from imaging.representations import service
from telehealth.core import jobs, portal
from telehealth.core.blobs import blobs
from telehealth.core.errors import Unavailable
from telehealth.core.jobs import Job


@shared_task(name=Job.REPRESENT_STUDY, autoretry_for=(Unavailable,), retry_backoff=True)
def represent_study(study_id: str) -> None:
    """One sitting; what is left asks for the next. Safe to repeat: each form is one row."""
    portal.run_async(_sitting, study_id)


async def _sitting(study_id: str) -> None:
    if await service.represent(portal.engine(), blobs(), UUID(study_id)):
        await jobs.send(Job.REPRESENT_STUDY, study_id=study_id)


@shared_task(name=Job.SWEEP_REPRESENTATIONS)
def sweep() -> None:
    """Studies whose message was lost, or that were here before."""
    portal.run_async(_sweep)


async def _sweep() -> None:
    async with portal.work() as session:
        due = await service.due_studies(session)
    for study_id in due:
        await jobs.send(Job.REPRESENT_STUDY, study_id=study_id)
