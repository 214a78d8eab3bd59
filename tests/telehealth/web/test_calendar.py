"""A specialist's own calendar: what it would break is said before it is changed."""

from datetime import timedelta

from sqlmodel import select

from telehealth.core.db import session_scope
from telehealth.identity.models import Account
from telehealth.scheduling.models import Appointment, DayOverride, Practitioner, TimeOff
from tests.factories import tomorrow_at

DAY = (tomorrow_at(9) + timedelta(hours=7)).date().isoformat()


async def booked(sign_in, province) -> None:
    patient = await sign_in(province.patient_account)
    wish = {"practitioner_id": str(province.specialist.id), "patient_id": str(province.patient.id), "consent": True}
    answer = await patient.post("/api/v1/appointments", json=wish | {"start": tomorrow_at(9).isoformat()})
    assert answer.status_code == 201, answer.text


async def free_on(client, province) -> list[str]:
    path = f"/api/v1/practitioners/{province.specialist.id}/free-times?from={DAY}&days=1"
    [day] = (await client.get(path)).json()["days"]
    return [time["start"][11:16] for time in day["times"]]


async def kept(engine, model) -> list:
    async with session_scope(engine) as session:
        return list(await session.exec(select(model)))


async def test_time_off_names_the_visits_it_would_break_and_asks_again(sign_in, province, engine):
    await booked(sign_in, province)
    specialist = await sign_in(province.specialist)
    form = {"first": DAY, "last": DAY}
    asked = await specialist.post("/calendar/away", data=form)
    assert asked.status_code == 409
    assert province.patient.full_name in asked.text
    assert 'name="confirm" value="yes"' in asked.text
    assert await kept(engine, TimeOff) == []
    assert (await specialist.post("/calendar/away", data=form | {"confirm": "yes"})).status_code == 303
    [away], [visit] = await kept(engine, TimeOff), await kept(engine, Appointment)
    assert visit.status == "booked"
    assert (await specialist.post(f"/calendar/away/{away.id}/remove")).status_code == 303
    assert await kept(engine, TimeOff) == []


async def test_one_day_has_other_hours_and_then_again_its_own(sign_in, province, engine):
    specialist = await sign_in(province.specialist)
    usual = await free_on(specialist, province)
    form = {"day": DAY, "start": "14:00", "end": "15:00"}
    assert (await specialist.post("/calendar/day", data=form)).status_code == 303
    assert await free_on(specialist, province) == ["14:00", "14:20", "14:40"]
    assert "14:00–15:00" in (await specialist.get("/calendar")).text
    assert (await specialist.post("/calendar/day", data={"day": DAY})).status_code == 303
    assert await free_on(specialist, province) == []
    assert len(await kept(engine, DayOverride)) == 1
    assert (await specialist.post("/calendar/day/remove", data={"day": DAY})).status_code == 303
    assert await free_on(specialist, province) == usual
    assert (await specialist.post("/calendar/day", data=form | {"end": "13:00"})).status_code == 422


async def test_a_day_that_loses_a_booked_visit_asks_again(sign_in, province):
    await booked(sign_in, province)
    specialist = await sign_in(province.specialist)
    assert (await specialist.post("/calendar/day", data={"day": DAY, "start": "14:00", "end": "15:00"})).status_code == 409
    assert (await specialist.post("/calendar/day", data={"day": DAY, "start": "08:00", "end": "12:00"})).status_code == 303


async def test_nobody_changes_anothers_calendar(sign_in, province, engine):
    async with session_scope(engine) as session:
        away = TimeOff(practitioner_id=province.specialist.id, start_at=tomorrow_at(9), end_at=tomorrow_at(10))
        session.add(away)
    other = await sign_in(province.other_specialist)
    assert (await other.post(f"/calendar/away/{away.id}/remove")).status_code == 403
    assert (await (await sign_in(province.doctor)).get("/calendar")).status_code == 404


async def test_a_professor_in_paris_sees_where_the_clocks_part(sign_in, province, engine):
    async with session_scope(engine) as session:
        person = await session.get(Practitioner, (await session.get(Account, province.specialist.id)).id)
        person.zone = "Europe/Paris"
        session.add(person)
    assert (await (await sign_in(province.specialist)).get("/calendar")).status_code == 200
