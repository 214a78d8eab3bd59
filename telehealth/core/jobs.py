"""Background work: names here, code in each folder's tasks.py, so that nobody imports a task.

The row knows what is due, the queue only says when to look: a message carries ids only, a lost one is repaired
by a sweep, a doubled one finds nothing to do. So a dead broker never fails a request.
"""

import asyncio
from enum import StrEnum
from functools import cache
from typing import Any
from uuid import UUID

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core.settings import settings

log = structlog.get_logger()


class Job(StrEnum):
    """Every background job; `tests/house` proves that each is registered with the worker."""

    SEND_CODE = "notifications.send_code"
    DELIVER_NOTICE = "notifications.deliver"
    SWEEP_NOTICES = "notifications.sweep"
    PROCESS_STUDY = "pipeline.process_study"
    SWEEP_STUDIES = "pipeline.sweep"
    REPRESENT_STUDY = "representations.make"
    SWEEP_REPRESENTATIONS = "representations.sweep"
    VERIFY_OBJECTS = "store.verify_objects"
    UNPACK_UPLOAD = "intake.unpack"
    SWEEP_UPLOADS = "intake.sweep"
    FILE_STUDY = "referrals.file_study"
    ESCALATE_REFERRALS = "referrals.escalate"
    RENDER_REPORT = "referrals.render_report"
    REMIND = "scheduling.remind"
    CALL_ENDED = "consultations.call_ended"
    SWEEP_VISITS = "consultations.sweep"
    ANCHOR_AUDIT = "audit.anchor"


SLOW = "slow"
"""The queue of work that nobody waits for: `telehealth encoder` alone reads it, so it never delays anything."""
ON_SLOW = (Job.REPRESENT_STUDY, Job.SWEEP_REPRESENTATIONS, Job.VERIFY_OBJECTS)


def queue_of(job: Job) -> str:
    return SLOW if job in ON_SLOW else "celery"


def enqueue(session: AsyncSession, job: Job, **ids: UUID | str | int) -> None:
    """Ask for a job once this session's work is committed; forgotten if it is rolled back."""
    session.info.setdefault("jobs", []).append((job, {name: str(value) for name, value in ids.items()}))


async def send_enqueued(session: AsyncSession) -> None:
    waiting, session.info["jobs"] = session.info.get("jobs", []), []
    for job, ids in dict.fromkeys((job, tuple(ids.items())) for job, ids in waiting):
        await send(job, **dict(ids))


async def send(job: Job, **ids: UUID | str | int) -> None:
    """Put a message on the queue now. A broker that is away is logged: the sweep will find the row."""
    try:
        await asyncio.to_thread(_send, job, {name: str(value) for name, value in ids.items()})
    except (OperationalError, OSError) as error:
        log.warning("job_not_sent", job=job.value, reason=type(error).__name__)


def _send(job: Job, ids: dict[str, Any]) -> None:
    app().send_task(job.value, kwargs=ids, retry=False, ignore_result=True)


@cache
def app() -> Celery:
    """The Celery application: queue settings only. `telehealth.worker` adds the tasks and the timetable."""
    celery = Celery("telehealth", broker=settings().broker_url, set_as_current=True)
    is_redis = settings().broker_url.startswith("redis")
    redis_options = {
        # longer than the longest task; a killed worker's message comes back after this at the latest,
        # and much sooner through the sweep
        "visibility_timeout": 900,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 2,
        "socket_timeout": 5,
    }
    celery.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_ignore_result=True,
        task_time_limit=600,
        task_routes={job.value: {"queue": SLOW} for job in ON_SLOW},
        task_serializer="json",
        accept_content=["json"],
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=2,
        broker_transport_options=redis_options if is_redis else {"confirm_publish": True},
        task_default_queue_type="classic" if is_redis else "quorum",  # RabbitMQ: replicated, and kept through a restart
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        timezone="UTC",
    )
    return celery
