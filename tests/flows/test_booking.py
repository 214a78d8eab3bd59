"""A patient's way through the pages, from the list to the cancelled visit."""

import re
from uuid import UUID

from tests.factories import tomorrow_at


async def test_a_patient_books_looks_and_cancels_through_the_pages(client, sign_in, province):
    assert "Lê Quang" in (await client.get("/specialists", params={"q": "quang minh"})).text
    times = await client.get(f"/specialists/{province.specialist.id}")
    assert times.status_code == 200, times.text
    patient = await sign_in(province.patient_account)
    choice = {"practitioner": str(province.specialist.id), "start": tomorrow_at(9).isoformat()}
    page = await patient.get("/book", params=choice)
    assert page.status_code == 200, page.text
    assert not re.search(r'name="consent"[^>]*checked', page.text)

    form = {**choice, "patient": str(province.patient.id), "reason": "Đau ngực khi gắng sức"}
    emergency = await patient.post("/book", data={**form, "urgent": "yes", "consent": "yes"})
    unasked = await patient.post("/book", data={**form, "urgent": "no"})
    booked = await patient.post("/book", data={**form, "urgent": "no", "consent": "yes"})
    again = await patient.post("/book", data={**form, "urgent": "no", "consent": "yes", "patient": "new", "name": "Lê Văn An"})

    assert "115" in emergency.text
    assert (unasked.status_code, "Đau ngực khi gắng sức" in unasked.text) == (422, True)
    assert booked.status_code == 303, booked.text
    assert (again.status_code, "Lê Văn An" in again.text, again.text.count('name="start"')) == (409, True, 3)
    address = booked.headers["location"].partition("?")[0]
    for path in ("/visits", address, address + "/cancel", address + "/calendar.ics"):
        assert (await patient.get(path)).status_code == 200, path
    move = await patient.post(address + "/move", data={"start": tomorrow_at(11).isoformat()})
    cancel = await patient.post(address + "/cancel", data={"reason": ""})
    assert (move.status_code, cancel.status_code) == (303, 303)


async def test_a_specialist_sets_hours_on_a_page(sign_in, province):
    specialist = await sign_in(province.specialist)
    assert (await specialist.get("/calendar")).status_code == 200
    added = await specialist.post("/calendar/hours", data={"weekday": 1, "start": "18:00", "end": "20:00"})
    wrong = await specialist.post("/calendar/hours", data={"weekday": 1, "start": "20:00", "end": "18:00"})
    assert (added.status_code, wrong.status_code) == (303, 422)


async def test_a_wrong_person_or_year_brings_the_form_back_with_its_text(sign_in, province):
    patient = await sign_in(province.patient_account)
    form = {
        "practitioner": str(province.specialist.id),
        "start": tomorrow_at(9).isoformat(),
        "urgent": "no",
        "consent": "yes",
        "reason": "Đau lưng",
    }
    wrong = [
        {"patient": ""},
        {"patient": "no-such-person"},
        {"patient": "new", "name": "Lê Văn An", "year": "năm 1960"},
        {"patient": "new", "name": "Lê Văn An", "year": "2999"},
        {"patient": "new", "name": " "},
    ]
    for person in wrong:
        page = await patient.post("/book", data={**form, **person})
        assert (page.status_code, "Đau lưng" in page.text, 'role="alert"' in page.text) == (422, True, True), person
        assert page.text.count(person.get("year", "")) > 0
    unknown = await patient.post("/book", data={**form, "patient": str(UUID(int=7))})
    assert (unknown.status_code, "Đau lưng" in unknown.text) == (404, True)


async def test_a_person_is_added_together_with_the_visit(sign_in, province):
    patient = await sign_in(province.patient_account)
    form = {"practitioner": str(province.specialist.id), "start": tomorrow_at(9).isoformat(), "urgent": "no", "consent": "yes"}
    booked = await patient.post("/book", data={**form, "patient": "new", "name": "Lê Văn An", "year": "1960"})
    assert booked.status_code == 303, booked.text
    assert "Lê Văn An" in (await patient.get("/visits")).text


FAR = ("9999-12-31T23:59:00Z", "0001-01-01T00:00:00+07:00")


async def test_the_ends_of_the_calendar_and_nul_are_no_faults_of_ours(sign_in, province):
    patient, specialist = await sign_in(province.patient_account), await sign_in(province.specialist)
    who = {"practitioner": str(province.specialist.id), "patient": str(province.patient.id)}
    wish = {"practitioner_id": str(province.specialist.id), "patient_id": str(province.patient.id), "consent": True}
    for start in FAR:
        assert (await patient.get("/book", params={**who, "start": start})).status_code == 422
        assert (await patient.post("/book", data={**who, "start": start, "urgent": "no", "consent": "yes"})).status_code == 422
        assert (await patient.post("/api/v1/appointments", json={**wish, "start": start})).status_code in (409, 422)
    last = await patient.get(f"/specialists/{province.specialist.id}", params={"from": "9999-12-30"})
    assert (last.status_code, last.text.count("?from=")) == (200, 1)  # only back
    assert (await patient.get("/specialists", params={"q": "a\0"})).status_code == 200
    away = [{"first": "0001-01-01", "last": "2026-12-01"}, {"first": "2026-12-01", "last": "9999-12-31"}]
    assert [(await specialist.post("/calendar/away", data=days)).status_code for days in away] == [422, 422]
    form = {**who, "start": tomorrow_at(9).isoformat(), "urgent": "no", "consent": "yes", "reason": "đau\0 lưng"}
    assert (await patient.post("/book", data=form)).status_code == 303
