"""Marks on images as they cross the wire."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from imaging.reports.models import AnnotationKind

POINTS = {
    AnnotationKind.LENGTH: 2,
    AnnotationKind.ANGLE: 3,
    AnnotationKind.RECTANGLE: 2,
    AnnotationKind.ELLIPSE: 2,
    AnnotationKind.ARROW: 2,
    AnnotationKind.KEY_IMAGE: 0,
}
"""How many points each kind has; a rectangle and an ellipse are two opposite corners of their box."""
FARTHEST = 100_000.0
Coordinate = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST, allow_inf_nan=False, strict=False)]
Point = Annotated[list[Coordinate], Field(min_length=2, max_length=2)]
Uid = Annotated[str, Field(pattern=r"^[0-9.]{1,64}$")]


class MarkIn(BaseModel):
    """One mark as drawn. Points are (column, row) in pixels, the centre of the first pixel at 0, 0."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "series_uid": "1.2.826.0.1.3680043.8.498.1",
                    "sop_uid": "1.2.826.0.1.3680043.8.498.2",
                    "frame": 1,
                    "kind": "length",
                    "points": [[120.5, 88.0], [180.25, 140.0]],
                    "label": "",
                    "expected_version": 0,
                }
            ]
        },
    )

    series_uid: Uid
    sop_uid: Uid
    frame: int = Field(1, ge=1, le=100_000, strict=True)
    kind: AnnotationKind
    points: list[Point] = Field(default=[], max_length=3)
    label: str = Field("", max_length=200, strict=True)
    expected_version: int = Field(0, ge=0, le=1_000_000, strict=True)
    """The version that the page shows; 0 for a new mark."""

    @model_validator(mode="after")
    def _as_many_points_as_its_kind(self) -> "MarkIn":
        if len(self.points) != POINTS[self.kind]:
            raise ValueError(f"a mark of kind {self.kind} has {POINTS[self.kind]} points")
        return self


class MarkOut(BaseModel):
    """The newest version of a mark. measurements: computed by the server, units in the names."""

    mark_id: UUID
    version: int
    series_uid: str
    sop_uid: str
    frame: int
    kind: AnnotationKind
    points: list[list[float]]
    points_mm: list[list[float]]
    label: str
    measurements: dict[str, Any] = Field(examples=[{"length_mm": 34.2, "calibrated": True}])
    author_name: str
    mine: bool
    at: datetime


class MarksOut(BaseModel):
    marks: list[MarkOut]
