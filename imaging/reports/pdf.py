"""A signed version as a PDF in Vietnamese, made from the signed content alone (WeasyPrint)."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from telehealth.core import i18n
from telehealth.core.settings import settings

TEMPLATES = Path(__file__).parent / "templates"
NUMBERS = {  # name in a mark -> (what it is, unit), in the order of printing
    "length_mm": ("Length", "mm"),
    "length_px": ("Length", "px"),
    "angle_deg": ("Angle", "°"),
    "area_mm2": ("Area", "mm²"),
    "area_px": ("Area", "px²"),
    "mean": ("Mean", ""),
    "std": ("Standard deviation", ""),
    "min": ("Minimum", ""),
    "max": ("Maximum", ""),
}
KINDS = {"length": "Length", "angle": "Angle", "rectangle": "Rectangle", "ellipse": "Ellipse", "arrow": "Arrow"}


@dataclass(frozen=True)
class Picture:
    """A key image: PNG as a data address, and the words below it."""

    address: str
    caption: str


@cache
def _environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, extensions=["jinja2.ext.i18n"]
    )
    env.install_gettext_callables(i18n.gettext, i18n.ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.filters |= {"day": _day, "number": _number}
    return env


def _day(iso: str) -> str:
    """1959-03-02 and 20261102 -> as people write it here."""
    if not iso:
        return ""
    return date.fromisoformat(iso).strftime("%d/%m/%Y")


def _number(value: float) -> str:
    """One decimal, with a comma: 24,0."""
    return f"{value:.1f}".replace(".", ",")


def moment(iso: str, zone: str) -> str:
    """23/11/2026 18:05 (GMT+7)."""
    at = datetime.fromisoformat(iso).astimezone(ZoneInfo(zone))
    offset = at.utcoffset()
    hours = (offset.total_seconds() if offset else 0) / 3600
    return f"{at:%d/%m/%Y %H:%M} (GMT{hours:+g})"


def findings_table(measurements: list[dict[str, Any]]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(what was drawn, label, [(number's name, value with unit)]) of marks that carry numbers."""
    table = []
    for mark in measurements:
        numbers = numbers_of(mark["measurements"])
        if numbers or mark["label"]:
            table.append((KINDS.get(mark["kind"], mark["kind"]), mark["label"], numbers))
    return table


def numbers_of(measured: dict[str, Any]) -> list[tuple[str, str]]:
    """[(name, value with unit)] in the order of `NUMBERS`; the pixel values' unit stands in `unit`."""
    unit = str(measured.get("unit") or "")
    known = [(NUMBERS[key], measured[key]) for key in NUMBERS if isinstance(measured.get(key), int | float)]
    return [(name, f"{_number(value)} {own or unit}".strip()) for (name, own), value in known]


def make_pdf(content: str, content_hash: str, pictures: list[Picture]) -> bytes:
    """A4, Vietnamese, tagged (PDF/UA). content: the signed canonical JSON."""
    facts = json.loads(content)
    with i18n.speaking("vi"):
        page = (
            _environment()
            .get_template("report.html")
            .render(
                **facts,
                content_hash=content_hash,
                pictures=pictures,
                table=findings_table(facts["measurements"]),
                signed_moment=moment(facts["signed_at"], facts["zone"]),
                province=settings().province,
            )
        )
    from weasyprint import HTML  # heavy, and needed only where a report is printed

    return bytes(HTML(string=page, base_url=str(TEMPLATES)).write_pdf(pdf_variant="pdf/ua-1"))
