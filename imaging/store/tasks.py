"""Background work of the store."""

from celery import shared_task

from imaging.store import integrity
from telehealth.core import jobs, portal
from telehealth.core.blobs import blobs
from telehealth.core.jobs import Job


@shared_task(name=Job.VERIFY_OBJECTS)
def verify_objects() -> None:
    """One sitting of the walk over everything that is stored; what is left asks for the next."""
    portal.run_async(_sitting)


async def _sitting() -> None:
    async with portal.work() as session:
        walk = await integrity.begin(session)
    if not await integrity.go_on(portal.engine(), blobs(), walk.id):
        await jobs.send(Job.VERIFY_OBJECTS)
