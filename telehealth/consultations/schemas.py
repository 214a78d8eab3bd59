"""What crosses the wire about visits."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from telehealth.consultations.lifecycle import VisitState
from telehealth.consultations.outcome import Cause, VisitOutcome


class IceServer(BaseModel):
    """RTCIceServer (W3C WebRTC, 4.2.2)."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class VisitOut(BaseModel):
    """state: where the call is. outcome and cause: once it has ended."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "appointment_id": "0197a3c4-5e00-7000-8000-000000000001",
                    "role": "patient",
                    "peer_name": "Lê Quang Minh",
                    "start_at": "2026-11-24T02:25:00Z",
                    "end_at": "2026-11-24T02:45:00Z",
                    "zone": "Asia/Ho_Chi_Minh",
                    "opens_at": "2026-11-24T01:55:00Z",
                    "closes_at": "2026-11-24T03:15:00Z",
                    "state": "scheduled",
                    "outcome": None,
                    "cause": None,
                }
            ]
        }
    )

    appointment_id: UUID
    role: Literal["host", "patient"]
    """The reader's own side."""
    peer_name: str
    start_at: datetime
    end_at: datetime
    zone: str
    opens_at: datetime
    closes_at: datetime
    state: VisitState
    outcome: VisitOutcome | None
    cause: Cause | None


class JoinOut(BaseModel):
    """How a page reaches the room: a ticket for one use in the next ten minutes, said in the socket's first message."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ticket": "eyJhbGciOiJFZDI1NTE5Iiwi…",
                    "url": "/ws/calls",
                    "ice_servers": [{"urls": ["turn:turn.example.vn:3478"], "username": "1790000000:0197…", "credential": "…"}],
                    "role": "patient",
                    "peer_name": "Lê Quang Minh",
                }
            ]
        }
    )

    ticket: str
    url: str
    ice_servers: list[IceServer]
    role: Literal["host", "patient"]
    peer_name: str


class EndIn(BaseModel):
    """outcome: what the specialist states; without one it follows from presence."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"outcome": "technical"}, {}]})

    outcome: VisitOutcome | None = None
