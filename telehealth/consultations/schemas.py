"""What crosses the wire about visits."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from telehealth.consultations.lifecycle import VisitState
from telehealth.consultations.outcome import Cause, VisitOutcome


def _line(text: str) -> str:
    """One line without signs that no name has."""
    if not text.strip() or not text.isprintable():
        raise ValueError("a name is needed, in one line")
    return text.strip()


Name = Annotated[str, Field(max_length=100), AfterValidator(_line)]


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
    role: Literal["host", "colleague", "patient", "guest"]
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
    role: Literal["host", "colleague", "patient", "guest"]
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


class LinkIn(BaseModel):
    """Somebody without an account, by a one-time link."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"role": "relative", "name": "Nguyễn Văn Nam"}]})

    role: Literal["relative", "interpreter", "guest"]
    name: Name


class ColleagueIn(BaseModel):
    """A doctor with an account."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"account": "0197a3c4-5e00-7000-8000-000000000002"}]}
    )

    account: UUID


class InvitationOut(BaseModel):
    """link: only in the answer to its making."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0197a3c4-5e00-7000-8000-000000000003",
                    "role": "relative",
                    "name": "Nguyễn Văn Nam",
                    "expires_at": "2026-11-24T03:15:00Z",
                    "used": False,
                    "link": "https://telehealth.example.vn/guests/0197…#Zk3…",
                }
            ]
        }
    )

    id: UUID
    role: str
    name: str
    expires_at: datetime
    used: bool
    link: str | None = None


class GuestIn(BaseModel):
    """The part of a link after #."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"secret": "Zk3vX…"}]})

    secret: str = Field(min_length=16, max_length=64)


class HelpOut(BaseModel):
    """What is read out to 115."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "number": "115",
                    "patient_name": "Nguyễn Thị Hoà",
                    "address": "Thôn Đông, xã Tân Yên, Bắc Ninh",
                    "phone": "+84912345678",
                }
            ]
        }
    )

    number: str
    patient_name: str
    address: str
    phone: str
