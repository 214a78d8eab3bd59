"""What a route asks for: a unit of work, and who acts in it."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core.actor import Actor
from telehealth.core.db import session_scope
from telehealth.core.errors import SignInNeeded
from telehealth.core.settings import Settings
from telehealth.identity.sessions import actor_of

PLAIN_COOKIE = "telehealth-session"


def cookie_name(config: Settings) -> str:
    """`__Host-` binds the cookie to this host and to https; browsers refuse it over plain http."""
    return f"__Host-{PLAIN_COOKIE}" if config.secure else PLAIN_COOKIE


async def _work(request: Request) -> AsyncIterator[AsyncSession]:
    async with session_scope(request.app.state.engine) as session:
        yield session


Work = Annotated[AsyncSession, Depends(_work, scope="function")]
"""Commits before the answer leaves: an answer that says "done" is true."""


def secret_of(request: Request) -> str | None:
    """The bearer token, or else the session cookie."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return request.cookies.get(cookie_name(request.app.state.settings))


async def visitor_of(request: Request, session: Work) -> Actor | None:
    secret = secret_of(request)
    if not secret:
        return None
    try:
        actor = await actor_of(session, secret)
    except SignInNeeded:
        return None
    request.state.actor = actor
    return actor


async def know_visitor(request: Request) -> None:
    """Note who asks where no route did: a page that is not there keeps the reader's own menu."""
    async with session_scope(request.app.state.engine) as session:
        await visitor_of(request, session)


Visitor = Annotated[Actor | None, Depends(visitor_of)]
"""Whoever is there, signed in or not."""


async def _current(visitor: Visitor) -> Actor:
    if visitor is None:
        raise SignInNeeded()
    return visitor


CurrentActor = Annotated[Actor, Depends(_current)]
"""The person signed in; 401 (or the sign-in page) without one."""
