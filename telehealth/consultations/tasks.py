"""Visits after their rooms: outcomes, and what fell silent."""

from uuid import UUID

from celery import shared_task

from signaling.statistics import service as statistics
from telehealth.consultations import service
from telehealth.core import portal
from telehealth.core.jobs import Job


@shared_task(name=Job.CALL_ENDED)
def call_ended(room: str) -> None:
    portal.run(service.call_ended, UUID(room))


@shared_task(name=Job.SWEEP_VISITS)
def sweep_visits() -> None:
    portal.run(service.sweep)
    portal.run(statistics.forget)
