"""Pages: the start page, the language switch, and (demo only) all parts of the pages together."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.consultations.service import GRACE, OPENS_BEFORE
from telehealth.core import clock
from telehealth.core.actor import Actor, Role
from telehealth.core.errors import NotFound
from telehealth.core.http import LANGUAGE_COOKIE
from telehealth.core.i18n import LANGUAGES
from telehealth.identity.deps import Visitor, Work
from telehealth.scheduling.lifecycle import LIVE
from telehealth.scheduling.queries import Booked, appointments
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)

TEXT_SIZE_COOKIE = "text-size"
A_DAY, FAR = timedelta(days=1), timedelta(days=366)
A_YEAR_S = 365 * 24 * 3600
FIRST_PAGE = {  # in this order: who holds several roles starts with the one whose work waits for others
    Role.SPECIALIST: "/worklist",
    Role.REFERRING_DOCTOR: "/clinic",
    Role.TECHNICIAN: "/clinic",
    Role.COORDINATOR: "/operations",
    Role.ADMINISTRATOR: "/people",
    Role.AUDITOR: "/audit",
}


@router.get("/")
async def home(request: Request, session: Work, visitor: Visitor) -> Response:
    """Staff go to their work, patients see their next visit, everybody else the ways onward."""
    if visitor:
        for role, page in FIRST_PAGE.items():
            if visitor.has(role):
                return RedirectResponse(page, 303)
    if visitor is None:
        return render(request, "home/welcome.html")
    return render(request, "home/patient.html", visit=await _next_visit(session, visitor), opens=OPENS_BEFORE, grace=GRACE)


async def _next_visit(session: AsyncSession, actor: Actor) -> Booked | None:
    now = clock.now()
    coming = await appointments(session, actor, now - A_DAY, now + FAR)
    return next((one for one in coming if one.appointment.status in LIVE and one.appointment.end_at + GRACE > now), None)


@router.post("/language")
async def choose_language(
    request: Request,
    language: Annotated[str, Form()] = "",
    text_size: Annotated[str, Form()] = "",
    back: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    """Remember how the reader likes to read, and go back to where they were."""
    answer = RedirectResponse(own_path(back), 303)
    secure = request.app.state.settings.secure
    for cookie, value, known in ((LANGUAGE_COOKIE, language, LANGUAGES), (TEXT_SIZE_COOKIE, text_size, ("normal", "large"))):
        if value in known:
            answer.set_cookie(cookie, value, max_age=A_YEAR_S, secure=secure, httponly=True, samesite="lax")
    return answer


def own_path(address: str) -> str:
    """The address if it is a path on this site, else the start page: nobody is sent elsewhere from here.

    Browsers drop tabs and line ends inside an address and take a backslash for a slash, so neither may occur.
    """
    is_own = address.startswith("/") and not address.startswith("//") and "\\" not in address and address.isprintable()
    return address if is_own else "/"


@router.get("/dev/parts")
async def parts(request: Request, _visitor: Visitor) -> Response:
    """Every part of the pages in every state, for whoever builds or judges them."""
    if not request.app.state.settings.demo:
        raise NotFound()
    now = clock.now()
    return render(request, "dev/parts.html", soon=now + timedelta(hours=20), earlier=now - timedelta(minutes=5))
