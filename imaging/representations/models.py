"""Other forms of an instance beside the untouched original: made later, thrown away and made again without loss."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, UniqueConstraint
from sqlmodel import Field, SQLModel

from telehealth.core import clock
from telehealth.core.db import UtcDateTime, one_of
from telehealth.core.ids import new_id


class Form(StrEnum):
    HTJ2K = "htj2k"
    """Every frame as HTJ2K RPCL, one behind the other."""
    CINE = "cine"
    """All frames as one H.264 film in mp4, for people to look at; never for measuring."""


class Representation(SQLModel, table=True):
    """One form of one instance, or the reason why there is none."""

    __table_args__ = (one_of("form", Form), UniqueConstraint("instance_id", "form"))

    id: UUID = Field(default_factory=new_id, primary_key=True)
    instance_id: UUID = Field(foreign_key="instance.id", ondelete="CASCADE")
    form: str
    blob_key: str = ""
    size: int = Field(default=0, sa_type=BigInteger)
    sha256: str = ""
    levels: int = 0
    """Ends per frame in `level_table`."""
    level_table: bytes | None = None
    """For each frame: where it begins in the blob, then where each of its levels ends there, coarsest first; unsigned
    64 bit little endian. The last end is two bytes (EOC) before the frame's own end."""
    not_offered: str = ""
    """Why this form cannot be had; empty where it can."""
    made_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
