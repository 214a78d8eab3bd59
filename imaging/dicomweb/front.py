"""The short way to the hot reads: past the framework's routing, validation and dependencies, to the same verbs.

Who is refused is sent the long way, where the refusal is made again, told in the reader's language and put on record.
"""

from contextlib import suppress

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from imaging.dicomweb import resources
from telehealth.core.errors import DomainError

PREFIX = "/dicomweb/"


class ShortWay:
    """Middleware. Only GET, only addresses of `resources`; everything else passes through."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_read = scope["type"] == "http" and scope["method"] == "GET" and scope["path"].startswith(PREFIX)
        answer: ASGIApp = self.app
        if is_read and (found := resources.find(scope["path"])):
            verb, values = found
            with suppress(DomainError, HTTPException):
                answer = await verb(Request(scope, receive), *values)
        await answer(scope, receive, send)
