"""Coming in and going out: codes by phone, passwords with a second factor, tokens, accounts of staff."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import NoReturn, TypeVar
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from telehealth.core import audit, clock, i18n, jobs
from telehealth.core.actor import STAFF, SYSTEM, Actor, Role
from telehealth.core.crypto import derived_key, encrypt
from telehealth.core.db import fetch, keep, reading_engine, session_scope
from telehealth.core.errors import Forbidden, Invalid, NotFound
from telehealth.core.jobs import Job
from telehealth.core.settings import settings
from telehealth.identity import access, limits, organisations, passwords, phones, second_factor
from telehealth.identity.errors import AccountExists, AlreadySetUp, FreshFactorNeeded, WrongSecret
from telehealth.identity.models import (
    Account,
    Attempt,
    CodePurpose,
    LoginSession,
    OneTimeCode,
    OrganisationKind,
    RoleGrant,
    SessionKind,
)
from telehealth.identity.sessions import describe, open_session

T = TypeVar("T")

CODE_LIVES = timedelta(minutes=10)
CODE_TRIES = 5
FIRST_CODE_LIVES = timedelta(hours=24)
LONGEST_TOKEN_DAYS = 365
FRESH = timedelta(minutes=5)
"""How long a second factor counts as just shown (OWASP ASVS 7.5.3)."""


async def request_code(session: AsyncSession, phone: str, address: str) -> None:
    """Send a one-time code, or do the same amount of nothing: the answer tells nobody who has an account.

    Raises BadPhone, TooMany.
    """
    phone = phones.normal(phone)
    by_phone, by_address = limits.key_of("send", phone), limits.key_of("send-from", address)
    await limits.ensure_below(session, by_phone, settings().limits.codes_per_phone)
    await limits.ensure_below(session, by_address, limits.CODES_PER_ADDRESS)
    for key in (by_phone, by_address):
        await limits.note(session, key)
    account = (await session.exec(select(Account).where(Account.phone == phone))).first()
    code = f"{secrets.randbelow(10**6):06}"
    row = OneTimeCode(
        purpose=CodePurpose.SIGN_IN,
        phone=phone,
        code_hash="",
        sealed=encrypt(code),
        language=account.language if account else i18n.language.get(),
        expires_at=clock.now() + CODE_LIVES,
    )
    row.code_hash = _code_digest(row.id, code)
    if account is None or _may_use_codes(account):
        session.add(row)
        jobs.enqueue(session, Job.SEND_CODE, code_id=row.id)


def _may_use_codes(account: Account) -> bool:
    """Staff come in by password and second factor only: a stolen phone must not be enough."""
    return account.active and account.email is None


def _code_digest(code_id: UUID, code: str) -> str:
    """Six digits are guessed from a plain digest at once, so it is keyed, and differs from row to row."""
    return hmac.new(derived_key("one-time-code"), f"{code_id}:{code}".encode(), sha256).hexdigest()


async def sign_in_with_code(session: AsyncSession, phone: str, code: str, address: str) -> tuple[LoginSession, str]:
    """A session for the phone that received this code; its account begins here. Raises WrongSecret, TooMany."""
    phone = phones.normal(phone)
    keys = limits.key_of("wrong-code", phone), limits.key_of("wrong-from", address)
    await _ensure_tries_left(session, *keys)
    row = await _newest_code(session, CodePurpose.SIGN_IN, phone)
    if row is None or not await _takes(session, row, code):
        await _count_wrong(session, *keys)
    account = await ensure_patient_account(session, phone)
    if not _may_use_codes(account):
        await _count_wrong(session, *keys)
    return await _come_in(session, account, "code")


def _locked(rows: SelectOfScalar[T]) -> SelectOfScalar[T]:
    """Held until the end of the work and read anew: two tries at once take turns."""
    return rows.with_for_update().execution_options(populate_existing=True)


async def _newest_code(session: AsyncSession, purpose: CodePurpose, phone: str) -> OneTimeCode | None:
    """The last code that was sent, if it still counts, locked; an older one is void."""
    newest = (
        select(OneTimeCode)
        .where(OneTimeCode.purpose == purpose, OneTimeCode.phone == phone)
        .order_by(col(OneTimeCode.created_at).desc())
        .limit(1)
    )
    row = (await session.exec(_locked(newest))).first()
    if row is None or row.used_at or row.expires_at <= clock.now() or row.attempts >= CODE_TRIES:
        return None
    return row


async def _takes(session: AsyncSession, row: OneTimeCode, code: str) -> bool:
    """Use up the code if it is right, one try if it is not."""
    right = hmac.compare_digest(row.code_hash, _code_digest(row.id, code.strip().replace(" ", "")))
    row.attempts += 1
    row.used_at = clock.now() if right else None
    session.add(row)
    await session.flush()
    return right


@dataclass(frozen=True)
class PasswordShown:
    """A password held against the digest that was stored at that moment (None: no such account)."""

    email: str
    digest: str | None
    right: bool


async def look_at_password(engine: AsyncEngine, email: str, password: str, address: str) -> PasswordShown:
    """Before the unit of work: Argon2id takes its time, and on SQLite every other writer would wait for it.

    As slow for an account that does not exist. Raises TooMany before any work is done.
    """
    email = email.strip().casefold()
    async with session_scope(reading_engine(engine)) as session:
        await _ensure_tries_left(session, *_password_keys(email, address))
        digest = (await session.exec(select(Account.password_hash).where(Account.email == email))).first()
    return PasswordShown(email, digest, await passwords.is_right(password, digest))


def _password_keys(email: str, address: str) -> tuple[str, str]:
    return limits.key_of("wrong-password", email), limits.key_of("wrong-from", address)


async def sign_in_with_password(session: AsyncSession, shown: PasswordShown, otp: str, address: str) -> tuple[LoginSession, str]:
    """A session for staff. One answer for every way of being wrong. Raises WrongSecret, TooMany."""
    keys = _password_keys(shown.email, address)
    await _ensure_tries_left(session, *keys)
    account = (await session.exec(_locked(select(Account).where(Account.email == shown.email)))).first()
    right = account is not None and shown.right and account.password_hash == shown.digest and account.active
    if account is None or not right or not second_factor.use(account, otp, clock.now()):
        await _count_wrong(session, *keys)
    account.totp_confirmed = True
    session.add(account)
    return await _come_in(session, account, "password", second_factor_shown=True)


async def _ensure_tries_left(session: AsyncSession, by_whom: str, by_address: str) -> None:
    await limits.ensure_below(session, by_whom, settings().limits.wrong_secrets)
    await limits.ensure_below(session, by_address, limits.WRONG_PER_ADDRESS)


async def _count_wrong(session: AsyncSession, by_whom: str, by_address: str) -> NoReturn:
    """Refuse, and keep the count of it: the attempt is committed although the caller is refused."""
    for key in (by_whom, by_address):
        await limits.note(session, key)
    audit.record(session, SYSTEM, "session.refused", by_whom[:16])
    refusal = WrongSecret()
    refusal.keeps_work = True
    raise refusal


async def _come_in(
    session: AsyncSession, account: Account, way: str, *, second_factor_shown: bool = False
) -> tuple[LoginSession, str]:
    login, secret = await open_session(session, account, second_factor=second_factor_shown)
    audit.record(session, await describe(session, account, login), "session.opened", login.id, way=way)
    return login, secret


async def confirm_second_factor(session: AsyncSession, actor: Actor, otp: str) -> None:
    """Show a fresh code again, for acts that need it. Raises WrongSecret, TooMany.

    Each code works once, for signing in and for signing alike. A wrong one is counted even though the work around
    it is rolled back.
    """
    account = await fetch(session, Account, actor.account_id or "", lock=True)
    key = limits.key_of("wrong-password", account.email or str(account.id))
    await limits.ensure_below(session, key, settings().limits.wrong_secrets)
    if not second_factor.use(account, otp, clock.now()):
        keep(session, Attempt(key=key))
        audit.record(session, actor, "second_factor.refused", account.id, even_if_refused=True)
        raise WrongSecret()
    session.add(account)
    if actor.session_id and (login := await session.get(LoginSession, actor.session_id)):
        login.second_factor_at = clock.now()
        session.add(login)
    await session.flush()


def has_fresh_factor(actor: Actor) -> bool:
    shown = actor.second_factor_at
    return actor.is_system or (shown is not None and clock.now() - shown <= FRESH)


def ensure_fresh_factor(actor: Actor) -> None:
    """For acts that change what others may do. Raises FreshFactorNeeded unless a code was shown in the last minutes."""
    if not has_fresh_factor(actor):
        raise FreshFactorNeeded()


async def sign_out(session: AsyncSession, actor: Actor) -> None:
    """End the session that this request came with."""
    if actor.session_id:
        await end_session(session, actor, actor.session_id)


async def end_session(session: AsyncSession, actor: Actor, login_id: UUID) -> None:
    """End one of one's own sessions, at once. Somebody else's is NotFound, like one that does not exist."""
    login = await fetch(session, LoginSession, login_id)
    if login.account_id != actor.account_id:
        raise NotFound()
    if login.revoked_at is None:
        login.revoked_at = clock.now()
        session.add(login)
        audit.record(session, actor, "session.ended", login.id)


async def live_sessions(session: AsyncSession, account_id: UUID) -> list[LoginSession]:
    """Where this account is signed in now, newest first."""
    rows = select(LoginSession).where(
        LoginSession.account_id == account_id,
        col(LoginSession.revoked_at).is_(None),
        LoginSession.expires_at > clock.now(),
    )
    return list((await session.exec(rows.order_by(col(LoginSession.seen_at).desc()))).all())


async def ensure_patient_account(session: AsyncSession, phone: str) -> Account:
    """The account of a phone, made if there is none yet. Two at once end with one."""
    phone = phones.normal(phone)
    find = select(Account).where(Account.phone == phone)
    if found := (await session.exec(find)).first():
        return found
    try:
        async with session.begin_nested():
            account = Account(phone=phone, full_name=phones.masked(phone), language=i18n.language.get())
            session.add(account)
            await session.flush()
    except IntegrityError:
        return (await session.exec(find)).one()
    audit.record(session, SYSTEM, "account.created", account.id, way="phone")
    return account


async def create_staff(
    session: AsyncSession,
    actor: Actor,
    email: str,
    full_name: str,
    role: Role,
    organisation_id: UUID,
    password: str | None = None,
) -> Account:
    """Somebody who works here, with a second factor to enrol (`second_factor.enrolment_uri`). Without a password the
    account waits for `reset_sign_in`. Raises Forbidden, FreshFactorNeeded, Invalid, AccountExists, WeakPassword.
    """
    access.ensure(actor, access.Action.MANAGE_PEOPLE, access.Scope(units=frozenset({organisation_id})))
    ensure_fresh_factor(actor)
    email, full_name = email.strip().casefold(), " ".join(full_name.split())
    if role not in STAFF or not full_name or "@" not in email.strip("@") or " " in email:
        raise Invalid("a name, an e-mail address and a role of staff are needed")
    account = Account(email=email, full_name=full_name, totp_secret=second_factor.new_secret())
    if password is not None:
        passwords.check_strength(password, email.partition("@")[0], full_name)
        account.password_hash = await passwords.digest(password)
    try:
        async with session.begin_nested():
            session.add(account)
            await session.flush()
    except IntegrityError:
        raise AccountExists() from None
    audit.record(session, actor, "account.created", account.id, role=role.value)
    await grant_role(session, actor, account.id, role, organisation_id)
    return account


async def grant_role(session: AsyncSession, actor: Actor, account_id: UUID, role: Role, organisation_id: UUID) -> RoleGrant:
    """One more role from today on, in an organisation that the administrator looks after."""
    access.ensure(actor, access.Action.MANAGE_PEOPLE, access.Scope(units=frozenset({organisation_id})))
    ensure_fresh_factor(actor)
    today = clock.day_in(settings().zone, clock.now())
    grant = RoleGrant(account_id=account_id, role=role, organisation_id=organisation_id, valid_from=today)
    session.add(grant)
    await session.flush()
    audit.record(session, actor, "role.granted", account_id, role=role.value, organisation=str(organisation_id))
    return grant


async def _managed(session: AsyncSession, actor: Actor, account_id: UUID) -> Account:
    """The account of somebody whose every role lies within the administrator's reach, locked; never one's own."""
    account = await fetch(session, Account, account_id, lock=True)
    units = (await session.exec(select(RoleGrant.organisation_id).where(RoleGrant.account_id == account_id))).all()
    if account.id == actor.account_id or not units:
        raise Forbidden()
    for unit in units:
        access.ensure(actor, access.Action.MANAGE_PEOPLE, access.Scope(units=frozenset({unit})), hidden=True)
    ensure_fresh_factor(actor)
    return account


async def reset_sign_in(session: AsyncSession, actor: Actor, account_id: UUID) -> str:
    """A new first password (returned, told once) and a new second factor; every session ends."""
    account = await _managed(session, actor, account_id)
    password = passwords.generate()
    account.password_hash = await passwords.digest(password)
    account.totp_secret, account.totp_confirmed, account.totp_last_step = second_factor.new_secret(), False, 0
    session.add(account)
    await _end_all(session, account.id)
    audit.record(session, actor, "account.reset", account.id)
    return password


async def disable_account(session: AsyncSession, actor: Actor, account_id: UUID) -> None:
    """Nobody comes in by this account any more; its sessions and tokens end now."""
    await _set_active(session, actor, account_id, active=False)
    await _end_all(session, account_id)


async def enable_account(session: AsyncSession, actor: Actor, account_id: UUID) -> None:
    await _set_active(session, actor, account_id, active=True)


async def _set_active(session: AsyncSession, actor: Actor, account_id: UUID, *, active: bool) -> None:
    account = await _managed(session, actor, account_id)
    account.active = active
    session.add(account)
    audit.record(session, actor, "account.enabled" if active else "account.disabled", account.id)


async def _end_all(session: AsyncSession, account_id: UUID) -> None:
    live = (col(LoginSession.account_id) == account_id, col(LoginSession.revoked_at).is_(None))
    await session.exec(update(LoginSession).where(*live).values(revoked_at=clock.now()))


async def change_password(session: AsyncSession, actor: Actor, password: str, otp: str) -> None:
    """One's own new password; every other session ends. Raises WrongSecret, WeakPassword."""
    account = await fetch(session, Account, actor.account_id or "")
    passwords.check_strength(password, (account.email or "").partition("@")[0], account.full_name)
    await confirm_second_factor(session, actor, otp)
    account.password_hash = await passwords.digest(password)
    session.add(account)
    others = (
        col(LoginSession.account_id) == account.id,
        col(LoginSession.id) != actor.session_id,
        col(LoginSession.kind) == SessionKind.BROWSER,
        col(LoginSession.revoked_at).is_(None),
    )
    await session.exec(update(LoginSession).where(*others).values(revoked_at=clock.now()))
    audit.record(session, actor, "account.password_changed", account.id)


