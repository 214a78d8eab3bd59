"""A verb behind a form: what it refuses is shown on the same page, with every word kept."""

from collections.abc import Awaitable

from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core.errors import DomainError, Forbidden, NotFound
from telehealth.core.i18n import gettext


async def refused(session: AsyncSession, verb: Awaitable[object]) -> DomainError | None:
    """Do it. Returns its refusal, of which nothing stays but what the verb itself keeps: a wrong code is counted.

    What the reader may not know of, or not do at all, is no matter for the form: NotFound and Forbidden go on.
    """
    noted, enqueued = list(session.info.get("audit", [])), list(session.info.get("jobs", []))
    kept_before = len(session.info.get("kept_audit", []))
    try:
        async with session.begin_nested():
            await verb
    except (NotFound, Forbidden):
        raise
    except DomainError as error:
        session.info["audit"] = noted + session.info.get("kept_audit", [])[kept_before:]
        session.info["jobs"] = enqueued
        return error
    return None


def words_of(error: DomainError) -> str:
    """What the refusal says to the reader, with the name of whoever was first."""
    held_by = error.facts.get("held_by", "")
    return f"{gettext(error.title)}: {held_by}" if held_by else gettext(error.title)
