"""What was measured of calls, and who sees it."""

from sqlmodel import select

from signaling.statistics.models import CallLeg, CallSamples
from telehealth.consultations.calls import calls_of_late
from telehealth.consultations.models import Visit
from telehealth.core.db import session_scope
from telehealth.core.ids import new_id
from telehealth.identity.sessions import describe
from tests.signaling.calls import visit_now
from tests.signaling.statistics.test_summary import GOOD


async def test_what_a_page_measured_is_kept_and_the_coordinator_sees_it(engine, province, sign_in):
    appointment = await visit_now(engine, province)
    async with session_scope(engine) as session:
        session.add(Visit(appointment_id=appointment.id, state="live"))
    patient = await sign_in(province.patient_account)
    report = {"line": str(new_id()), "join_ms": 6200, "legs": [{"to": str(new_id()), "samples": [GOOD, GOOD | {"path": "tcp"}]}]}
    address = f"/api/v1/visits/{appointment.id}/statistics"
    assert [(await patient.post(address, json=report)).status_code for _ in range(2)] == [204, 204]

    async with session_scope(engine) as session:
        leg = (await session.exec(select(CallLeg))).one()
        assert (leg.looks, leg.join_ms) == (4, 6200)
        assert [len(row.samples) for row in await session.exec(select(CallSamples))] == [2, 2]
        found = await calls_of_late(session, await describe(session, province.coordinator))
    (call,) = found.calls
    assert call.troubles == {"slow_join", "relayed"}
    assert found.troubles["relayed"] == 1

    coordinator = await sign_in(province.coordinator)
    page = await coordinator.get("/operations/calls?trouble=relayed")
    assert page.status_code == 200
    assert "chuyển tiếp, TCP" in page.text
    assert (await patient.get("/operations/calls")).status_code == 403


async def test_figures_of_a_strangers_visit_are_refused(engine, province, sign_in):
    appointment = await visit_now(engine, province)
    stranger = await sign_in(province.doctor)
    answer = await stranger.post(f"/api/v1/visits/{appointment.id}/statistics", json={"line": str(new_id()), "legs": []})
    assert answer.status_code == 404
