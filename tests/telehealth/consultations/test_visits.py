"""Visits over HTTP and their ends, on both databases."""

from datetime import timedelta

import pytest
from sqlmodel import select

from signaling import service as rooms
from signaling import tickets
from signaling.models import Presence
from telehealth.consultations import service
from telehealth.consultations.models import Visit
from telehealth.core import clock
from telehealth.core.audit import AuditEntry
from telehealth.core.db import session_scope
from telehealth.core.settings import Turn
from telehealth.scheduling.models import Appointment
from tests.signaling.calls import visit_now


async def conclude(engine, appointment_id):
    """(visit, appointment) after the room's word came twice."""
    async with session_scope(engine) as session:
        visit = (await session.exec(select(Visit).where(Visit.appointment_id == appointment_id))).one()
    for _ in range(2):
        async with session_scope(engine) as session:
            await service.call_ended(session, visit.room)
    async with session_scope(engine) as session:
        return await session.get(Visit, visit.id), await session.get(Appointment, appointment_id)


async def presence(engine, room, role, account, start=0, end=60, because="ended", *, admitted=True, media=True):
    """A stretch of seconds from now on."""
    now = clock.now()
    async with session_scope(engine) as session:
        session.add(
            Presence(
                room=room,
                account_id=account.id,
                role=role,
                admitted=admitted,
                joined_at=now + timedelta(seconds=start),
                seen_at=now + timedelta(seconds=end),
                left_at=now + timedelta(seconds=end),
                left_because=because,
                media_connected=media,
            )
        )


async def room_of(engine, client, appointment):
    assert (await client.get(f"/api/v1/visits/{appointment.id}")).status_code == 200
    async with session_scope(engine) as session:
        return (await session.exec(select(Visit.room).where(Visit.appointment_id == appointment.id))).one()


async def test_both_sides_get_a_ticket_for_the_same_room(engine, province, sign_in, session):
    appointment = await visit_now(engine, province)
    answers = [
        (await (await sign_in(account)).post(f"/api/v1/visits/{appointment.id}/join")).json()
        for account in (province.patient_account, province.specialist)
    ]
    read = [tickets.read(rooms.signing_key(), answer["ticket"], clock.now()) for answer in answers]
    assert read[0].room == read[1].room
    assert [(t.account, t.role) for t in read] == [
        (province.patient_account.id, "patient"),
        (province.specialist.id, "host"),
    ]
    assert [(a["url"], a["ice_servers"], a["peer_name"]) for a in answers] == [
        ("/ws/calls", [], province.specialist.full_name),
        ("/ws/calls", [], province.patient.full_name),
    ]
    stored = await session.get(Appointment, appointment.id)
    assert stored.status == "arrived"
    acts = (await session.exec(select(AuditEntry.act).where(AuditEntry.patient_id == province.patient.id))).all()
    assert acts.count("visit.joined") == 2


async def test_nobody_else_learns_of_a_visit_or_enters_it(engine, province, sign_in):
    appointment = await visit_now(engine, province)
    for name, account in province.accounts.items():
        if name in ("patient_account", "specialist"):
            continue
        client = await sign_in(account)
        for method, path in (("GET", ""), ("POST", "/join"), ("POST", "/end")):
            answer = await client.request(method, f"/api/v1/visits/{appointment.id}{path}", json={})
            assert answer.status_code == 404, (name, path)


async def test_a_room_opens_half_an_hour_before_and_closes_half_an_hour_after(engine, province, sign_in):
    patient = await sign_in(province.patient_account)
    early, late = await visit_now(engine, province, minutes=31), await visit_now(engine, province, minutes=-51)
    answers = [await patient.post(f"/api/v1/visits/{one.id}/join") for one in (early, late)]
    assert [(a.status_code, a.json()["type"]) for a in answers] == [
        (409, "/problems/visit-not-open-yet"),
        (409, "/problems/visit-over"),
    ]


