"""What a report says, as it crosses the wire."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

SECTION = 20_000
"""Letters in one section."""


class ReportText(BaseModel):
    """The sections that a reader writes."""

    model_config = ConfigDict(extra="forbid", strict=True)

    findings: str = Field("", max_length=SECTION, examples=["Ổ tăng tỉ trọng ở thuỳ trán phải, kích thước 24 × 18 mm."])
    impression: str = Field("", max_length=SECTION, examples=["Xuất huyết trong nhu mô não thuỳ trán phải."])
    recommendation: str = Field("", max_length=SECTION, examples=["Chuyển tuyến, hội chẩn ngoại thần kinh."])
    critical: bool = False


class SignedContext(BaseModel):
    """What the question brings into the signed content; the caller knows it, reports do not."""

    referral_code: str
    question: str
    history: str
    priority: str
    clinic: str
    reading_unit: str
    zone: str
    facts: dict[str, Any] = {}
