"""UPS-RS over the reading tasks: one lock for workstations and pages."""

import pytest
from sqlmodel import select

from telehealth.core.db import session_scope
from telehealth.patients.models import PatientIdentifier
from telehealth.referrals import ups
from telehealth.referrals.models import UpsSubscription
from tests.telehealth.referrals.loop import add_images, answered, ask

KEY, OTHER_KEY = "2.25.111", "2.25.222"
ROOT = "/dicomweb/workitems"


def state(name: str, key: str = KEY) -> list[dict]:
    return [{"00081195": {"vr": "UI", "Value": [key]}, "00741000": {"vr": "CS", "Value": [name]}}]


def value(item: dict, tag: str):
    return item[tag].get("Value", [None])[0]


async def uid_of(client, referral) -> str:
    found = await client.get(ROOT, params={"AccessionNumber": referral["code"]})
    [item] = found.json()
    return value(item, "00080018")


@pytest.fixture
async def reader(sign_in, province):
    return await sign_in(province.specialist)


@pytest.fixture
async def question(sign_in, province):
    return await ask(await sign_in(province.doctor), province, priority="urgent")


async def test_a_question_is_a_scheduled_workitem_with_its_images(engine, reader, question, province, sign_in):
    await add_images(engine, province, question)

    [item] = (await reader.get(ROOT, params={"ProcedureStepState": "SCHEDULED", "PatientName": "hoa nguyen"})).json()

    assert value(item, "00741000") == "SCHEDULED"
    assert value(item, "00741200") == "MEDIUM"
    assert value(item, "00100010") == {"Alphabetic": "Nguyễn^Hoà^Thị"}
    [same] = (await reader.get(f"{ROOT}/{value(item, '00080018')}")).json()
    assert same == item
    assert (await reader.get(ROOT, params={"PatientName": "Trần"})).status_code == 204


async def test_a_claim_by_a_workstation_locks_the_page_and_the_other_way_round(reader, sign_in, province, question):
    other = await sign_in(province.other_specialist)
    uid = await uid_of(reader, question)

    assert (await reader.put(f"{ROOT}/{uid}/state", json=state("IN PROGRESS"))).status_code == 200
    refused = await other.post(f"/api/v1/referrals/{question['id']}/claim")
    assert (refused.status_code, refused.json()["held_by"]) == (409, "Lê Quang Minh")
    assert (await other.put(f"{ROOT}/{uid}/state", json=state("IN PROGRESS", OTHER_KEY))).status_code == 409

    second = await ask(await sign_in(province.doctor), province)
    assert (await other.post(f"/api/v1/referrals/{second['id']}/claim")).status_code == 200
    second_uid = await uid_of(reader, second)
    assert (await reader.put(f"{ROOT}/{second_uid}/state", json=state("IN PROGRESS"))).status_code == 409
    [seen] = (await reader.get(f"{ROOT}/{second_uid}")).json()
    assert value(seen, "00741000") == "IN PROGRESS"


async def test_only_the_holder_of_the_key_tells_progress_and_gives_back(reader, question):
    uid = await uid_of(reader, question)
    await reader.put(f"{ROOT}/{uid}/state", json=state("IN PROGRESS"))
    told = [{"00741002": {"vr": "SQ", "Value": [{"00741004": {"vr": "DS", "Value": [40]}}]}}]

    assert (await reader.post(f"{ROOT}/{uid}", params={"transaction-uid": OTHER_KEY}, json=told)).status_code == 409
    assert (await reader.post(f"{ROOT}/{uid}", params={"transaction-uid": KEY}, json=told)).status_code == 200
    [item] = (await reader.get(f"{ROOT}/{uid}")).json()
    assert value(value(item, "00741002"), "00741004") == 40
    assert "00081195" not in item

    assert (await reader.put(f"{ROOT}/{uid}/state", json=state("CANCELED"))).status_code == 200
    [given_back] = (await reader.get(f"{ROOT}/{uid}")).json()
    assert value(given_back, "00741000") == "CANCELED"
    again = await uid_of(reader, question)
    assert again != uid
    assert (await reader.put(f"{ROOT}/{again}/state", json=state("IN PROGRESS", OTHER_KEY))).status_code == 200


