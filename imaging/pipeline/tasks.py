"""Background work of the pipeline: thin doors to `process` and to the sweep."""

import itertools
from uuid import UUID

from celery import shared_task

from imaging.pipeline import due
from imaging.pipeline.process import process_next
from telehealth.core import jobs, portal
from telehealth.core.blobs import blobs
from telehealth.core.jobs import Job

_turns = itertools.count()


@shared_task(name=Job.PROCESS_STUDY)
def process_study(study_id: str) -> None:
    """Do the due steps of the most urgent study, or else of this one. Safe to repeat: the rows know what is done."""
    portal.run_async(process_next, portal.engine(), blobs(), UUID(study_id), next(_turns))


@shared_task(name=Job.SWEEP_STUDIES)
def sweep() -> None:
    """Ask again for every study that has something due: repairs lost messages and dead workers."""
    portal.run_async(_sweep)


async def _sweep() -> None:
    async with portal.work() as session:
        waiting = await due.due_studies(session)
    for study_id in waiting:
        await jobs.send(Job.PROCESS_STUDY, study_id=study_id)
