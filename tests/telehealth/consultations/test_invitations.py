"""Who else comes to a visit: by a one-time link or as a colleague; and what whoever leads may do."""

from datetime import timedelta

import httpx2
import pytest
from sqlmodel import select

from signaling import service as rooms
from signaling import tickets
from signaling.close_codes import Close
from signaling.models import RoomPass
from telehealth.consultations import service
from telehealth.consultations.models import Visit
from telehealth.core import clock
from telehealth.core.actor import Role
from telehealth.core.audit import AuditEntry
from telehealth.core.db import session_scope
from telehealth.scheduling.models import Appointment
from tests.factories import make_staff
from tests.signaling.calls import page, served, ticket_of, visit_now

RELATIVE = {"role": "relative", "name": "Nguyễn Văn Nam"}


@pytest.fixture
async def visit(engine, province):
    return (await visit_now(engine, province)).id


@pytest.fixture
async def colleague(engine, province):
    async with session_scope(engine) as session:
        return await make_staff(session, "Trần Thu Hà", Role.SPECIALIST, province.hospital)


def visitor(app) -> httpx2.AsyncClient:
    """Somebody without an account, with a browser of their own."""
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://testserver")


async def link_for(client, visit) -> tuple[str, str]:
    """(address of the page, secret)."""
    answer = await client.post(f"/api/v1/visits/{visit}/invitations/links", json=RELATIVE)
    assert answer.status_code == 201, answer.text
    address, _, secret = answer.json()["link"].partition("#")
    return address, secret


async def came_in(app, patient, visit) -> httpx2.AsyncClient:
    """The relative's browser after the link was taken."""
    guest = visitor(app)
    _, secret = await link_for(patient, visit)
    assert (await guest.post("/api/v1/guests/enter", json={"secret": secret})).status_code == 204
    return guest


async def test_a_relative_comes_by_a_link_of_their_own(app, province, sign_in, visit, session):
    patient = await sign_in(province.patient_account)
    address, secret = await link_for(patient, visit)
    guest = visitor(app)
    assert "Bạn được mời" in (await guest.get(address)).text
    assert (await guest.post("/api/v1/guests/enter", json={"secret": secret})).status_code == 204
    assert "data-join" in (await guest.get("/guests/visit")).text
    answer = (await guest.post("/api/v1/guests/join")).json()
    ticket = tickets.read(rooms.signing_key(), answer["ticket"], clock.now())
    kept = (await session.exec(select(RoomPass))).one()
    assert (ticket.role, ticket.name, ticket.account, ticket.login) == ("relative", RELATIVE["name"], kept.id, kept.id)
    assert secret not in f"{kept.secret_hash}{kept.cookie_hash}"
    acts = [row.act for row in await session.exec(select(AuditEntry).order_by(AuditEntry.seq))]
    assert [act for act in acts if act.startswith("visit.")] == ["visit.invited", "visit.link_used", "visit.joined"]


async def test_a_link_opens_once_and_never_after_its_time(app, engine, province, sign_in, visit):
    patient = await sign_in(province.patient_account)
    for spoil in ("used", "revoked", "expired", "unknown"):
        _, secret = await link_for(patient, visit)
        async with session_scope(engine) as session:
            kept = (await session.exec(select(RoomPass).order_by(RoomPass.created_at.desc()))).first()
            if spoil == "revoked":
                kept.revoked_at = clock.now()
            if spoil == "expired":
                kept.expires_at = clock.now() - timedelta(seconds=1)
            session.add(kept)
        if spoil == "used":
            await visitor(app).post("/api/v1/guests/enter", json={"secret": secret})
        wrong = secret if spoil != "unknown" else "A" * 22
        answer = await visitor(app).post("/api/v1/guests/enter", json={"secret": wrong})
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/invitation-gone"), spoil