async def test_completed_follows_from_the_signature_alone(reader, sign_in, province, question):
    uid = await uid_of(reader, question)
    await reader.put(f"{ROOT}/{uid}/state", json=state("IN PROGRESS"))
    unsigned = await reader.put(f"{ROOT}/{uid}/state", json=state("COMPLETED"))
    assert (unsigned.status_code, unsigned.json()["type"]) == (409, "/problems/answer-not-signed")

    done = await answered(sign_in, province)
    signed_uid = await uid_of(reader, done)
    again = await reader.put(f"{ROOT}/{signed_uid}/state", json=state("COMPLETED"))
    assert (again.status_code, "already" in again.headers["warning"]) == (200, True)
    assert (await reader.put(f"{ROOT}/{signed_uid}/state", json=state("CANCELED"))).status_code == 409


async def test_a_clinic_creates_and_takes_back_a_workitem(engine, sign_in, province):
    doctor = await sign_in(province.doctor)
    async with session_scope(engine) as session:
        session.add(PatientIdentifier(patient_id=province.patient.id, system="national_id", value="024159001234"))
    asked = [
        {
            "00100020": {"vr": "LO", "Value": ["024159001234"]},
            "00400400": {"vr": "LT", "Value": ["Có u phổi không?"]},
            "00741200": {"vr": "CS", "Value": ["HIGH"]},
        }
    ]

    assert (await doctor.post(f"{ROOT}?1.2.3.4", json=asked)).json()["type"] == "/problems/consent-missing"
    created = await doctor.post(f"{ROOT}?1.2.3.4&consent=true", json=asked)
    assert (created.status_code, created.headers["location"]) == (201, f"http://testserver{ROOT}/1.2.3.4")
    assert (await doctor.post(f"{ROOT}?1.2.3.4&consent=true", json=asked)).status_code == 409
    [item] = (await doctor.get(f"{ROOT}/1.2.3.4")).json()
    assert (value(item, "00400400"), value(item, "00741000")) == ("Có u phổi không?", "SCHEDULED")

    assert (await doctor.post(f"{ROOT}/1.2.3.4/cancelrequest")).status_code == 202
    [item] = (await doctor.get(f"{ROOT}/1.2.3.4")).json()
    assert value(item, "00741000") == "CANCELED"


@pytest.mark.parametrize(
    "body", [None, 7, [], [1], [{}], [{"00741000": 1}], state("DONE"), state("IN PROGRESS", "x"), [{"00081195": {"Value": 3}}]]
)
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_nonsense_is_refused(reader, question, body):
    uid = await uid_of(reader, question)

    assert (await reader.put(f"{ROOT}/{uid}/state", json=body)).status_code == 422


async def test_strangers_see_nothing(sign_in, province, question, reader):
    uid = await uid_of(reader, question)
    stranger = await sign_in(province.other_doctor)

    assert (await stranger.get(ROOT)).status_code == 204
    assert (await stranger.get(f"{ROOT}/{uid}")).status_code == 404
    assert (await stranger.put(f"{ROOT}/{uid}/state", json=state("IN PROGRESS"))).status_code == 404
    assert (await (await sign_in(province.patient_account)).get(ROOT)).status_code == 403


async def test_subscriptions_are_kept_until_they_are_given_up(reader, question, session):
    uid = await uid_of(reader, question)
    everything = "1.2.840.10008.5.1.4.34.5"

    for one in (uid, everything):
        assert (await reader.post(f"{ROOT}/{one}/subscribers/VIEWER1")).status_code == 201
        assert (await reader.post(f"{ROOT}/{one}/subscribers/VIEWER1")).status_code == 201
    assert (await reader.post(f"{ROOT}/{everything}/subscribers/VIEWER1/suspend")).status_code == 200
    kept = {(one.workitem_uid, one.suspended) for one in await session.exec(select(UpsSubscription))}
    await session.rollback()
    assert kept == {(uid, False), (everything, True)}
    assert (await reader.delete(f"{ROOT}/{uid}/subscribers/VIEWER1")).status_code == 200
    assert (await reader.delete(f"{ROOT}/{uid}/subscribers/VIEWER1")).status_code == 404


@pytest.mark.parametrize("key", ["AccessionNumber", "ProcedureStepState"])
async def test_a_search_finds_what_lies_behind_a_page_of_others(monkeypatch, sign_in, reader, province, question, key):
    monkeypatch.setattr(ups, "PAGE", 1)
    doctor = await sign_in(province.doctor)
    last = await ask(doctor, province)
    assert (await reader.post(f"/api/v1/referrals/{last['id']}/claim")).status_code == 200
    wanted = {"AccessionNumber": last["code"], "ProcedureStepState": "IN PROGRESS"}[key]
    [item] = (await reader.get(ROOT, params={key: wanted})).json()
    assert last["code"] in value(item, "00741204")
