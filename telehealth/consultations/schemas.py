"""What crosses the wire about visits."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

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
                    "relay_only": False,
                    "role": "patient",
                    "peer_name": "Lê Quang Minh",
                }
            ]
        }
    )

    ticket: str
    url: str
    ice_servers: list[IceServer]
    relay_only: bool
    """Use no other way than the relay: a policy of the facility."""
    role: Literal["host", "patient"]
    peer_name: str


class LineCheckIn(BaseModel):
    """The offer of a connection for the check before a visit."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"sdp": "v=0\r\n…"}]})

    sdp: Annotated[str, Field(max_length=48 * 1024)]


class LineCheckOut(BaseModel):
    """The echo's answer."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"sdp": "v=0\r\n…"}]})

    sdp: str


class IceServersOut(BaseModel):
    """Ways to try in the check before a visit."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ice_servers": []}]})

    ice_servers: list[IceServer]


class EndIn(BaseModel):
    """outcome: what the specialist states; without one it follows from presence."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"outcome": "technical"}, {}]})

    outcome: VisitOutcome | None = None
