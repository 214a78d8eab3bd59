"""A refusal as a page in plain words, or as a fragment where htmx asked."""

import json
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from telehealth.core.errors import SignInNeeded
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
    facts = json.loads(bytes(problem.body))
    is_fragment = request.headers.get("hx-request") == "true"
    return render(request, "_parts/problem.html" if is_fragment else "problem.html", facts["status"], problem=facts)
