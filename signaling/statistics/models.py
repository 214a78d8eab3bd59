"""One row for each connection of a page, and what was measured on it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from telehealth.core import clock
from telehealth.core.db import UtcDateTime
from telehealth.core.ids import new_id


class CallLeg(SQLModel, table=True):
    """A page's connection to another page or to the engine, summed up. Shares are 0..1, means are over `looks`."""

    __tablename__ = "call_leg"
    __table_args__ = (UniqueConstraint("room", "line", "to"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    room: UUID = Field(index=True)
    account_id: UUID
    line: UUID
    to: str
    """The other page's line, or publish or subscribe for the two connections to an engine."""
    began_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime, index=True)
    seen_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
    join_ms: int | None = None
    """From entering the room with somebody else inside to the first moving picture or sound of theirs."""
    looks: int = 0
    path: str = ""
    """How media travelled last: direct, or through a relay by udp, tcp, tls."""
    rtt_ms: float = 0
    loss_in: float = 0
    loss_out: float = 0
    worst_loss: float = 0
    frozen_ms: int = 0
    freezes: int = 0
    sound_only_looks: int = 0
    """Looks at which no picture was sent because the line did not carry one or somebody chose so."""
    received_bytes: int = Field(default=0, sa_type=sa.BigInteger)
    sent_bytes: int = Field(default=0, sa_type=sa.BigInteger)


class CallSamples(SQLModel, table=True):
    """What a page measured every two seconds, as it came: a few samples a row."""

    __tablename__ = "call_samples"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    leg_id: UUID = Field(foreign_key="call_leg.id", index=True)
    at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime, index=True)
    samples: list[dict[str, Any]] = Field(sa_type=sa.JSON)
