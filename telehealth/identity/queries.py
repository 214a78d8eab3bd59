"""Who works where, for the administrator's page and for names beside acts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.identity.models import Account, RoleGrant
from telehealth.identity.organisations import names


@dataclass(frozen=True)
class Post:
    """A role somewhere, by name."""

    role: str
    organisation_id: UUID
    organisation: str


@dataclass(frozen=True)
class Colleague:
    account: Account
    posts: tuple[Post, ...]


async def posts_of(session: AsyncSession, account_ids: Iterable[UUID], day: date) -> dict[UUID, tuple[Post, ...]]:
    """Account id -> its roles on that day."""
    grants = (
        await session.exec(
            select(RoleGrant)
            .where(
                col(RoleGrant.account_id).in_(set(account_ids)),
                RoleGrant.valid_from <= day,
                or_(col(RoleGrant.valid_to).is_(None), col(RoleGrant.valid_to) > day),
            )
            .order_by(RoleGrant.role)
        )
    ).all()
    called = await names(session, {grant.organisation_id for grant in grants}, day)
    found: dict[UUID, tuple[Post, ...]] = {}
    for grant in grants:
        post = Post(grant.role, grant.organisation_id, called.get(grant.organisation_id, ""))
        found[grant.account_id] = (*found.get(grant.account_id, ()), post)
    return found


async def colleagues(session: AsyncSession, units: frozenset[UUID], day: date) -> list[Colleague]:
    """Everybody with a role in these organisations, by name; those who are disabled last."""
    within = select(RoleGrant.account_id).where(col(RoleGrant.organisation_id).in_(units))
    people = (
        await session.exec(
            select(Account).where(col(Account.id).in_(within)).order_by(col(Account.active).desc(), Account.full_name)
        )
    ).all()
    posts = await posts_of(session, [account.id for account in people], day)
    return [Colleague(account, posts.get(account.id, ())) for account in people]
