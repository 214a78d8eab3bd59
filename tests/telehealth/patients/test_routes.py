from sqlmodel import col, select

from telehealth.core.db import session_scope
from telehealth.identity.models import Account
from telehealth.patients.models import Consent, PatientFacility, Purpose
from telehealth.patients.numbers import warnings_about

HOA = {"full_name": "Nguyễn Thị Hoà", "birth_date": "1959-03-02", "sex": "female"}
NUMBER = "024159001234"


async def test_staff_find_a_registered_person_without_marks_in_any_order(sign_in, province):
    doctor = await sign_in(province.doctor)
    made = await doctor.post("/api/v1/patients", json={**HOA, "full_name": "Lê  Thị Bưởi", "national_id": "024 159 001 234"})
    found = await doctor.post("/api/v1/patients/search", json={"text": "buoi le"})

    assert made.status_code == 201, made.text
    assert made.headers["location"].endswith(made.json()["id"])
    assert (made.json()["full_name"], made.json()["national_id"], made.json()["warnings"]) == ("Lê Thị Bưởi", NUMBER, [])
    assert [p["id"] for p in found.json()] == [made.json()["id"]]


async def test_a_number_that_contradicts_the_birth_year_warns_and_does_not_block(sign_in, province):
    doctor = await sign_in(province.doctor)
    made = await doctor.post("/api/v1/patients", json={**HOA, "birth_date": "1960-03-02", "national_id": NUMBER})

    assert (made.status_code, made.json()["warnings"]) == (201, ["number_other_birth_year"])


def test_what_a_personal_number_says():
    assert warnings_about("", 1959, "female") == ()
    assert warnings_about("0241 5900 1234", 1959, "female") == ()
    assert warnings_about("024159001234", 1959, "male") == ("number_other_sex",)
    assert warnings_about("024309001234", 2009, "female") == ()
    assert warnings_about("999159001234", None, "unknown") == ("number_unknown_province",)
    assert warnings_about("12345", 1959, "female") == ("number_not_12_digits",)


async def test_another_clinic_does_not_find_the_person_by_name_but_by_the_exact_number(sign_in, province):
    doctor, other = await sign_in(province.doctor), await sign_in(province.other_doctor)
    made = (await doctor.post("/api/v1/patients", json={**HOA, "national_id": NUMBER})).json()

    by_name = (await other.post("/api/v1/patients/search", json={"text": "Hoà"})).json()
    suggested = (await other.post("/api/v1/patients/candidates", json={**HOA, "national_id": NUMBER})).json()
    again = await other.post("/api/v1/patients", json={**HOA, "national_id": NUMBER})

    assert by_name == []
    assert [(c["patient"]["id"], c["verdict"], c["known_here"]) for c in suggested] == [(made["id"], "match", False)]
    assert (again.status_code, again.json()["type"]) == (409, "/problems/patient-known")
    assert again.json()["patient_id"] == made["id"]
    assert (await other.get(f"/api/v1/patients/{made['id']}")).status_code == 404

    taken = await other.post(f"/api/v1/patients/{made['id']}/take-in", json={"national_id": NUMBER})
    assert taken.status_code == 200
    assert (await other.get(f"/api/v1/patients/{made['id']}")).status_code == 200


async def test_a_wrong_number_takes_nobody_in(sign_in, province):
    other = await sign_in(province.other_doctor)
    answer = await other.post(f"/api/v1/patients/{province.patient.id}/take-in", json={"national_id": NUMBER})

    assert answer.status_code == 404


async def test_duplicates_are_suggested_with_reasons(sign_in, province):
    doctor = await sign_in(province.doctor)
    given = {"full_name": "NGUYEN THI HOA", "birth_year": 1959, "sex": "female"}
    suggested = (await doctor.post("/api/v1/patients/candidates", json=given)).json()

    assert suggested[0]["patient"]["id"] == str(province.patient.id)
    assert suggested[0]["reasons"] == ["name_same", "birth_year_same", "sex_same"]


async def test_two_people_share_one_phone(sign_in, province):
    phone = await sign_in(province.patient_account)
    made = await phone.post("/api/v1/patients", json={"full_name": "Nguyễn Văn Ông", "birth_year": 1955, "relation": "spouse"})
    own = (await phone.get("/api/v1/patients/own")).json()

    assert made.status_code == 201
    assert {p["full_name"] for p in own} == {"Nguyễn Thị Hoà", "Nguyễn Văn Ông"}


async def test_a_phone_that_types_a_strangers_number_neither_reaches_nor_learns(sign_in, province):
    doctor, phone = await sign_in(province.doctor), await sign_in(province.other_patient_account)
    record = (await doctor.post("/api/v1/patients", json={**HOA, "national_id": NUMBER})).json()
    answer = await phone.post("/api/v1/patients", json={**HOA, "national_id": NUMBER})

    assert answer.status_code == 201
    assert answer.json()["id"] != record["id"]
    assert (await phone.get(f"/api/v1/patients/{record['id']}")).status_code == 404


async def test_names_and_unknown_fields_are_checked(sign_in, province):
    doctor = await sign_in(province.doctor)
    for wrong in ({**HOA, "full_name": " "}, {**HOA, "surprise": 1}, {**HOA, "birth_date": "2999-01-01"}, {"sex": "female"}):
        assert (await doctor.post("/api/v1/patients", json=wrong)).status_code == 422


async def test_only_those_who_register_people_may(sign_in, province, client):
    assert (await client.post("/api/v1/patients", json=HOA)).status_code == 401
    for name in ("specialist", "administrator", "auditor"):
        assert (await (await sign_in(province.accounts[name])).post("/api/v1/patients", json=HOA)).status_code == 403


async def test_consent_is_a_ledger(engine, province):
    from telehealth.identity.sessions import describe
    from telehealth.patients import service

    async with session_scope(engine) as session:
        account = await session.get(Account, province.patient_account.id)
        actor = await describe(session, account)
        for given in (True, False):
            await service.give_consent(session, actor, province.patient.id, Purpose.REMOTE_VISIT, "1", given=given)
    async with session_scope(engine) as session:
        rows = (await session.exec(select(Consent).order_by(col(Consent.id)))).all()
        facilities = (await session.exec(select(PatientFacility))).all()

    assert [row.given for row in rows] == [True, False]
    assert len(facilities) == 2
