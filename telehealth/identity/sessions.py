"""From a secret (cookie or bearer token) to the person who acts."""

import secrets
from datetime import date, timedelta
from types import MappingProxyType
from uuid import UUID

from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import clock
from telehealth.core.actor import STAFF, Actor, Role
from telehealth.core.crypto import fingerprint
from telehealth.core.errors import SignInNeeded
from telehealth.core.settings import settings
from telehealth.identity.models import Account, LoginSession, OrganisationPeriod, Proxy, RoleGrant, SessionKind

IDLE = {True: timedelta(minutes=30), False: timedelta(days=30)}
"""Staff sessions end after half an hour of silence, a patient's phone after a month."""
LONGEST = {True: timedelta(hours=12), False: timedelta(days=90)}
TOUCH_EVERY = timedelta(minutes=1)
"""seen_at is written once a minute at most: reading must not always write."""


async def open_session(
    session: AsyncSession,
    account: Account,
    *,
    kind: SessionKind = SessionKind.BROWSER,
    label: str = "",
    second_factor: bool = False,
    lifetime: timedelta | None = None,
) -> tuple[LoginSession, str]:
    """A new session and its secret, which is told once and stored as a digest."""
    secret = secrets.token_urlsafe(32)
    now = clock.now()
    is_staff = account.email is not None
    row = LoginSession(
        secret_hash=fingerprint(secret),
        kind=kind,
        label=label,
        account_id=account.id,
        expires_at=now + (lifetime or LONGEST[is_staff]),
        second_factor_at=now if second_factor else None,
    )
    session.add(row)
    await session.flush()
    return row, secret


async def actor_of(session: AsyncSession, secret: str) -> Actor:
    """Who this secret stands for, with the rights of this moment. Raises SignInNeeded."""
    login, account = await login_of(session, fingerprint(secret))
    if is_silent(login):
        login.seen_at = clock.now()
        session.add(login)
    return await describe(session, account, login)


async def login_of(session: AsyncSession, secret_hash: str) -> tuple[LoginSession, Account]:
    """The session with this secret and whose it is. Raises SignInNeeded where it is over, or was never there."""
    now = clock.now()
    found = (
        await session.exec(
            select(LoginSession, Account)
            .join(Account, col(Account.id) == col(LoginSession.account_id))
            .where(LoginSession.secret_hash == secret_hash)
        )
    ).first()
    if found is None:
        raise SignInNeeded()
    login, account = found
    idle = login.kind == SessionKind.BROWSER and now - login.seen_at > IDLE[account.email is not None]
    if login.revoked_at or login.expires_at <= now or idle or not account.active:
        raise SignInNeeded()
    return login, account


def is_silent(login: LoginSession) -> bool:
    """Whether it is time to write down that this session is in use."""
    return clock.now() - login.seen_at > TOUCH_EVERY


async def describe(session: AsyncSession, account: Account, login: LoginSession | None = None) -> Actor:
    """The account as an actor: current grants spread over their subtrees, and the people it acts for."""
    today = clock.day_in(settings().zone, clock.now())
    held = await current_grants(session, account.id, today)
    grants = {role: await subtree(session, units, today) for role, units in held.items()}
    patients = (await session.exec(select(Proxy.patient_id).where(Proxy.account_id == account.id))).all()
    if patients or not STAFF & grants.keys():
        grants.setdefault(Role.PATIENT, frozenset())
    return Actor(
        account_id=account.id,
        name=account.full_name,
        grants=MappingProxyType(grants),
        homes=frozenset().union(*held.values()),
        patients=frozenset(patients),
        language=account.language,
        session_id=login.id if login else None,
        second_factor_at=login.second_factor_at if login else None,
    )


async def current_grants(session: AsyncSession, account_id: UUID, today: date) -> dict[Role, set[UUID]]:
    """Role -> organisations in which it is held today."""
    rows = await session.exec(
        select(RoleGrant).where(
            RoleGrant.account_id == account_id,
            RoleGrant.valid_from <= today,
            or_(col(RoleGrant.valid_to).is_(None), col(RoleGrant.valid_to) > today),
        )
    )
    roots: dict[Role, set[UUID]] = {}
    for grant in rows:
        roots.setdefault(Role(grant.role), set()).add(grant.organisation_id)
    return roots


async def subtree(session: AsyncSession, roots: set[UUID], day: date) -> frozenset[UUID]:
    """The organisations and everything below them on that day."""
    period = (
        select(col(OrganisationPeriod.organisation_id).label("id"), OrganisationPeriod.parent_id)
        .where(
            OrganisationPeriod.valid_from <= day,
            or_(col(OrganisationPeriod.valid_to).is_(None), col(OrganisationPeriod.valid_to) > day),
        )
        .subquery()
    )
    below = select(period.c.id).where(period.c.parent_id.in_(roots)).cte("below", recursive=True)
    below = below.union(select(period.c.id).join(below, period.c.parent_id == below.c.id))
    return frozenset(roots) | frozenset((await session.exec(select(below.c.id))).all())


async def revoke(session: AsyncSession, login_id: UUID) -> None:
    """End one session now."""
    login = await session.get(LoginSession, login_id)
    if login is not None and login.revoked_at is None:
        login.revoked_at = clock.now()
        session.add(login)
