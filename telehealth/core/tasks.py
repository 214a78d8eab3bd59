"""Background work of the ground itself."""

from celery import shared_task
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import audit, portal
from telehealth.core.jobs import Job
from telehealth.core.settings import settings

ANCHORS = "audit-anchors.log"


@shared_task(name=Job.ANCHOR_AUDIT)
def anchor_audit() -> None:
    """Write the head of the audit chain to a file outside the database."""
    seq, digest = portal.run(_head)
    if seq:
        audit.append_anchor(settings().data / ANCHORS, seq, digest)


async def _head(session: AsyncSession) -> tuple[int, str]:
    return await audit.head(session)
