"""The Celery application as `telehealth worker` and `telehealth beat` run it: task modules and the timetable."""

from typing import Any

from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown

from telehealth.core import jobs, log, portal, tables
from telehealth.core.jobs import Job

TASKS = (
    "telehealth.core.tasks",
    "telehealth.notifications.tasks",
    "imaging.intake.tasks",
    "imaging.store.tasks",
    "imaging.pipeline.tasks",
    "imaging.representations.tasks",
    "telehealth.scheduling.tasks",
    "telehealth.referrals.tasks",
    "telehealth.consultations.tasks",
)

TIMETABLE: dict[Job, float] = {
    Job.SWEEP_NOTICES: 10,
    Job.SWEEP_STUDIES: 5,
    Job.SWEEP_UPLOADS: 15,
    Job.SWEEP_REPRESENTATIONS: 60,
    Job.VERIFY_OBJECTS: 86_400,
    Job.REMIND: 60,
    Job.ESCALATE_REFERRALS: 60,
    Job.SWEEP_VISITS: 15,
    Job.ANCHOR_AUDIT: 3600,
}
"""Seconds between two looks at the rows that are due."""


def make_worker() -> Celery:
    tables.load()
    app = jobs.app()
    app.conf.include = TASKS
    app.conf.beat_schedule = {
        job.value: {"task": job.value, "schedule": every, "options": {"expires": every, "queue": jobs.queue_of(job)}}
        for job, every in TIMETABLE.items()
    }
    return app


@worker_process_init.connect
def _start_child(**_signal: Any) -> None:
    log.configure()


@worker_process_shutdown.connect
def _stop_child(**_signal: Any) -> None:
    portal.close()


app = make_worker()
