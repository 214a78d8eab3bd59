"""A refusal is an act too: who was stopped at which door, written in a transaction of its own."""

from fastapi import Request

from telehealth.core import audit
from telehealth.core.actor import Actor
from telehealth.core.db import session_scope
from telehealth.core.errors import Forbidden


async def record_denial(request: Request, error: Exception) -> None:
    """Write `access.denied` for a 403 to somebody signed in; nothing for other errors or for nobody.

    The refused work is rolled back by then. The route's pattern is kept, and ids in the path, never the query.
    """
    actor: Actor | None = getattr(request.state, "actor", None)
    if not isinstance(error, Forbidden) or actor is None:
        return
    route = getattr(request.scope.get("route"), "path", request.url.path)
    async with session_scope(request.app.state.engine) as session:
        audit.record(session, actor, "access.denied", request.url.path, method=request.method, route=route, code=error.code)