async def replace_second_factor(session: AsyncSession, actor: Actor, otp: str) -> None:
    """Begin with a new authenticator: the old code allows it, the first code of the new one confirms it."""
    await confirm_second_factor(session, actor, otp)
    account = await fetch(session, Account, actor.account_id or "")
    account.totp_secret, account.totp_confirmed, account.totp_last_step = second_factor.new_secret(), False, 0
    session.add(account)
    audit.record(session, actor, "second_factor.replaced", account.id)


async def enrol_second_factor(session: AsyncSession, actor: Actor, otp: str) -> None:
    """The first code of a new authenticator: from here on its secret is never shown again. Raises WrongSecret."""
    await confirm_second_factor(session, actor, otp)
    account = await fetch(session, Account, actor.account_id or "")
    account.totp_confirmed = True
    session.add(account)
    audit.record(session, actor, "second_factor.confirmed", account.id)


async def choose_language(session: AsyncSession, actor: Actor, language: str) -> None:
    """The language of messages and of the next sign-in."""
    account = await fetch(session, Account, actor.account_id or "")
    account.language = language if language in i18n.LANGUAGES else i18n.DEFAULT
    session.add(account)


async def create_token(session: AsyncSession, account: Account, label: str, days: int) -> str:
    """A bearer token for scripts, told once. Raises Invalid for a lifetime that is not 1 to 365 days."""
    if not 1 <= days <= LONGEST_TOKEN_DAYS:
        raise Invalid("a token lives for 1 to 365 days")
    lifetime = timedelta(days=days)
    login, secret = await open_session(session, account, kind=SessionKind.TOKEN, label=label, lifetime=lifetime)
    audit.record(session, await describe(session, account), "token.created", login.id, days=days)
    return secret


