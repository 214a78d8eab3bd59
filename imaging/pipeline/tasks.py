"""Background work of the pipeline: thin doors to `process` and to the sweep."""

from uuid import UUID

from celery import shared_task

from imaging.pipeline import service
from imaging.pipeline.process import process
from telehealth.core import jobs, portal
from telehealth.core.blobs import blobs
from telehealth.core.jobs import Job


@shared_task(name=Job.PROCESS_STUDY)
def process_study(study_id: str) -> None:
    """Do the study's due steps. Safe to repeat: the row, not the queue, knows what is done."""
    portal.run_async(process, portal.engine(), blobs(), UUID(study_id))


@shared_task(name=Job.SWEEP_STUDIES)
def sweep() -> None:
    """Ask again for every study that has something due: repairs lost messages and dead workers."""
    portal.run_async(_sweep)


async def _sweep() -> None:
    async with portal.work() as session:
        due = await service.due_studies(session)
    for study_id in due:
        await jobs.send(Job.PROCESS_STUDY, study_id=study_id)
