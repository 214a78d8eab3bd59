"""Domain errors and validation errors as problem details (RFC 9457); `web.problem_page` shows the same as a page."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from telehealth.core import errors
from telehealth.core.i18n import gettext

STATUS: dict[type[errors.DomainError], int] = {
    errors.SignInNeeded: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.Invalid: 422,
    errors.TooMany: 429,
    errors.Unavailable: 503,
}
MEDIA_TYPE = "application/problem+json"
Handler = Callable[[Request, Exception], Awaitable[Response]]


class Problem(BaseModel):
    """RFC 9457. Each kind adds facts of its own as further members."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str = ""


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route: these statuses answer with a problem."""
    return {status: {"model": Problem, "content": {MEDIA_TYPE: {}}} for status in statuses}


def status_of(error: errors.DomainError) -> int:
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem_of(error: errors.DomainError) -> dict[str, Any]:
    """The error's members, its title in the reader's language."""
    body = {"type": f"/problems/{error.code}", "title": gettext(error.title), "status": status_of(error), "detail": error.detail}
    return error.facts | body


def _answer(body: dict[str, Any], headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(body, body["status"], headers, media_type=MEDIA_TYPE)


async def domain_problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.DomainError)
    headers = {}
    if isinstance(error, errors.SignInNeeded):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.TooMany) and "retry_after_s" in error.facts:
        headers["Retry-After"] = str(error.facts["retry_after_s"])
    return _answer(problem_of(error), headers)


async def validation_problem(_request: Request, error: Exception) -> JSONResponse:
    """Every wrong field by its path, without echoing what was sent."""
    assert isinstance(error, RequestValidationError)
    fields = [
        {"field": ".".join(str(step) for step in e["loc"][1:]), "in": str(e["loc"][0]), "message": e["msg"]}
        for e in error.errors()
    ]
    title = gettext("Something in the request is not right")
    return _answer({"type": "/problems/invalid", "title": title, "status": 422, "detail": "", "errors": fields})


async def http_problem(_request: Request, error: Exception) -> JSONResponse:
    """What the framework itself refuses: unknown paths, wrong methods, bodies that are no text (422, as other wrong ones)."""
    assert isinstance(error, HTTPException)
    if error.status_code == 400:
        title = gettext("Something in the request is not right")
        return _answer({"type": "/problems/invalid", "title": title, "status": 422, "detail": str(error.detail)})
    body = {"type": "about:blank", "title": str(error.detail), "status": error.status_code, "detail": ""}
    return _answer(body, dict(error.headers or {}))


async def data_problem(_request: Request, _error: Exception) -> JSONResponse:
    """What the database itself cannot hold, such as a NUL in a text on PostgreSQL."""
    title = gettext("Something in the request is not right")
    return _answer({"type": "/problems/invalid", "title": title, "status": 422, "detail": "a value cannot be stored"})


async def last_resort(_request: Request, _error: Exception) -> JSONResponse:
    """A fault of ours: said plainly, nothing of its inside shown; the log has it."""
    title = gettext("Something went wrong on our side")
    return _answer({"type": "/problems/internal", "title": title, "status": 500, "detail": ""})
