"""Pages of the account: coming in by phone or password, nowhere else to be led, the own devices."""

import pytest
from sqlmodel import col, select

from telehealth.core import clock
from telehealth.core.crypto import decrypt
from telehealth.core.db import session_scope
from telehealth.identity import passwords, second_factor
from telehealth.identity.models import Account, OneTimeCode
from telehealth.notifications import tasks
from telehealth.web.pages.account import safe_next

PASSWORD = "con trâu đi trước cái cày"


async def test_a_patient_comes_in_by_phone_and_code(client, engine, config):
    asked = await client.post("/sign-in/code", data={"phone": "0912 345 678", "next": "/visits"})
    assert asked.status_code == 200
    await tasks.sweep(engine, config)
    async with session_scope(engine) as session:
        row = (await session.exec(select(OneTimeCode).order_by(col(OneTimeCode.created_at).desc()))).first()
    assert row.sealed is None
    shown = (await client.get("/demo/messages", headers={"Accept": "application/json"})).json()["messages"][0]
    code = next(word for word in shown["text"].split() if word.isdigit() and len(word) == 6)
    came = await client.post("/sign-in/phone", data={"phone": "0912 345 678", "code": code, "next": "/visits"})
    assert (came.status_code, came.headers["location"]) == (303, "/visits")
    cookie = came.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert (await client.get("/account")).status_code == 200


async def test_a_wrong_code_shows_the_form_again(client):
    answer = await client.post("/sign-in/phone", data={"phone": "0912345678", "code": "000000"})
    assert answer.status_code == 422
    assert 'value="0912345678"' in answer.text


async def test_staff_come_in_by_password_and_code_and_the_wrong_ones_are_counted(client, engine, province):
    async with session_scope(engine) as session:
        account = await session.get(Account, province.doctor.id)
        account.password_hash = await passwords.digest(PASSWORD)
        session.add(account)
    form = {"email": account.email, "password": PASSWORD}
    for _ in range(9):
        assert (await client.post("/sign-in/password", data=form | {"otp": "000000"})).status_code == 422
    otp = second_factor.code_at(account, clock.now())
    assert (await client.post("/sign-in/password", data=form | {"otp": otp})).headers["location"] == "/"
    assert (await client.post("/sign-in/password", data=form | {"otp": "000000"})).status_code == 422
    assert (await client.post("/sign-in/password", data=form | {"otp": "000000"})).status_code == 429


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:x", "/sign-out", "/a\nb", ""]
)
def test_sign_in_leads_nowhere_else(path):
    assert safe_next(path) == "/"


def test_sign_in_leads_back():
    assert safe_next("/visits/0190?a=1") == "/visits/0190?a=1"


async def test_one_can_sign_out_another_device(sign_in, province):
    here, there = await sign_in(province.doctor), await sign_in(province.doctor)
    (other,) = [s for s in (await here.get("/api/v1/me/sessions")).json() if not s["is_this_one"]]
    answer = await here.post(f"/account/sessions/{other['id']}/end")
    assert answer.status_code == 303
    assert (await there.get("/api/v1/me")).status_code == 401


async def test_somebody_elses_session_is_unknown(sign_in, province):
    doctor, technician = await sign_in(province.doctor), await sign_in(province.technician)
    (theirs,) = (await technician.get("/api/v1/me/sessions")).json()
    assert (await doctor.delete(f"/api/v1/me/sessions/{theirs['id']}")).status_code == 404
    assert (await technician.get("/api/v1/me")).status_code == 200


async def test_sign_out_ends_the_session(sign_in, province):
    client = await sign_in(province.doctor)
    assert (await client.post("/api/v1/sign-out")).status_code == 204
    assert (await client.get("/api/v1/me")).status_code == 401


async def test_me_names_roles_and_people(sign_in, province):
    me = (await (await sign_in(province.patient_account)).get("/api/v1/me")).json()
    assert (me["roles"], me["patients"]) == ({"patient": []}, [str(province.patient.id)])


async def test_the_answer_to_a_phone_number_is_always_the_same(client, province):
    known, unknown = [
        await client.post("/api/v1/sign-in/code", json={"phone": phone})
        for phone in (province.patient_account.phone, "0355555555")
    ]
    assert (
        (known.status_code, known.json())
        == (unknown.status_code, unknown.json())
        == (202, {"status": "sent", "expires_in_s": 600})
    )


async def test_too_many_codes_say_when_to_come_back(client):
    for _ in range(5):
        await client.post("/api/v1/sign-in/code", json={"phone": "0912345678"})
    answer = await client.post("/api/v1/sign-in/code", json={"phone": "0912345678"})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 900
    assert answer.json()["type"] == "/problems/too-many-attempts"


async def test_a_new_authenticator_is_shown_until_its_first_code(sign_in, province, engine):
    client = await sign_in(province.doctor)
    otp = second_factor.code_at(province.doctor, clock.now())
    await client.post("/account/second-factor/replace", data={"otp": otp})
    assert "data:image/svg+xml" in (await client.get("/account")).text
    async with session_scope(engine) as session:
        account = await session.get(Account, province.doctor.id)
        assert decrypt(account.totp_secret) != decrypt(province.doctor.totp_secret)
    otp = second_factor.code_at(account, clock.now())
    assert (await client.post("/account/second-factor/confirm", data={"otp": otp})).status_code == 303
    assert "data:image/svg+xml" not in (await client.get("/account")).text


async def test_a_common_password_is_not_taken(sign_in, province):
    client = await sign_in(province.doctor)
    otp = second_factor.code_at(province.doctor, clock.now())
    assert (await client.post("/account/password", data={"password": "matkhau123456", "otp": otp})).status_code == 422
    assert (await client.post("/account/password", data={"password": PASSWORD, "otp": otp})).status_code == 303
