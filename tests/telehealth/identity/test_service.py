"""Coming in: one answer for every way of being wrong, counted, and nothing that works twice."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest
import time_machine
from sqlmodel import col, select

from telehealth.core import clock
from telehealth.core.actor import SYSTEM, Actor, Role
from telehealth.core.audit import AuditEntry
from telehealth.core.crypto import decrypt
from telehealth.core.db import session_scope
from telehealth.core.errors import Forbidden, NotFound, SignInNeeded, TooMany
from telehealth.identity import passwords, second_factor, service
from telehealth.identity.errors import AccountExists, AlreadySetUp, BadPhone, FreshFactorNeeded, WeakPassword, WrongSecret
from telehealth.identity.models import Account, LoginSession, OneTimeCode
from telehealth.identity.sessions import actor_of, describe

PHONE = "0912 345 678"
PASSWORD = "con trâu đi trước cái cày"


async def code_for(engine, phone=PHONE) -> str:
    """Ask for a code and read it as the text message would say it."""
    async with session_scope(engine) as session:
        await service.request_code(session, phone, "10.0.0.1")
    async with session_scope(engine) as session:
        row = (await session.exec(select(OneTimeCode).order_by(col(OneTimeCode.created_at).desc()))).first()
        return decrypt(row.sealed)


async def try_code(engine, code, phone=PHONE):
    async with session_scope(engine) as session:
        return await service.sign_in_with_code(session, phone, code, "10.0.0.1")


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


@pytest.fixture
async def doctor(engine, province) -> Account:
    """A doctor who has a password."""
    async with session_scope(engine) as session:
        account = await session.get(Account, province.doctor.id)
        account.password_hash = await passwords.digest(PASSWORD)
        session.add(account)
    return account


def fresh(actor: Actor) -> Actor:
    """The same person with a second factor just shown."""
    return replace(actor, second_factor_at=clock.now())


async def try_password(engine, account, password=PASSWORD, otp=None):
    shown = await service.look_at_password(engine, account.email, password, "10.0.0.1")
    async with session_scope(engine) as session:
        fresh = await session.get(Account, account.id)
        otp = otp if otp is not None else second_factor.code_at(fresh, clock.now())
        return await service.sign_in_with_password(session, shown, otp, "10.0.0.1")


async def test_the_right_code_makes_the_account_and_a_session(engine):
    code = await code_for(engine)
    async with session_scope(engine) as session:
        assert (await session.exec(select(Account))).all() == []
    _, secret = await try_code(engine, code)
    async with session_scope(engine) as session:
        actor = await actor_of(session, secret)
        account = await session.get(Account, actor.account_id)
    assert (account.phone, actor.roles) == ("+84912345678", {Role.PATIENT})


async def test_a_code_works_once(engine):
    code = await code_for(engine)
    await try_code(engine, code)
    with pytest.raises(WrongSecret):
        await try_code(engine, code)


async def test_a_code_lives_ten_minutes(engine):
    code = await code_for(engine)
    with time_machine.travel(clock.now() + timedelta(minutes=10, seconds=1), tick=False), pytest.raises(WrongSecret):
        await try_code(engine, code)


async def test_a_newer_code_voids_the_older(engine):
    first, second = await code_for(engine), await code_for(engine)
    if first != second:
        with pytest.raises(WrongSecret):
            await try_code(engine, first)
    await try_code(engine, second)


async def test_five_wrong_tries_kill_a_code(engine):
    code = await code_for(engine)
    for _ in range(5):
        with pytest.raises(WrongSecret):
            await try_code(engine, other_than(code))
    with pytest.raises(WrongSecret):
        await try_code(engine, code)


async def test_wrong_tries_at_the_same_moment_all_count(engine):
    code = await code_for(engine)
    tries = [try_code(engine, other_than(code)) for _ in range(12)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {WrongSecret, TooMany}
    async with session_scope(engine) as session:
        row = (await session.exec(select(OneTimeCode))).one()
    assert row.attempts == 5


async def test_ten_wrong_codes_close_a_phone_for_a_while(engine):
    for _ in range(10):
        with pytest.raises(WrongSecret):
            await try_code(engine, "000000")
    with pytest.raises(TooMany) as refusal:
        await try_code(engine, await code_for(engine))
    assert 0 < refusal.value.facts["retry_after_s"] <= 900
    with time_machine.travel(clock.now() + timedelta(minutes=16), tick=False):
        await try_code(engine, await code_for(engine))


async def test_codes_for_one_phone_are_limited(engine):
    for _ in range(5):
        await code_for(engine)
    with pytest.raises(TooMany):
        await code_for(engine)
    await code_for(engine, "0987654321")


async def test_staff_do_not_come_in_by_phone(engine, doctor):
    async with session_scope(engine) as session:
        account = await session.get(Account, doctor.id)
        account.phone = "+84912345678"
        session.add(account)
    async with session_scope(engine) as session:
        await service.request_code(session, PHONE, "10.0.0.1")
    async with session_scope(engine) as session:
        assert (await session.exec(select(OneTimeCode))).all() == []


@pytest.mark.parametrize("text", ["", "0123", "02413 555 666", "+1 202 555 0100", "091234567x", "09123456789"])
async def test_what_is_no_mobile_number_is_refused(engine, text):
    async with session_scope(engine) as session:
        with pytest.raises(BadPhone):
            await service.request_code(session, text, "10.0.0.1")


async def test_two_first_sign_ins_at_once_make_one_account(engine):
    async def make():
        async with session_scope(engine) as session:
            return (await service.ensure_patient_account(session, PHONE)).id

    assert len(set(await asyncio.gather(*[make() for _ in range(8)]))) == 1


async def test_staff_come_in_by_password_and_code(engine, doctor):
    login, secret = await try_password(engine, doctor)
    async with session_scope(engine) as session:
        actor = await actor_of(session, secret)
    assert (actor.account_id, actor.second_factor_at) == (doctor.id, login.second_factor_at)


async def test_an_authenticator_code_works_once(engine, doctor):
    with time_machine.travel(clock.now(), tick=False):
        otp = second_factor.code_at(doctor, clock.now())
        await try_password(engine, doctor, otp=otp)
        with pytest.raises(WrongSecret):
            await try_password(engine, doctor, otp=otp)


async def test_one_code_in_two_hands_lets_one_in(engine, doctor):
    otp = second_factor.code_at(doctor, clock.now())
    tries = [try_password(engine, doctor, otp=otp) for _ in range(6)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(outcome, tuple) for outcome in outcomes) == 1


async def test_every_way_of_being_wrong_sounds_the_same(engine, doctor):
    stranger = Account(email="nobody@example.test", full_name="?")
    said = []
    for account, password, otp in (
        (stranger, PASSWORD, "123456"),
        (doctor, "wrong password here", None),
        (doctor, PASSWORD, "000000"),
        (doctor, PASSWORD, ""),
    ):
        with pytest.raises(WrongSecret) as refusal:
            code = second_factor.code_at(doctor, clock.now()) if otp is None else otp
            await try_password(engine, account, password, code)
        said.append((refusal.value.code, refusal.value.title, refusal.value.detail, refusal.value.facts))
    assert len({str(answer) for answer in said}) == 1


async def test_ten_wrong_passwords_close_an_account_known_or_not(engine, doctor):
    for email in (doctor.email, "nobody@example.test"):
        for _ in range(10):
            with pytest.raises(WrongSecret):
                await try_password(engine, Account(email=email, full_name="?"), "wrong password here", "000000")
        with pytest.raises(TooMany):
            await try_password(engine, Account(email=email, full_name="?"), PASSWORD, "000000")


async def test_a_refused_sign_in_is_in_the_log(engine, doctor):
    with pytest.raises(WrongSecret):
        await try_password(engine, doctor, "wrong password here")
    async with session_scope(engine) as session:
        assert (await session.exec(select(AuditEntry.act))).all() == ["session.refused"]


async def test_a_wrong_code_undoes_the_work_around_it_and_still_counts(engine, doctor):
    async with session_scope(engine) as session:
        actor = await describe(session, doctor)
    for attempt in range(11):
        with pytest.raises(TooMany if attempt == 10 else WrongSecret):
            async with session_scope(engine) as session:
                account = await session.get(Account, doctor.id)
                account.full_name = "half done"
                session.add(account)
                await session.flush()
                await service.confirm_second_factor(session, actor, "000000")
    async with session_scope(engine) as session:
        assert (await session.get(Account, doctor.id)).full_name == doctor.full_name
        acts = (await session.exec(select(AuditEntry.act))).all()
    assert acts == ["second_factor.refused"] * 10


async def test_a_code_shown_again_uses_it_up(engine, doctor):
    with time_machine.travel(clock.now(), tick=False):
        async with session_scope(engine) as session:
            actor = await describe(session, doctor)
            otp = second_factor.code_at(doctor, clock.now())
            await service.confirm_second_factor(session, actor, otp)
        with pytest.raises(WrongSecret):
            async with session_scope(engine) as session:
                await service.confirm_second_factor(session, actor, otp)


async def test_the_next_code_is_never_a_used_one(engine, doctor):
    with time_machine.travel(clock.now(), tick=False):
        codes = []
        while code := second_factor.code_at(doctor, clock.now()):
            assert second_factor.use(doctor, code, clock.now())
            codes.append(code)
    assert len(codes) >= 2


def test_a_code_is_good_one_step_early_and_one_step_late():
    account = Account(full_name="x", email="x@y", totp_secret=second_factor.new_secret())
    totp = pyotp.TOTP(second_factor.secret_of(account))
    now = clock.now()
    for seconds, good in ((-60, False), (-30, True), (0, True), (30, True), (60, False)):
        account.totp_last_step = 0
        assert second_factor.use(account, totp.at(now + timedelta(seconds=seconds)), now) is good


async def test_a_new_colleague_enrols_and_comes_in(engine, province):
    async with session_scope(engine) as session:
        administrator = fresh(await describe(session, province.administrator))
        account = await service.create_staff(
            session, administrator, " Moi@Example.Test ", "Lý  Văn Mới", Role.TECHNICIAN, province.clinic.id, PASSWORD
        )
    assert (account.email, account.full_name, account.totp_confirmed) == ("moi@example.test", "Lý Văn Mới", False)
    _, secret = await try_password(engine, account)
    async with session_scope(engine) as session:
        assert (await actor_of(session, secret)).roles == {Role.TECHNICIAN}
        assert (await session.get(Account, account.id)).totp_confirmed


async def test_an_address_belongs_to_one_account(engine, province):
    with pytest.raises(AccountExists):
        async with session_scope(engine) as session:
            await service.create_staff(session, SYSTEM, province.doctor.email, "X", Role.TECHNICIAN, province.clinic.id)


async def test_only_administrators_make_colleagues_and_only_in_their_own_house(engine, province):
    async with session_scope(engine) as session:
        doctor = await describe(session, province.doctor)
        with pytest.raises(Forbidden):
            await service.create_staff(session, doctor, "x@example.test", "X", Role.TECHNICIAN, province.clinic.id)
        local = await service.create_staff(session, SYSTEM, "local@example.test", "Local", Role.ADMINISTRATOR, province.clinic.id)
        administrator = fresh(await describe(session, local))
        with pytest.raises(Forbidden):
            await service.create_staff(session, administrator, "x@example.test", "X", Role.TECHNICIAN, province.hospital.id)
        with pytest.raises(NotFound):
            await service.disable_account(session, administrator, province.specialist.id)
        with pytest.raises(Forbidden):
            await service.disable_account(session, administrator, local.id)


async def test_disabling_an_account_ends_its_sessions_at_once(engine, province, sign_in):
    client = await sign_in(province.doctor)
    assert (await client.get("/api/v1/me")).status_code == 200
    async with session_scope(engine) as session:
        await service.disable_account(session, fresh(await describe(session, province.administrator)), province.doctor.id)
    assert (await client.get("/api/v1/me")).status_code == 401


async def test_a_token_acts_for_its_account_until_revoked(engine, province):
    async with session_scope(engine) as session:
        secret = await service.create_token(session, province.technician, "gateway", 30)
    async with session_scope(engine) as session:
        actor = await actor_of(session, secret)
        assert (actor.account_id, actor.second_factor_at) == (province.technician.id, None)
        await service.end_session(session, actor, actor.session_id)
        with pytest.raises(SignInNeeded):
            await actor_of(session, secret)


async def test_only_digests_of_secrets_are_stored(engine, province):
    async with session_scope(engine) as session:
        secret = await service.create_token(session, province.technician, "gateway", 30)
        rows = (await session.exec(select(LoginSession.secret_hash))).all()
    assert all(secret not in row for row in rows)


async def test_the_first_administrator_is_made_once(engine):
    async with session_scope(engine) as session:
        code = await service.first_administrator_code(session)
    person = ("quan@example.test", "Bùi Văn Quản", PASSWORD, "Bắc Ninh", "10.0.0.1")
    with pytest.raises(WrongSecret):
        async with session_scope(engine) as session:
            await service.create_first_administrator(session, "wrong", *person)
    async with session_scope(engine) as session:
        account = await service.create_first_administrator(session, code, *person)
        assert (await describe(session, account)).roles == {Role.ADMINISTRATOR}
    with pytest.raises(AlreadySetUp):
        async with session_scope(engine) as session:
            await service.first_administrator_code(session)


@pytest.mark.parametrize(
    "password", ["short", "matkhau123456", "Password!2026", "123456789012", "aaaaaaaaaaaa", "hoang.thi.lan", "Bệnh viện 2026!"]
)
def test_common_passwords_are_refused(password):
    with pytest.raises(WeakPassword):
        passwords.check_strength(password, "hoang.thi.lan", "Hoàng Thị Lan")


@pytest.mark.parametrize("password", [PASSWORD, "x7-Tq9 mưa rào", "correct horse battery"])
def test_long_passwords_of_any_letters_are_taken(password):
    passwords.check_strength(password, "hoang.thi.lan", "Hoàng Thị Lan")


async def test_more_than_four_password_checks_wait_their_turn():
    stored = await passwords.digest(PASSWORD)
    assert all(await asyncio.gather(*[passwords.is_right(PASSWORD, stored) for _ in range(12)]))
    assert not await passwords.is_right(PASSWORD, None)


async def test_people_are_managed_only_with_a_second_factor_just_shown(engine, province):
    async with session_scope(engine) as session:
        administrator = await describe(session, province.administrator)
        for stale in (None, clock.now() - timedelta(minutes=6)):
            actor = replace(administrator, second_factor_at=stale)
            for act in (service.disable_account, service.enable_account, service.reset_sign_in):
                with pytest.raises(FreshFactorNeeded):
                    await act(session, actor, province.doctor.id)
            with pytest.raises(FreshFactorNeeded):
                await service.create_staff(session, actor, "x@example.test", "X", Role.TECHNICIAN, province.clinic.id)


async def test_a_password_changed_while_it_was_looked_at_does_not_let_anybody_in(engine, doctor):
    shown = await service.look_at_password(engine, doctor.email, PASSWORD, "10.0.0.1")
    async with session_scope(engine) as session:
        account = await session.get(Account, doctor.id)
        account.password_hash = await passwords.digest("another long password")
        session.add(account)
    with pytest.raises(WrongSecret):
        async with session_scope(engine) as session:
            await service.sign_in_with_password(session, shown, second_factor.code_at(doctor, clock.now()), "10.0.0.1")
