"""The short way to the hot reads and to storing: past the framework's routing, validation and dependencies, to the same verbs.

Who is refused is sent the long way, where the refusal is made again, told in the reader's language and put on record.
"""

import re
from collections.abc import Sequence
from contextlib import suppress

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from imaging.dicomweb import resources, stow
from imaging.dicomweb.resources import Verb
from telehealth.core.errors import DomainError

PREFIX = "/dicomweb/"
STORE = re.compile(r"/dicomweb/studies(/(?P<study_uid>[0-9.]{1,64}))?")


class ShortWay:
    """Middleware. Only GET of the addresses in `resources`, and storing; everything else passes through."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: ASGIApp = self.app
        if found := _find(scope):
            verb, values = found
            with suppress(DomainError, HTTPException):  # storing raises only before it has touched the body
                answer = await verb(Request(scope, receive), *values)
        await answer(scope, receive, send)


def _find(scope: Scope) -> tuple[Verb, Sequence[str]] | None:
    if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
        return None
    if scope["method"] == "POST" and (store := STORE.fullmatch(scope["path"])):
        return stow.store, [store["study_uid"] or ""]
    return resources.find(scope["path"]) if scope["method"] == "GET" else None
