"""Booking over HTTP, on both databases."""

import asyncio
from datetime import datetime, timedelta

import pytest
from icalendar import Calendar
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from telehealth.core.db import session_scope
from telehealth.notifications.models import Notice
from telehealth.scheduling.models import Appointment
from tests import factories
from tests.factories import tomorrow_at


def wish(province: factories.Province, start: datetime, **more: object) -> dict[str, object]:
    return {
        "practitioner_id": str(province.specialist.id),
        "patient_id": str(province.patient.id),
        "start": start.isoformat(),
        "consent": True,
        **more,
    }


async def test_a_patient_books_moves_and_cancels_with_one_calendar_entry(sign_in, province, session):
    patient = await sign_in(province.patient_account)
    booked = await patient.post("/api/v1/appointments", json=wish(province, tomorrow_at(9)))
    assert booked.status_code == 201, booked.text
    address = booked.headers["Location"]
    first = Calendar.from_ical((await patient.get(address + "/calendar.ics")).content)
    moved = await patient.post(address + "/move", json={"start": tomorrow_at(10).isoformat()})
    assert moved.status_code == 200, moved.text
    cancelled = await patient.post(address + "/cancel", json={"reason": "bận"})
    last = Calendar.from_ical((await patient.get(address + "/calendar.ics")).content)

    events = [calendar.walk("VEVENT")[0] for calendar in (first, last)]
    assert events[0]["UID"] == events[1]["UID"]
    assert [int(event["SEQUENCE"]) for event in events] == [0, 2]
    assert [str(calendar["METHOD"]) for calendar in (first, last)] == ["REQUEST", "CANCEL"]
    assert events[0].decoded("DTSTART") == tomorrow_at(9)
    assert cancelled.json()["status"] == "cancelled"
    notices = (await session.exec(select(Notice.template, Notice.state).order_by(Notice.created_at))).all()
    assert {state for template, state in notices if template == "appointment_reminder"} == {"void"}


async def test_fifty_want_one_time_and_one_gets_it(sign_in, province, engine):
    rivals = []
    async with session_scope(engine) as session:
        for number in range(50):
            patient = await factories.make_patient(session, f"Nguyễn Văn {number}")
            rivals.append((patient, await factories.make_patient_account(session, patient)))
    clients = [await sign_in(account) for _, account in rivals]
    bodies = [{**wish(province, tomorrow_at(9)), "patient_id": str(patient.id)} for patient, _ in rivals]
    answers = await asyncio.gather(
        *(client.post("/api/v1/appointments", json=body, timeout=60) for client, body in zip(clients, bodies, strict=True))
    )

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {problem["type"] for problem in refused} == {"/problems/slot-taken"}
    expected = [tomorrow_at(9, 20), tomorrow_at(9, 40), tomorrow_at(10)]
    assert all([datetime.fromisoformat(free) for free in problem["next_free"]] == expected for problem in refused)


