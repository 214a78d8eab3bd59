"""Our relay's rules, tried on a real coturn with `docker/coturn.conf`: who gets in, and where nobody gets."""

import asyncio
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import trustme
from aioice import stun, turn

from signaling.turn import Credentials, credentials
from telehealth.core import clock
from telehealth.core.settings import Turn
from tests.conftest import missing

SECRET = "north"
RULES = Path(__file__).parents[2] / "docker/coturn.conf"
FAR = ("198.41.0.4", 9)
"""Somebody out there. Binding a channel sends nothing to them."""
FORBIDDEN = (
    "0.0.0.1",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "198.18.0.1",
    "240.0.0.1",
)
FORBIDDEN_V6 = ("::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "fd00::1", "fe80::1")
FAR_V6 = "2001:500:2::c"
FAMILY_V6 = 0x02000000
"""REQUESTED-ADDRESS-FAMILY (RFC 8656, 18.8): 2 is IPv6, in the first of four bytes."""


@dataclass(frozen=True)
class Relay:
    port: int
    tls_port: int
    trust: ssl.SSLContext


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    if which("turnserver") is None:
        missing("coturn")
    folder = tmp_path_factory.mktemp("coturn")
    authority = trustme.CA()
    trust = ssl.create_default_context()
    trust.check_hostname = False
    authority.configure_trust(trust)
    issued = authority.issue_cert("localhost")
    (folder / "chain.pem").write_bytes(issued.cert_chain_pems[0].bytes())
    issued.private_key_pem.write_to_path(folder / "key.pem")
    port, tls_port = free_port(), free_port()
    own = {
        "listening-port": port,
        "tls-listening-port": tls_port,
        "cert": folder / "chain.pem",
        "pkey": folder / "key.pem",
    }
    rules = [line for line in RULES.read_text().splitlines() if line.split("=")[0] not in own]
    (folder / "turn.conf").write_text("\n".join([*rules, *(f"{name}={value}" for name, value in own.items())]))
    command = ["turnserver", "-c", "turn.conf", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--relay-ip=::1"]
    command += ["--realm=test", f"--static-auth-secret={SECRET}", "--log-file=stdout", "--simple-log"]
    command += [f"--pidfile={folder / 'pid'}", f"--userdb={folder / 'users.db'}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", tls_port)) == 0:
                break
        assert process.poll() is None, (folder / "log").read_text()
        time.sleep(0.05)
    yield Relay(port, tls_port, trust)
    process.kill()
    process.wait()


def given(seconds: int = 600, secret: str = SECRET, who: str = "an") -> Credentials:
    return credentials(secret, who, clock.now(), seconds)


@asynccontextmanager
async def allocated(relay: Relay, way: str = "udp", who: Credentials | None = None) -> AsyncIterator[Any]:
    """The client's side of an allocation."""
    who = who or given()
    port, trust = (relay.tls_port, relay.trust) if way == "tls" else (relay.port, None)
    server = ("127.0.0.1", port)
    made = {"username": who.username, "password": who.credential, "lifetime": 600, "channel_refresh_time": 500}
    loop = asyncio.get_running_loop()
    transport: Any
    if way == "udp":
        transport, client = await loop.create_datagram_endpoint(
            lambda: turn.TurnClientUdpProtocol(server, **made), remote_addr=server
        )
    else:
        transport, client = await loop.create_connection(lambda: turn.TurnClientTcpProtocol(server, **made), *server, ssl=trust)
    try:
        await client.connect()
        yield client
        await client.delete()
    finally:
        transport.abort()
        await asyncio.sleep(0)


async def refused(client: Any, channel: int, host: str) -> int:
    """With which code the relay refuses this peer; 0 if it does not."""
    try:
        await client.channel_bind(0x4000 + channel, (host, 9))
    except stun.TransactionFailed as error:
        return int(error.response.attributes["ERROR-CODE"][0])
    return 0


@pytest.mark.parametrize("way", ["udp", "tcp", "tls"])
async def test_the_world_is_reached_by_every_way_and_the_house_by_none(relay, way):
    async with allocated(relay, way) as client:
        assert await refused(client, 0, FAR[0]) == 0
        assert [await refused(client, 1 + index, host) for index, host in enumerate(FORBIDDEN)] == [403] * len(FORBIDDEN)


async def test_no_way_into_the_house_by_ipv6_nor_by_mapped_addresses(relay, monkeypatch):
    family = (0x0017, "REQUESTED-ADDRESS-FAMILY", stun.pack_unsigned, stun.unpack_unsigned)
    monkeypatch.setitem(stun.ATTRIBUTES_BY_TYPE, family[0], family)
    monkeypatch.setitem(stun.ATTRIBUTES_BY_NAME, family[1], family)
    ask = turn.TurnClientMixin.request_with_retry

    async def ask_for_v6(self: Any, request: stun.Message) -> Any:
        if request.message_method == stun.Method.ALLOCATE:
            request.attributes["REQUESTED-ADDRESS-FAMILY"] = FAMILY_V6
        return await ask(self, request)

    monkeypatch.setattr(turn.TurnClientMixin, "request_with_retry", ask_for_v6)
    async with allocated(relay) as client:
        assert await refused(client, 0, FAR_V6) == 0
        codes = [await refused(client, 1 + index, host) for index, host in enumerate(FORBIDDEN_V6)]
    assert codes == [403] * len(FORBIDDEN_V6)


@pytest.mark.parametrize(
    "who",
    [given(-5), given(secret="south"), Credentials("nobody", "nothing")],
    ids=["too old", "of another secret", "made up"],
)
async def test_only_credentials_of_ours_that_are_young_enough_get_in(relay, who):
    with pytest.raises(stun.TransactionFailed):
        async with allocated(relay, who=who):
            pass


async def test_one_person_gets_a_dozen_relays_and_no_more(relay):
    who = given(who="binh")
    async with AsyncExitStack() as stack:
        for _ in range(12):
            await stack.enter_async_context(allocated(relay, who=who))
        with pytest.raises(stun.TransactionFailed) as refusal:
            await stack.enter_async_context(allocated(relay, who=who))
    assert refusal.value.response.attributes["ERROR-CODE"][0] == 486


def test_credentials_never_outlive_an_hour():
    assert Turn().lifetime_s <= timedelta(hours=1).total_seconds()
    with pytest.raises(ValueError, match="3600"):
        Turn(lifetime_s=3601)
