"""The dated tree of organisations: what it was called and where it hung on a day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import audit
from telehealth.core.actor import Actor
from telehealth.identity import access
from telehealth.identity.errors import OrganisationExists
from telehealth.identity.models import Organisation, OrganisationKind, OrganisationPeriod


@dataclass(frozen=True)
class Node:
    """One organisation in the tree of a day; depth 0 is the topmost that was asked for."""

    id: UUID
    parent_id: UUID | None
    name: str
    kind: str
    code: str
    depth: int


async def names(session: AsyncSession, ids: Iterable[UUID], day: date) -> dict[UUID, str]:
    """Name by id on that day; before its first day, the first name it ever had."""
    found: dict[UUID, OrganisationPeriod] = {}
    periods = select(OrganisationPeriod).where(col(OrganisationPeriod.organisation_id).in_(set(ids)))
    for period in await session.exec(periods.order_by(col(OrganisationPeriod.valid_from))):
        if period.valid_from <= day or period.organisation_id not in found:
            found[period.organisation_id] = period
    return {organisation_id: period.name for organisation_id, period in found.items()}


async def name_of(session: AsyncSession, organisation_id: UUID, day: date) -> str:
    return (await names(session, [organisation_id], day)).get(organisation_id, "")


async def children(session: AsyncSession, parent_id: UUID, day: date) -> list[UUID]:
    """What hangs directly below on that day."""
    on_day = _on(day)
    return list(
        (
            await session.exec(
                select(OrganisationPeriod.organisation_id)
                .where(OrganisationPeriod.parent_id == parent_id, *on_day)
                .order_by(OrganisationPeriod.name)
            )
        ).all()
    )


async def tree(session: AsyncSession, within: frozenset[UUID] | None, day: date) -> list[Node]:
    """Every organisation (or those `within`), parents before children, siblings by name."""
    rows = (
        await session.exec(
            select(OrganisationPeriod, Organisation)
            .join(Organisation, col(Organisation.id) == col(OrganisationPeriod.organisation_id))
            .where(*_on(day))
            .order_by(OrganisationPeriod.name)
        )
    ).all()
    shown = {row[1].id for row in rows if within is None or row[1].id in within}
    below: dict[UUID | None, list[tuple[OrganisationPeriod, Organisation]]] = {}
    for period, organisation in rows:
        if organisation.id in shown:
            below.setdefault(period.parent_id if period.parent_id in shown else None, []).append((period, organisation))
    return list(_walk(below, None, 0))


def _walk(
    below: dict[UUID | None, list[tuple[OrganisationPeriod, Organisation]]], parent: UUID | None, depth: int
) -> Iterable[Node]:
    for period, organisation in below.get(parent, []):
        yield Node(organisation.id, period.parent_id, period.name, organisation.kind, organisation.code, depth)
        yield from _walk(below, organisation.id, depth + 1)


def _on(day: date) -> tuple[ColumnElement[bool], ...]:
    return (
        col(OrganisationPeriod.valid_from) <= day,
        or_(col(OrganisationPeriod.valid_to).is_(None), col(OrganisationPeriod.valid_to) > day),
    )


async def create_organisation(
    session: AsyncSession,
    actor: Actor,
    code: str,
    name: str,
    kind: OrganisationKind,
    parent_id: UUID | None,
    valid_from: date,
) -> Organisation:
    """A new node below `parent_id`. Raises OrganisationExists for a code that is taken."""
    scope = access.Scope(units=frozenset({parent_id} if parent_id else ()))
    access.ensure(actor, access.Action.MANAGE_PEOPLE, scope)
    organisation = Organisation(code=code, kind=kind)
    try:
        async with session.begin_nested():
            session.add(organisation)
            await session.flush()
    except IntegrityError:
        raise OrganisationExists() from None
    session.add(OrganisationPeriod(organisation_id=organisation.id, parent_id=parent_id, name=name, valid_from=valid_from))
    await session.flush()
    audit.record(session, actor, "organisation.created", organisation.id, kind=kind.value)
    return organisation
