"""The container set without containers: api, worker, beat on PostgreSQL and an S3 store, with Redis or RabbitMQ."""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx2
import obstore
import psycopg
import pytest
from obstore.store import S3Store

from imaging.dicom.synthetic import PatientFacts, ct_volume
from telehealth.core.db import make_engine, session_scope
from telehealth.identity.sessions import open_session
from tests import factories
from tests.conftest import admin, missing
from tests.postgres import free_port
from tests.processes import running, telehealth, wait_for_port, wait_until_ready

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
BUCKET = "telehealth"


@dataclass(frozen=True)
class Installation:
    address: str
    database: str
    store: S3Store


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    program, port = shutil.which("redis-server"), free_port()
    if program is None:
        missing("redis-server")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--appendonly", "yes", "--dir", str(folder)]
    log = folder / "redis.log"
    with running(command, log) as process:
        wait_for_port(port, process, log)
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def rabbitmq(folder: Path) -> Iterator[str]:
    """A node of its own with its own name server, so that nothing of the machine's is touched or left behind."""
    program, names = Path("/usr/lib/rabbitmq/bin/rabbitmq-server"), shutil.which("epmd")
    if names is None or not program.exists():
        missing("rabbitmq-server")
    port, between_nodes, name_port = free_port(), free_port(), free_port()
    env = {
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(name_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"test{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(between_nodes),
        "RABBITMQ_MNESIA_BASE": str(folder / "rabbitmq"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_PID_FILE": str(folder / "rabbitmq.pid"),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_CONFIG_FILE": str(folder / "none"),
    }
    log = folder / "rabbitmq.out"
    with running([names], folder / "epmd.log", env) as server, running([program], log, env) as process:
        wait_for_port(name_port, server, folder / "epmd.log")
        wait_for_port(port, process, log)
        yield f"amqp://guest:guest@127.0.0.1:{port}//"


@pytest.fixture(scope="module", params=[redis, rabbitmq], ids=["redis", "rabbitmq"])
def installation(
    request: pytest.FixtureRequest, postgres_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("set")
    name = f"process_set_{request.param.__name__}"
    admin(postgres_server, f"CREATE DATABASE {name}")
    database = postgres_server + name
    s3_port, port = free_port(), free_port()
    options = {"endpoint": f"http://127.0.0.1:{s3_port}", "region": "us-east-1", "virtual_hosted_style_request": "false"}
    keys = {"access_key_id": "test", "secret_access_key": "test"}
    with ExitStack() as stack:
        env = {
            "PORT": str(port),
            "TELEHEALTH_DATA": str(folder / "data"),
            "TELEHEALTH_DATABASE": database,
            "TELEHEALTH_BROKER": stack.enter_context(request.param(folder)),
            "TELEHEALTH_STORAGE": f"s3://{BUCKET}",
            "TELEHEALTH_S3__ENDPOINT": options["endpoint"],
            "TELEHEALTH_S3__ALLOW_HTTP": "true",
            "TELEHEALTH_S3__ACCESS_KEY": "test",
            "TELEHEALTH_S3__SECRET_KEY": "test",
        }
        moto = [Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", str(s3_port)]
        log = folder / "s3.log"
        wait_for_port(s3_port, stack.enter_context(running(moto, log)), log)
        httpx2.put(f"{options['endpoint']}/{BUCKET}").raise_for_status()
        with running(telehealth("migrate"), folder / "migrate.log", env) as migration:
            assert migration.wait(60) == 0, (folder / "migrate.log").read_text()
        for command in ("serve", "worker", "beat"):
            stack.enter_context(running(telehealth(command), folder / f"{command}.log", env))
        address = f"http://127.0.0.1:{port}"
        assert wait_until_ready(address) == {"status": "ready", "database": "ok", "broker": "ok", "storage": "ok"}
        store = S3Store(BUCKET, config={**options, **keys}, client_options={"allow_http": True})
        yield Installation(address, database, store)


async def make_token(installation: Installation) -> tuple[str, factories.Province]:
    engine = make_engine(installation.database)
    async with session_scope(engine) as session:
        province = await factories.make_province(session)
        _, secret = await open_session(session, province.technician, second_factor=True)
    await engine.dispose()
    return secret, province


def state_of(database: str, study_uid: str) -> tuple[str, str | None, UUID] | None:
    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        return connection.execute("SELECT state, held_because, id FROM study WHERE uid = %s", (study_uid,)).fetchone()


async def test_a_study_goes_through_postgresql_the_broker_and_s3(installation: Installation):
    token, province = await make_token(installation)
    files = list(ct_volume(PatientFacts(name=province.patient.full_name), slices=6, size=64))
    boundary = "part"
    body = b"".join(b"--%s\r\nContent-Type: application/dicom\r\n\r\n%s\r\n" % (boundary.encode(), file) for file in files)
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
    }
    async with httpx2.AsyncClient(base_url=installation.address, headers=headers, timeout=60) as client:
        stored = await client.post("/dicomweb/studies", content=body + f"--{boundary}--\r\n".encode())
        assert stored.status_code == 200, stored.text
        [study] = (await client.get("/dicomweb/studies")).json()
        uid = study["0020000D"]["Value"][0]
        assert study["00201208"]["Value"] == [len(files)]

        # nobody asked a question about it yet, so the worker must end by holding it for a person
        deadline = time.monotonic() + 60
        while (found := state_of(installation.database, uid)) and found[0] != "held" and time.monotonic() < deadline:
            await asyncio.sleep(0.3)
        assert found is not None
        assert found[:2] == ("held", "unfiled")
    kept = [item["path"] for page in obstore.list(installation.store, "dicom/") for item in page]
    assert len(kept) == len(files)
    assert os.environ.get("TELEHEALTH_STORAGE") is None  # the store is the processes' setting, not this one's
