"""The role matrix at the call's WebSocket: a ticket is for one person, one room and one sign-in, works once, and not long."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import select
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from signaling import service, tickets
from signaling.close_codes import Close
from telehealth.core import clock
from telehealth.core.crypto import fingerprint
from telehealth.core.db import session_scope
from telehealth.core.ids import new_id
from telehealth.identity.models import LoginSession
from telehealth.identity.sessions import open_session, revoke
from tests.house.roles.scene import Scene
from tests.signaling.calls import page, served, ticket_of

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
PARTIES = {"patient_account": "patient", "specialist": "host"}


@dataclass
class Room:
    """A visit that is open now, behind a real socket."""

    scene: Scene
    host: str
    visit: str

    async def ticket(self, name: str) -> str:
        return await ticket_of(self.scene.clients[name], self.visit)  # type: ignore[arg-type]

    async def read(self, name: str) -> tickets.Ticket:
        return tickets.read(service.signing_key(), await self.ticket(name), clock.now())


@pytest.fixture(scope="module")
async def host(scene: Scene) -> AsyncIterator[str]:
    async with served(scene.app) as address:
        yield address


@pytest.fixture
async def room(scene: Scene, host: str) -> Room:
    return Room(scene, host, (await scene.visit(now=True))["visit"])


async def closed_with(host: str, ticket: str) -> int:
    async with page(host, ticket) as stranger:
        return await stranger.close_code()


async def test_only_the_two_parties_are_given_a_ticket_each_in_their_own_role(room: Room):
    given, refused = {}, set()
    for name, client in room.scene.clients.items():
        answer = await client.post(f"/api/v1/visits/{room.visit}/join")
        if answer.status_code == 200:
            ticket = tickets.read(service.signing_key(), answer.json()["ticket"], clock.now())
            assert (ticket.account, ticket.login) == (room.scene.accounts[name].id, room.scene.logins[name].id)
            given[name] = ticket.role
        else:
            refused.add(answer.status_code)
    assert (given, refused) == (PARTIES, {404})


@pytest.mark.parametrize("name", PARTIES)
async def test_a_party_comes_in_once_with_one_ticket(room: Room, name: str):
    ticket = await room.ticket(name)
    async with page(room.host, ticket) as first:
        assert (await first.hear("welcome"))["role"] == PARTIES[name]
        assert await closed_with(room.host, ticket) == Close.TICKET


async def test_a_patient_cannot_let_itself_in_or_end_the_visit(room: Room):
    patient_id = str(room.scene.accounts["patient_account"].id)
    async with page(room.host, await room.ticket("specialist")) as doctor:
        await doctor.hear("welcome")
        async with page(room.host, await room.ticket("patient_account")) as patient:
            await patient.hear("welcome")
            await patient.say(kind="admit", account=patient_id)
            await patient.say(kind="end")
            await patient.say(kind="say", text="Tôi vào được chưa?")
        await doctor.say(kind="admit", account=patient_id)  # still the host's to do: the room is open, the patient outside
        async with page(room.host, await room.ticket("patient_account")) as again:
            await again.hear("room", admitted=True)


async def resigned(of: Room, **changes: object) -> str:
    """The patient's ticket with other facts, signed by the right key."""
    genuine = await of.read("patient_account")
    return tickets.sign(service.signing_key(), replace(genuine, id=new_id(), **changes), clock.now())  # type: ignore[arg-type]


async def another_key(room: Room) -> str:
    private = Ed25519PrivateKey.generate()
    key = tickets.key_of(private.private_bytes_raw(), private.public_key().public_bytes_raw())
    return tickets.sign(key, await room.read("patient_account"), clock.now())


async def expired(room: Room) -> str:
    return await resigned(room, expires_at=clock.now() - timedelta(seconds=1))


async def of_an_ended_sign_in(room: Room) -> str:
    async with session_scope(room.scene.engine) as session:
        login, _ = await open_session(session, room.scene.accounts["patient_account"])
        await revoke(session, login.id)
    return await resigned(room, login=login.id)


async def with_another_room_written_in(room: Room) -> str:
    """The claims changed after signing."""
    head, _, seal = (await room.ticket("patient_account")).split(".")
    claims = (await resigned(room, room=new_id())).split(".")[1]
    return f"{head}.{claims}.{seal}"


FALSE = [another_key, expired, of_an_ended_sign_in, with_another_room_written_in]


@pytest.mark.parametrize("make", FALSE, ids=lambda make: make.__name__)
async def test_a_false_ticket_opens_nothing(room: Room, make):
    assert await closed_with(room.host, await make(room)) == Close.TICKET


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
async def test_a_page_of_another_origin_is_refused_before_it_can_say_anything(host: str, origin: str | None):
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://{host}/ws/calls", origin=origin):  # type: ignore[arg-type]
            pass
    assert refused.value.response.status_code == 403


async def test_an_ended_sign_in_ends_its_call(room: Room):
    scene = room.scene
    client = scene.clients["patient_account"]
    secret = client.headers["authorization"].removeprefix("Bearer ")
    async with page(room.host, await room.ticket("patient_account")) as patient:
        await patient.hear("welcome")
        async with session_scope(scene.engine) as session:
            found = select(LoginSession).where(LoginSession.secret_hash == fingerprint(secret))
            await revoke(session, (await session.exec(found)).one().id)
        assert await patient.close_code() == Close.TICKET
    await scene.sign_everybody_in()