async def test_the_invitation_s_end_is_the_guest_s_end(app, province, sign_in, visit):
    patient, doctor = await sign_in(province.patient_account), await sign_in(province.specialist)
    guest = await came_in(app, patient, visit)
    async with served(app) as host, page(host, await ticket_of(doctor, visit)) as there:
        await there.hear("welcome")
        ticket = (await guest.post("/api/v1/guests/join")).json()["ticket"]
        async with page(host, ticket) as relative:
            assert (await relative.hear("welcome"))["role"] == "relative"
            assert (await relative.hear("room"))["admitted"] is False
            invited = (await doctor.get(f"/api/v1/visits/{visit}/invitations")).json()
            assert [(one["name"], one["used"]) for one in invited] == [(RELATIVE["name"], True)]
            await doctor.delete(f"/api/v1/visits/{visit}/invitations/{invited[0]['id']}")
            assert (await relative.hear("goodbye"))["reason"] == "removed"
            assert await relative.close_code() == Close.OVER
    assert (await guest.post("/api/v1/guests/join")).status_code == 404


async def test_only_parties_invite_and_only_so_many(province, sign_in, visit, colleague):
    doctor, stranger = await sign_in(province.specialist), await sign_in(colleague)
    address = f"/api/v1/visits/{visit}/invitations"
    assert (await stranger.post(f"{address}/links", json=RELATIVE)).status_code == 404
    assert (await doctor.post(f"{address}/colleagues", json={"account": str(colleague.id)})).status_code == 201
    assert (await stranger.post(f"{address}/links", json=RELATIVE)).status_code == 403
    not_a_doctor = {"account": str(province.patient_account.id)}
    assert (await doctor.post(f"{address}/colleagues", json=not_a_doctor)).status_code == 422
    codes = [(await doctor.post(f"{address}/links", json=RELATIVE)).status_code for _ in range(8)]
    assert codes == [201] * 7 + [409]


async def test_a_visit_is_handed_over_to_a_colleague_in_the_room(app, engine, province, sign_in, visit, colleague):
    doctor, other = await sign_in(province.specialist), await sign_in(colleague)
    to = {"account": str(colleague.id)}
    assert (await doctor.post(f"/api/v1/visits/{visit}/hand-over", json=to)).status_code == 409  # not invited
    await doctor.post(f"/api/v1/visits/{visit}/invitations/colleagues", json=to)
    async with served(app) as host, page(host, await ticket_of(doctor, visit)) as first:
        await first.hear("welcome")
        async with page(host, await ticket_of(other, visit)) as second:
            assert (await second.hear("welcome"))["role"] == "colleague"
            await first.hear("room")
            await first.say(kind="admit", **to)
            await second.hear("room", admitted=True)
            assert (await other.post(f"/api/v1/visits/{visit}/hand-over", json=to)).status_code == 403
            assert (await doctor.post(f"/api/v1/visits/{visit}/hand-over", json=to)).json()["role"] == "colleague"
            roles = {}
            while roles.get(str(colleague.id)) != "host":
                roles = {seat["account"]: seat["role"] for seat in (await second.hear("room"))["seats"]}
            assert roles[str(province.specialist.id)] == "colleague"
            await first.say(kind="end")
            assert (await first.hear("refused"))["reason"] == "not_host"
            await second.say(kind="end")
            assert (await first.hear("goodbye"))["reason"] == "ended"


async def test_an_emergency_is_one_press_and_the_address_is_for_staff_only(app, engine, province, sign_in, visit):
    patient, doctor = await sign_in(province.patient_account), await sign_in(province.specialist)
    assert (await patient.post(f"/api/v1/visits/{visit}/emergency")).status_code == 403
    async with session_scope(engine) as session:
        province.patient.address = "Thôn Đông, xã Tân Yên"
        session.add(province.patient)
    answer = (await doctor.post(f"/api/v1/visits/{visit}/emergency")).json()
    assert (answer["number"], answer["address"]) == ("115", "Thôn Đông, xã Tân Yên")
    assert (await doctor.post(f"/api/v1/visits/{visit}/emergency")).json() == answer
    async with session_scope(engine) as session:
        room = (await session.exec(select(Visit.room))).one()
        await service.call_ended(session, room)
    async with session_scope(engine) as session:
        kept, appointment = (await session.exec(select(Visit))).one(), await session.get(Appointment, visit)
        assert (kept.outcome, kept.cause, appointment.status) == ("emergency_transfer", "emergency_called", "fulfilled")