async def test_one_person_cannot_be_with_two_specialists_at_once_and_nothing_deadlocks(sign_in, province):
    patient = await sign_in(province.patient_account)
    people = (province.specialist, province.other_specialist) * 6
    bodies = [wish(province, tomorrow_at(9), practitioner_id=str(person.id)) for person in people]
    answers = await asyncio.gather(*(patient.post("/api/v1/appointments", json=body, timeout=60) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 11


async def test_a_clinic_sees_moves_and_cancels_what_it_booked_for_its_patient(sign_in, province):
    clinic = await sign_in(province.technician)
    booked = await clinic.post("/api/v1/appointments", json=wish(province, tomorrow_at(9)))
    assert booked.status_code == 201, booked.text
    address = booked.headers["Location"]
    assert [one["id"] for one in (await clinic.get("/api/v1/appointments")).json()] == [booked.json()["id"]]
    assert (await clinic.post(address + "/move", json={"start": tomorrow_at(10).isoformat()})).status_code == 200
    assert (await clinic.post(address + "/cancel", json={"reason": "bận"})).status_code == 200
    assert (await (await sign_in(province.other_doctor)).get(address)).status_code == 404


async def test_the_database_itself_refuses_an_overlap_of_a_second(session, province):
    def appointment(start: datetime) -> Appointment:
        return Appointment(
            practitioner_id=province.specialist.id,
            patient_id=province.patient.id,
            organisation_id=province.hospital.id,
            start_at=start,
            end_at=start + timedelta(minutes=20),
            zone="Asia/Ho_Chi_Minh",
            ics_uid=str(start),
        )

    session.add(appointment(tomorrow_at(9)))
    await session.flush()
    session.add(appointment(tomorrow_at(9) + timedelta(minutes=19, seconds=59)))
    with pytest.raises(IntegrityError, match=r"appointment_(practitioner|patient)_overlap"):
        await session.flush()


async def test_every_time_shown_can_be_booked(sign_in, province):
    patient = await sign_in(province.patient_account)
    path = f"/api/v1/practitioners/{province.specialist.id}/free-times"
    days = (await patient.get(path, params={"from": tomorrow_at(9).date().isoformat(), "days": 2})).json()["days"]
    for slot in [slot for day in days for slot in day["times"]][::9]:
        answer = await patient.post("/api/v1/appointments", json=wish(province, datetime.fromisoformat(slot["start"])))
        assert answer.status_code == 201, answer.text


async def test_a_time_between_the_offered_ones_is_refused(sign_in, province):
    patient = await sign_in(province.patient_account)
    answer = await patient.post("/api/v1/appointments", json=wish(province, tomorrow_at(9, 7)))
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/not-offered")


async def test_the_same_request_again_is_the_same_appointment(sign_in, province):
    patient = await sign_in(province.patient_account)
    headers = {"Idempotency-Key": "k1"}
    ids = [
        (await patient.post("/api/v1/appointments", json=wish(province, tomorrow_at(9)), headers=headers)).json()["id"]
        for _ in range(2)
    ]
    assert ids[0] == ids[1]
    other = await patient.post("/api/v1/appointments", json=wish(province, tomorrow_at(10)), headers=headers)
    assert (other.status_code, other.json()["type"]) == (409, "/problems/idempotency-key-reused")


async def test_nothing_is_booked_without_consent(sign_in, province):
    patient = await sign_in(province.patient_account)
    answer = await patient.post("/api/v1/appointments", json=wish(province, tomorrow_at(9), consent=False))
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/consent-missing")


async def test_a_patient_past_the_cut_off_must_call(sign_in, province, session):
    soon = datetime.now(tomorrow_at(9).tzinfo) + timedelta(hours=1)
    row = Appointment(
        practitioner_id=province.specialist.id,
        patient_id=province.patient.id,
        organisation_id=province.hospital.id,
        start_at=soon,
        end_at=soon + timedelta(minutes=20),
        zone="Asia/Ho_Chi_Minh",
        ics_uid="soon",
    )
    session.add(row)
    await session.commit()
    path = f"/api/v1/appointments/{row.id}/cancel"
    patient, specialist = await sign_in(province.patient_account), await sign_in(province.specialist)
    refused = await patient.post(path, json={"reason": "bận"})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/too-late")
    assert (await specialist.post(path, json={"reason": "ốm"})).status_code == 200


async def test_a_stranger_does_not_learn_that_an_appointment_exists(sign_in, province):
    patient, stranger = await sign_in(province.patient_account), await sign_in(province.other_patient_account)
    address = (await patient.post("/api/v1/appointments", json=wish(province, tomorrow_at(9)))).headers["Location"]
    assert [(await stranger.get(address + tail)).status_code for tail in ("", "/calendar.ics")] == [404, 404]
    assert (await stranger.post(address + "/cancel", json={})).status_code == 404


async def test_a_specialist_is_found_without_marks_in_any_order(client, province):
    found = (await client.get("/api/v1/practitioners", params={"q": "minh le QUANG"})).json()
    assert [practitioner["full_name"] for practitioner in found] == ["Lê Quang Minh"]
