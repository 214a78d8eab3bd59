"""Background work: file studies that came alone, call the next person, make the documents of signed reports."""

from uuid import UUID

from celery import shared_task

from imaging.reports import documents
from telehealth.core import portal
from telehealth.core.blobs import blobs
from telehealth.core.errors import Unavailable
from telehealth.core.jobs import Job
from telehealth.referrals import service


@shared_task(name=Job.FILE_STUDY, autoretry_for=(Unavailable,), retry_backoff=True)
def file_study(study_id: str) -> None:
    """Safe to repeat: a linked study stays linked."""
    portal.run(service.file_study, UUID(study_id))


@shared_task(name=Job.ESCALATE_REFERRALS)
def escalate_referrals() -> None:
    """Give abandoned claims back, call the next person for unread answers, ask for documents that were missed."""
    portal.run(service.return_abandoned)
    portal.run(service.escalate)
    portal.run(documents.ask_for_missing)


@shared_task(name=Job.RENDER_REPORT, autoretry_for=(Unavailable,), retry_backoff=True)
def render_report(version_id: str) -> None:
    """PDF and DICOM SR of a signed version. Safe to repeat: each document is one row."""
    portal.run_async(documents.render, portal.engine(), blobs(), UUID(version_id))
