"""Background work of uploads."""

from uuid import UUID

from celery import shared_task

from imaging.intake import parcels, service
from imaging.intake.unpack import unpack
from telehealth.core import jobs, portal
from telehealth.core.actor import SYSTEM
from telehealth.core.blobs import blobs
from telehealth.core.jobs import Job


@shared_task(name=Job.UNPACK_UPLOAD)
def unpack_upload(file_id: str) -> None:
    """Unpack one zip. Safe to repeat: each member's answer is written once."""
    portal.run_async(unpack, portal.engine(), blobs(), UUID(file_id))


@shared_task(name=Job.SWEEP_UPLOADS)
def sweep() -> None:
    """Zips whose message was lost or whose worker died; uploads that nobody goes on with."""
    portal.run_async(_sweep)


async def _sweep() -> None:
    async with portal.work() as session:
        due = await service.due_unpackings(session)
        for upload_id in await service.forgotten(session):
            await service.finish(session, SYSTEM, upload_id)
    await parcels.forget_expired(portal.engine(), blobs())
    for file_id in due:
        await jobs.send(Job.UNPACK_UPLOAD, file_id=file_id)
