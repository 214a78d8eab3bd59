"""A refusal as a page in plain words, or as a fragment where htmx asked: what happened, and what to do next."""

import json
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from telehealth.core.errors import SignInNeeded
from telehealth.core.i18n import gettext as _
from telehealth.web.render import render

PROGRAMS = ("/api/", "/dicomweb", "/openapi.json", "/healthz", "/readyz", "/static")


def wants_page(request: Request) -> bool:
    """Whether a person reads the answer."""
    return not request.url.path.startswith(PROGRAMS) and "json" not in request.headers.get("accept", "")


def problem_page(request: Request, error: Exception, problem: Response) -> Response:
    """The problem's own words and status; a missing sign-in leads to the sign-in page and back."""
    if isinstance(error, SignInNeeded) and request.method == "GET":
        return RedirectResponse(f"/sign-in?next={quote(request.url.path)}", 303)
    assert isinstance(problem, JSONResponse)
    facts: dict[str, Any] = json.loads(bytes(problem.body))
    if facts["type"] == "about:blank":  # the framework's own words are English and for programs
        facts["title"] = _plain_title(facts["status"])
    is_fragment = request.headers.get("hx-request") == "true"
    template = "_parts/problem.html" if is_fragment else "problem.html"
    answer = render(request, template, facts["status"], problem=facts, advice=_advice(facts["status"]))
    if "retry-after" in problem.headers:
        answer.headers["Retry-After"] = problem.headers["retry-after"]
    return answer


def _plain_title(status: int) -> str:
    match status:
        case 404:
            return _("We could not find this page")
        case 405:
            return _("This address cannot be used that way")
        case 413:
            return _("This is larger than the limit")
        case _:
            return _("The request could not be carried out")


def _advice(status: int) -> str:
    """What the reader can do now."""
    match status:
        case 401:
            return _("Sign in again; what you typed elsewhere is safe.")
        case 403:
            return _("If you need this for your work, ask the administrator of your unit.")
        case 404:
            return _("The address may be wrong or old. Begin again from the start page.")
        case 409:
            return _("Nothing was changed. Go back, look at the newest state and try again.")
        case 422:
            return _("Nothing was saved. Go back and correct it; what you typed is still there.")
        case 429:
            return _("Wait a few minutes, then try again.")
        case status if status >= 500:
            return _("Your data is safe. Try again in a minute; if it goes on, call your clinic.")
        case _:
            return _("Nothing was changed. Go back and try again.")
