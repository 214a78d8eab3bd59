"""The call's door on a real server: who comes in, what is refused, what survives a lost line."""

import asyncio
import json

import pytest
from sqlmodel import select
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from signaling.close_codes import Close
from signaling.models import ChatLine, Presence
from telehealth.core.db import session_scope
from telehealth.identity.sessions import revoke
from tests.signaling.calls import page, served, ticket_of, visit_now


@pytest.fixture
async def call(app, engine, province, sign_in):
    """A visit that is open now, both sides signed in, the server running."""
    appointment = await visit_now(engine, province)
    patient, specialist = await sign_in(province.patient_account), await sign_in(province.specialist)

    class Call:
        id = appointment.id

        @staticmethod
        async def patient() -> str:
            return await ticket_of(patient, appointment.id)

        @staticmethod
        async def specialist() -> str:
            return await ticket_of(specialist, appointment.id)

    async with served(app) as Call.host:
        yield Call


async def test_two_people_meet_talk_and_part(call, app, session, province):
    async with page(call.host, await call.specialist()) as doctor, page(call.host, await call.patient()) as patient:
        assert (await patient.hear("welcome"))["role"] == "patient"
        assert (await patient.hear("room"))["admitted"] is False
        await doctor.hear("room", host_here=True)
        await doctor.say(kind="admit", account=str(province.patient_account.id))
        seats = (await patient.hear("room", admitted=True))["seats"]
        lines = {seat["role"]: seat["line"] for seat in seats}
        await patient.say(kind="describe", to=lines["host"], type="offer", sdp="v=0")
        assert (await doctor.hear("described"))["sender"] == lines["patient"]
        await doctor.say(kind="say", text="Chào bà Hoà")
        assert (await patient.hear("said"))["line"]["name"] == province.specialist.full_name
        await patient.say(kind="media", connected=True)
        await doctor.say(kind="end")
        assert (await patient.hear("goodbye"))["reason"] == "ended"
        assert [await patient.close_code(), await doctor.close_code()] == [Close.OVER, Close.OVER]

    await app.state.hub.journal.settled()
    rows = (await session.exec(select(Presence).order_by(Presence.joined_at, Presence.admitted))).all()
    assert [(r.role, r.admitted, r.left_because, r.media_connected) for r in rows] == [
        ("host", True, "ended", False),
        ("patient", False, "admitted", False),
        ("patient", True, "ended", True),
    ]
    assert [row.text for row in await session.exec(select(ChatLine))] == ["Chào bà Hoà"]