async def has_administrator(session: AsyncSession) -> bool:
    grants = select(func.count()).where(RoleGrant.role == Role.ADMINISTRATOR)
    return (await session.exec(grants)).one() > 0


async def first_administrator_code(session: AsyncSession) -> str:
    """The code that makes the first administrator, for a day. Raises AlreadySetUp once there is one."""
    if await has_administrator(session):
        raise AlreadySetUp()
    code = passwords.generate()
    row = OneTimeCode(purpose=CodePurpose.FIRST_ADMINISTRATOR, phone="", code_hash="", expires_at=clock.now() + FIRST_CODE_LIVES)
    row.code_hash = _code_digest(row.id, code)
    session.add(row)
    await session.flush()
    return code


async def create_first_administrator(
    session: AsyncSession, code: str, email: str, full_name: str, password: str, organisation: str, address: str
) -> Account:
    """The first person of a new province, against the code from the command line. Raises AlreadySetUp, WrongSecret."""
    if await has_administrator(session):
        raise AlreadySetUp()
    keys = limits.key_of("wrong-code", "first administrator"), limits.key_of("wrong-from", address)
    await _ensure_tries_left(session, *keys)
    passwords.check_strength(password, email.partition("@")[0], full_name)
    row = await _newest_code(session, CodePurpose.FIRST_ADMINISTRATOR, "")
    if row is None or not await _takes(session, row, code):
        await _count_wrong(session, *keys)
    today = clock.day_in(settings().zone, clock.now())
    root = (await organisations.tree(session, None, today))[:1]
    organisation_id = (
        root[0].id
        if root
        else (
            await organisations.create_organisation(
                session, SYSTEM, "ROOT", organisation.strip() or settings().province, OrganisationKind.PROVINCE, None, today
            )
        ).id
    )
    return await create_staff(session, SYSTEM, email, full_name, Role.ADMINISTRATOR, organisation_id, password)
