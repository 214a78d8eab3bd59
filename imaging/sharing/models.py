"""Who has looked at the pictures before a copy without names may leave."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from telehealth.core import clock
from telehealth.core.db import UtcDateTime
from telehealth.core.ids import new_id


class PixelReview(SQLModel, table=True):
    """A person's word that no picture of this version shows text about the patient beyond what is blanked."""

    __tablename__ = "pixel_review"
    __table_args__ = (UniqueConstraint("study_id", "study_version"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    study_id: UUID = Field(foreign_key="study.id", ondelete="CASCADE")
    study_version: int
    account_id: UUID | None = Field(default=None, foreign_key="account.id")
    note: str
    at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