@pytest.mark.parametrize("database_kind", ["sqlite"])
class TestOneDatabaseIsEnough:
    async def test_another_origin_is_refused_at_the_handshake(self, call):
        for origin in ("https://evil.example", f"http://{call.host}.evil.example", "null", None):
            with pytest.raises(InvalidStatus) as refused:
                async with connect(f"ws://{call.host}/ws/calls", origin=origin):
                    pass
            assert refused.value.response.status_code == 403

    async def test_a_ticket_works_once(self, call):
        ticket = await call.patient()
        async with page(call.host, ticket) as first:
            await first.hear("welcome")
            async with page(call.host, ticket) as second:
                assert await second.close_code() == Close.TICKET
            await first.say(kind="devices", microphone=False, camera=False)
            await first.hear("room")  # the first goes on

    async def test_what_is_not_a_ticket_is_refused(self, call):
        for text in ("", "nonsense", "x" * 2048, (await call.patient())[:-4] + "AAAA"):
            async with page(call.host, text) as stranger:
                assert await stranger.close_code() == Close.TICKET

    async def test_what_is_not_a_message_closes_that_socket_only(self, call):
        async with page(call.host, await call.specialist()) as doctor:
            await doctor.hear("welcome")
            for raw, code in [
                ("", Close.MALFORMED),
                ("{}", Close.MALFORMED),
                ("[" * 1000, Close.MALFORMED),
                (b"\x00\x01", Close.MALFORMED),
                (json.dumps({"number": 1, "seen": 0, "message": {"kind": "admit", "account": 7}}), Close.MALFORMED),
                (json.dumps({"number": -1, "seen": 0, "message": {"kind": "leave"}}), Close.MALFORMED),
                (json.dumps({"number": 1, "seen": 0, "message": {"kind": "hello", "ticket": "x"}}), Close.MALFORMED),
                ("x" * 70_000, Close.TOO_LARGE),
            ]:
                async with page(call.host, await call.patient()) as patient:
                    await patient.hear("welcome")
                    await patient.socket.send(raw)
                    assert await patient.close_code() == code, raw[:40]
            await doctor.hear("ping")

    async def test_a_flood_closes_that_socket_only(self, call):
        async with page(call.host, await call.specialist()) as doctor, page(call.host, await call.patient()) as patient:
            await doctor.hear("welcome")
            await patient.hear("welcome")
            for _ in range(400):
                await patient.say(kind="devices", microphone=True, camera=True)
            assert await patient.close_code() == Close.FLOOD
            await doctor.hear("ping")

    async def test_an_ended_sign_in_closes_its_socket_within_two_seconds(self, call, app, engine):
        async with page(call.host, await call.patient()) as patient:
            await patient.hear("welcome")
            (line,) = app.state.hub.lines.values()
            async with session_scope(engine) as work:
                await revoke(work, line.ticket.login)
            async with asyncio.timeout(2):
                assert await patient.close_code() == Close.TICKET

    async def test_a_second_page_takes_the_seat_over(self, call, province):
        async with page(call.host, await call.specialist()) as doctor, page(call.host, await call.patient()) as first:
            await first.hear("room")
            await doctor.say(kind="admit", account=str(province.patient_account.id))
            await first.hear("room", admitted=True)
            async with page(call.host, await call.patient()) as second:
                assert (await second.hear("room"))["admitted"] is True
                assert await first.close_code() == Close.REPLACED
                await second.say(kind="devices", microphone=True, camera=False)
                while (seats := (await doctor.hear("room"))["seats"])[-1]["camera"]:
                    pass
                assert [(s["role"], s["present"]) for s in seats] == [("host", True), ("patient", True)]

    async def test_a_lost_line_is_taken_up_and_nothing_is_lost_or_doubled(self, call, province):
        async with page(call.host, await call.specialist()) as doctor, page(call.host, await call.patient()) as patient:
            mine = (await patient.hear("welcome"))["line"]
            await doctor.hear("welcome")
            await doctor.say(kind="admit", account=str(province.patient_account.id))
            await patient.hear("room", admitted=True)
            await patient.say(kind="say", text="một")
            await doctor.hear("said")
            await patient.socket.close()
            for text in ("hai", "ba"):  # written while the patient is away
                await doctor.say(kind="say", text=text)
                await doctor.hear("said")
            async with page(call.host, await call.patient(), line=mine, seen=patient.seen) as again:
                assert (await again.hear("welcome"))["resumed"] is True
                await again.post(1, {"kind": "say", "text": "một"})  # sent again: the page cannot know that it came
                await again.post(2, {"kind": "say", "text": "bốn"})
                heard = [(await again.hear("said"))["line"]["text"] for _ in range(4)]
                assert heard == ["một", "hai", "ba", "bốn"]

    async def test_a_silent_page_loses_its_line_and_keeps_its_seat(self, call, monkeypatch):
        monkeypatch.setattr("signaling.lines.PATIENCE", 1.5)
        async with page(call.host, await call.specialist()) as doctor, page(call.host, await call.patient()) as patient:
            await patient.hear("welcome")
            facts = await doctor.hear("room")
            while len(facts["seats"]) < 2 or facts["seats"][-1]["present"]:  # the doctor answers, the patient does not
                facts = await doctor.hear("room")
            assert await patient.close_code() == Close.SILENT
            assert [s["role"] for s in facts["seats"]] == ["host", "patient"]

    async def test_a_page_that_says_nothing_is_sent_away(self, call, monkeypatch):
        monkeypatch.setattr("signaling.socket.HELLO_S", 0.2)
        async with connect(f"ws://{call.host}/ws/calls", origin=f"http://{call.host}") as socket:
            async with asyncio.timeout(3):
                await socket.wait_closed()
            assert socket.close_code == Close.SILENT