async def test_a_relay_is_named_with_credentials_for_a_time(app, engine, province, sign_in):
    relay = Turn(urls=["turn:relay.example.test:3478"], secret="north")
    app.state.settings = app.state.settings.model_copy(update={"turn": relay, "ice_servers": ["stun:relay.example.test"]})
    appointment = await visit_now(engine, province)
    answer = await (await sign_in(province.specialist)).post(f"/api/v1/visits/{appointment.id}/join")
    stun, turn = answer.json()["ice_servers"]
    assert stun == {"urls": ["stun:relay.example.test"]}
    expiry, _, who = turn["username"].partition(":")
    assert 3500 < int(expiry) - clock.now().timestamp() <= 3600
    assert who == str(province.specialist.id)


async def test_a_held_visit_is_completed_exactly_once(engine, province, sign_in, session):
    appointment = await visit_now(engine, province)
    room = await room_of(engine, await sign_in(province.specialist), appointment)
    await presence(engine, room, "host", province.specialist)
    await presence(engine, room, "patient", province.patient_account)
    visit, after = await conclude(engine, appointment.id)
    assert (visit.state, visit.outcome, visit.cause, after.status) == ("ended", "completed", "said_goodbye", "fulfilled")
    ends = (await session.exec(select(AuditEntry).where(AuditEntry.act == "visit.ended"))).all()
    assert len(ends) == 1


async def test_a_patient_who_never_came_is_a_no_show(engine, province, sign_in):
    appointment = await visit_now(engine, province)
    room = await room_of(engine, await sign_in(province.specialist), appointment)
    await presence(engine, room, "host", province.specialist)
    visit, after = await conclude(engine, appointment.id)
    assert (visit.outcome, after.status) == ("patient_absent", "noshow")


async def test_a_patient_whose_line_failed_is_no_no_show(engine, province, sign_in):
    appointment = await visit_now(engine, province)
    await (await sign_in(province.patient_account)).post(f"/api/v1/visits/{appointment.id}/join")
    room = await room_of(engine, await sign_in(province.specialist), appointment)
    await presence(engine, room, "host", province.specialist)
    visit, after = await conclude(engine, appointment.id)
    assert (visit.outcome, visit.cause, after.status) == ("technical", "patient_line_failed", "cancelled")


async def test_the_specialist_states_how_it_ended_and_only_they(engine, province, sign_in):
    appointment = await visit_now(engine, province)
    patient, specialist = await sign_in(province.patient_account), await sign_in(province.specialist)
    path = f"/api/v1/visits/{appointment.id}/end"
    assert (await patient.post(path, json={})).status_code == 403
    answer = await specialist.post(path, json={"outcome": "emergency_transfer"})
    assert (answer.status_code, answer.json()["state"], answer.json()["outcome"], answer.json()["cause"]) == (
        200,
        "ended",
        "emergency_transfer",
        "stated",
    )
    assert (await specialist.post(path, json={})).json()["type"] == "/problems/visit-over"
    assert (await patient.post(f"/api/v1/visits/{appointment.id}/join")).json()["type"] == "/problems/visit-over"


@pytest.mark.parametrize("minutes", [-51, -10])
async def test_the_sweep_ends_what_is_over_and_leaves_what_goes_on(engine, province, minutes):
    await visit_now(engine, province, minutes)
    async with session_scope(engine) as session:
        assert await service.sweep(session) == (1 if minutes == -51 else 0)
        assert await service.sweep(session) == 0


async def test_a_call_whose_process_died_is_ended_after_the_seats_are_free(engine, province, sign_in, session):
    appointment = await visit_now(engine, province, minutes=-10)
    room = await room_of(engine, await sign_in(province.specialist), appointment)
    long_ago = clock.now() - timedelta(seconds=130)
    async with session_scope(engine) as work:
        for role, account in (("host", province.specialist), ("patient", province.patient_account)):
            row = Presence(room=room, account_id=account.id, role=role, admitted=True, media_connected=True)
            row.joined_at, row.seen_at = long_ago - timedelta(minutes=5), long_ago
            work.add(row)
    async with session_scope(engine) as work:
        assert await service.sweep(work) == 1
    visit = (await session.exec(select(Visit).where(Visit.appointment_id == appointment.id))).one()
    assert (visit.outcome, visit.cause) == ("technical", "line_lost")
