"""The log finds whoever touched it: changed, removed, swapped, slipped in, cut off, rewritten whole."""

import asyncio
import hmac
from hashlib import sha256

import pytest
from sqlmodel import text

from telehealth.core import audit
from telehealth.core.actor import SYSTEM
from telehealth.core.db import session_scope
from telehealth.core.errors import Conflict

ROWS = 6


async def tamper(engine, *statements: str) -> None:
    """What somebody with the database's own password could do: take the guards off, change rows."""
    guards = {
        "sqlite": ["DROP TRIGGER IF EXISTS audit_entry_no_update", "DROP TRIGGER IF EXISTS audit_entry_no_delete"],
        "postgresql": ["DROP TRIGGER IF EXISTS audit_entry_append_only ON audit_entry"],
    }
    async with engine.begin() as connection:
        for statement in (*guards[engine.dialect.name], *statements):
            await connection.execute(text(statement))


async def check(engine, anchors=()):
    async with session_scope(engine) as session:
        broken = await audit.verify(session, anchors)
    return broken and (broken.seq, broken.reason)


@pytest.fixture
async def log(engine):
    async with session_scope(engine) as session:
        for number in range(ROWS):
            audit.record(session, SYSTEM, "test.done", number, note="số", step=number)
        audit.record(session, SYSTEM, "test.done", "last")
    return engine


SWAP = (
    "UPDATE audit_entry SET seq = 99 WHERE seq = 3",
    "UPDATE audit_entry SET seq = 3 WHERE seq = 4",
    "UPDATE audit_entry SET seq = 4 WHERE seq = 99",
)


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        ((), None),
        (("UPDATE audit_entry SET actor_name = 'x' WHERE seq = 3",), (3, "changed")),
        (("UPDATE audit_entry SET object_id = '9' WHERE seq = 1",), (1, "changed")),
        (('UPDATE audit_entry SET facts = \'{"note": "x"}\' WHERE seq = 5',), (5, "changed")),
        (("UPDATE audit_entry SET at = '2020-01-01 00:00:00+00:00' WHERE seq = 5",), (5, "changed")),
        (("DELETE FROM audit_entry WHERE seq = 4",), (4, "removed")),
        (("DELETE FROM audit_entry WHERE seq = 1",), (1, "removed")),
        (SWAP, (3, "reordered")),
        (("UPDATE audit_entry SET seq = -1 WHERE seq = 3",), (-1, "added")),
    ],
)
async def test_the_first_bad_row_is_named(log, statements, found):
    await tamper(log, *statements)
    assert await check(log) == found


async def test_a_log_that_was_cut_off_differs_from_its_anchor(log, tmp_path):
    path = tmp_path / "anchors" / "log"
    async with session_scope(log) as session:
        audit.append_anchor(path, *await audit.head(session))
    assert await check(log, audit.read_anchors(path)) is None
    await tamper(log, "DELETE FROM audit_entry WHERE seq > 5")
    assert await check(log) is None
    assert await check(log, audit.read_anchors(path)) == (6, "removed from the end")


async def test_a_log_that_was_written_anew_differs_from_its_anchor(log, tmp_path):
    path = tmp_path / "log"
    async with session_scope(log) as session:
        audit.append_anchor(path, *await audit.head(session))
    await tamper(log, "DELETE FROM audit_entry")
    async with session_scope(log) as session:
        for number in range(ROWS + 1):
            audit.record(session, SYSTEM, "test.forged", number)
    assert (await check(log, audit.read_anchors(path)))[0] == ROWS + 1


async def test_a_forger_without_the_key_is_found(log):
    forged = hmac.new(b"guessed", b"anything", sha256).hexdigest()
    await tamper(log, f"UPDATE audit_entry SET act = 'x', hash = '{forged}' WHERE seq = 7")
    assert await check(log) == (7, "changed")


async def test_forty_writers_at_once_keep_the_chain_whole(engine):
    async def act(number: int) -> None:
        async with session_scope(engine) as session:
            audit.record(session, SYSTEM, "test.started", number)
            audit.record(session, SYSTEM, "test.done", number)

    await asyncio.gather(*[act(number) for number in range(40)])
    async with session_scope(engine) as session:
        assert (await audit.head(session))[0] == 80
        assert await audit.verify(session) is None


async def refused_work(engine, **how) -> None:
    async with session_scope(engine) as session:
        audit.record(session, SYSTEM, "test.done", 1)
        audit.record(session, SYSTEM, "test.refused", 2, **how)
        raise Conflict()


async def test_what_is_undone_is_not_in_the_log(engine):
    with pytest.raises(Conflict):
        await refused_work(engine)
    async with session_scope(engine) as session:
        assert await audit.head(session) == (0, audit.GENESIS)


async def test_a_refusal_may_be_in_the_log_without_the_work(engine):
    with pytest.raises(Conflict):
        await refused_work(engine, even_if_refused=True)
    async with session_scope(engine) as session:
        assert [entry.act async for entry in audit.entries(session)] == ["test.refused"]
