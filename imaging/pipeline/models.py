"""What is due for a study, what was done, what failed."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from telehealth.core import clock
from telehealth.core.db import UtcDateTime, one_of
from telehealth.core.ids import new_id


class RunState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """Will be tried again at `due_at`."""
    PARKED = "parked"
    """Failed too often: a person must look."""


class StepRun(SQLModel, table=True):
    """One step for one version of a study: the unique row is what makes its effect happen once."""

    __tablename__ = "step_run"
    __table_args__ = (one_of("state", RunState), UniqueConstraint("study_id", "study_version", "step"))

    id: UUID = Field(default_factory=new_id, primary_key=True)
    study_id: UUID = Field(foreign_key="study.id", index=True)
    study_version: int
    step: str
    state: str = RunState.RUNNING
    attempts: int = 1
    owner: str = ""
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    started_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    message: str = ""
    facts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
