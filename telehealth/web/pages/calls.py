"""The coordinator's page about calls: figures by cause and by trouble, each opening its calls."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from telehealth.consultations.calls import TROUBLES, calls_of_late
from telehealth.core.i18n import gettext as _
from telehealth.identity.deps import CurrentActor, Work
from telehealth.web.pages.visit import cause_text, outcome_texts
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)


@router.get("/operations/calls")
async def calls(request: Request, actor: CurrentActor, session: Work, cause: str = "", trouble: str = "") -> HTMLResponse:
    """The calls of the last thirty days; a figure shows only its own."""
    found = await calls_of_late(session, actor)
    cause = cause if cause in found.causes else ""
    trouble = trouble if trouble in TROUBLES else ""
    shown = [call for call in found.calls if (not cause or call.cause == cause) and (not trouble or trouble in call.troubles)]
    return render(
        request,
        "calls/calls.html",
        found=found,
        shown=shown,
        cause=cause,
        trouble=trouble,
        cause_text=cause_text,
        outcomes=outcome_texts(),
        troubles=trouble_texts(),
        paths=path_texts(),
    )


def trouble_texts() -> dict[str, tuple[str, str]]:
    """A figure's name, and how it is counted."""
    return {
        "slow_join": (_("Slow to connect"), _("more than 5 s until the first sound or picture")),
        "loss": (_("Much lost"), _("more than 5 % of the packets on one connection")),
        "frozen": (_("Frozen picture"), _("more than 3 % of the time")),
        "sound_only": (_("Sound only for a time"), _("the line was too weak, or somebody chose so")),
        "relayed": (_("Through the relay"), _("the direct way was closed")),
        "unmeasured": (_("Nothing measured"), _("no connection of media, or the page was closed at once")),
    }


def path_texts() -> dict[str, str]:
    return {
        "direct": _("direct"),
        "udp": _("relay, UDP"),
        "tcp": _("relay, TCP"),
        "tls": _("relay, TLS"),
    }
