"""The ground that every other test stands on."""

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import text

from telehealth.core import audit, schema
from telehealth.core.actor import SYSTEM
from telehealth.core.db import session_scope


async def test_models_and_migrations_agree(engine):
    await schema.drift(engine)


async def test_the_chain_walks_down_and_up_again(engine):
    await schema.downgrade(engine, "base")
    await schema.upgrade(engine)


async def test_every_row_of_the_audit_log_is_chained(engine, province):
    async with session_scope(engine) as session:
        audit.record(session, SYSTEM, "test.done", "1", reason="số một")
        audit.record(session, SYSTEM, "test.done", "2")
    async with session_scope(engine) as session:
        assert (await audit.head(session))[0] == 2
        assert await audit.verify(session) is None


async def test_the_audit_log_refuses_changes(engine, province):
    async with session_scope(engine) as session:
        audit.record(session, SYSTEM, "test.done", "1")
    with pytest.raises(DBAPIError, match="append-only"):
        async with session_scope(engine) as session:
            await session.exec(text("UPDATE audit_entry SET act = 'x'"))


async def test_alive_answers(client):
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


async def test_a_signed_in_person_is_known(sign_in, province):
    client = await sign_in(province.doctor)
    assert (await client.get("/healthz")).status_code == 200
