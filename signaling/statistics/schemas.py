"""What a page reports. Names and units as in `client/src/call/statistics.ts`."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[int, Field(ge=0, le=3_600_000)]
Kbps = Annotated[float, Field(ge=0, le=1_000_000)]
Bytes = Annotated[int, Field(ge=0, le=2**50)]
Path = Literal["", "direct", "udp", "tcp", "tls"]


class SampleIn(BaseModel):
    """One look at one connection. rung: 0 is sound alone, 3 the whole picture."""

    model_config = ConfigDict(extra="forbid")

    path: Path
    rtt_ms: Annotated[int, Field(ge=0, le=600_000)] | None
    estimate_kbps: Kbps | None
    received_kbps: Kbps
    sent_kbps: Kbps
    loss_in: Share
    loss_out: Share
    frozen_ms: Milliseconds
    freezes: Annotated[int, Field(ge=0, le=100_000)]
    concealed: Share
    height_out: Annotated[int, Field(ge=0, le=10_000)]
    height_in: Annotated[int, Field(ge=0, le=10_000)]
    received_bytes: Bytes
    sent_bytes: Bytes
    rung: Annotated[int, Field(ge=0, le=3)]


class LegIn(BaseModel):
    """to: the other page's line, or publish or subscribe."""

    model_config = ConfigDict(extra="forbid")

    to: Annotated[str, Field(pattern=r"^(publish|subscribe|[0-9a-f-]{36})$")]
    samples: Annotated[list[SampleIn], Field(min_length=1, max_length=60)]


class StatisticsIn(BaseModel):
    """What one page measured since it reported last."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"line": "0197a3c4-5e00-7000-8000-000000000002", "join_ms": 640, "legs": []}],
        },
    )

    line: UUID
    join_ms: Milliseconds | None = None
    legs: Annotated[list[LegIn], Field(max_length=20)]
