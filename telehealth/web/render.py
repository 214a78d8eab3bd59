"""Pages: one Jinja environment with autoescape, texts in the reader's language, times in the facility's zone."""

from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time, format_timedelta
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from telehealth.core import clock, i18n
from telehealth.core.actor import Actor
from telehealth.core.names import given_name
from telehealth.core.settings import settings
from telehealth.identity.access import Action, holds
from telehealth.web.assets import asset, icons, styles

TEMPLATES = Path(__file__).parent / "templates"
NO_STORE = {"Cache-Control": "no-store"}


@cache
def environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    env.install_gettext_callables(i18n.gettext, i18n.ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.globals |= {
        "asset": asset,
        "styles": styles,
        "icons": icons,
        "now": clock.now,
        "Action": Action,
        "language": i18n.language.get,
    }
    env.filters |= {
        "day": day,
        "clock": clock_time,
        "moment": moment,
        "offset": offset,
        "ago": ago,
        "given": given_name,
        "quote": quote,
    }
    return env


def day(when: datetime | date, zone: str = "") -> str:
    """Weekday and date: thứ Hai, 24/11/2026. Of an instant: where the facility is."""
    local = when.astimezone(ZoneInfo(zone or settings().zone)).date() if isinstance(when, datetime) else when
    pattern = "EEEE, dd/MM/yyyy" if i18n.language.get() == "vi" else "EEEE, d MMMM yyyy"
    return format_date(local, pattern, locale=i18n.language.get())


def clock_time(instant: datetime, zone: str = "") -> str:
    """Hour and minute where the facility is: 09:25."""
    return format_time(instant, "HH:mm", tzinfo=ZoneInfo(zone or settings().zone), locale=i18n.language.get())


def moment(instant: datetime, zone: str = "") -> str:
    """The one way to print a full time, with its offset: 24/11/2026 09:25 (GMT+7)."""
    zone = zone or settings().zone
    return f"{instant.astimezone(ZoneInfo(zone)):%d/%m/%Y %H:%M} ({offset(instant, zone)})"


def offset(instant: datetime, zone: str) -> str:
    """The zone's distance from UTC at that instant: GMT+7, GMT+5:30."""
    away = instant.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
    minutes = int(away.total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"GMT{'+' if minutes >= 0 else '-'}{hours}" + (f":{rest:02}" if rest else "")


def ago(instant: datetime) -> str:
    """Distance from now in words: 5 phút trước, in 2 hours."""
    return format_timedelta(instant - clock.now(), add_direction=True, locale=i18n.language.get())


def render(request: Request, template: str, status: int = 200, **facts: Any) -> HTMLResponse:
    """A page for whoever asks. Every page is personal, so none is stored."""
    actor: Actor | None = getattr(request.state, "actor", None)
    body = (
        environment()
        .get_template(template)
        .render(
            request=request,
            actor=actor,
            path=request.url.path,
            config=request.app.state.settings,
            may_open=lambda action: actor is not None and holds(actor, action),
            **facts,
        )
    )
    return HTMLResponse(body, status, NO_STORE)
