"""Stored objects are read again, and what must stay stays."""

from datetime import date

import pytest
from sqlmodel import select

from imaging.reports.withdrawal import withdraw
from imaging.store import integrity, retention
from imaging.store.errors import OnHold, ReasonForHoldMissing
from imaging.store.models import Instance, Study, Verification, WithdrawnBecause
from imaging.store.retention import Retention
from telehealth.core.db import fetch, session_scope
from telehealth.core.errors import Forbidden
from telehealth.identity.sessions import describe
from tests.imaging.pipeline.conftest import blobs, decoders, send, study_of  # noqa: F401 (fixtures)


async def test_a_missing_and_a_changed_object_are_named_and_the_rest_is_whole(engine, blobs, send, monkeypatch):  # noqa: F811
    monkeypatch.setattr(integrity, "PAGE", 3)
    await send()
    async with session_scope(engine) as session:
        keys = (await session.exec(select(Instance.blob_key).order_by(Instance.id))).all()
        walk = await integrity.begin(session)
    (await blobs.local(keys[0])).unlink()
    path = await blobs.local(keys[2])
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)

    assert await integrity.go_on(engine, blobs, walk.id, sitting_s=-1) is False
    async with session_scope(engine) as session:
        assert (await integrity.begin(session)).id == walk.id, "the walk that is under way goes on"
    assert await integrity.go_on(engine, blobs, walk.id) is True
    async with session_scope(engine) as session:
        report = await fetch(session, Verification, walk.id)
        assert (report.checked, report.fault_count) == (4, 2)
        assert [(one["what"], one["blob_key"]) for one in report.faults] == [("missing", keys[0]), ("changed", keys[2])]
        assert (await integrity.newest(session)).id == walk.id
        assert (await integrity.begin(session)).id != walk.id


async def test_what_is_on_hold_cannot_be_taken_away(engine, blobs, send, study_of, province):  # noqa: F811
    study_id = await send()
    async with session_scope(engine) as session:
        await session.exec(Study.__table__.update().values(state="available"))
        coordinator, doctor = await describe(session, province.coordinator), await describe(session, province.doctor)
    async with session_scope(engine) as session:
        with pytest.raises(Forbidden):
            await retention.hold(session, doctor, study_id, "toà án yêu cầu")
        with pytest.raises(ReasonForHoldMissing):
            await retention.hold(session, coordinator, study_id, " ")
    async with session_scope(engine) as session:
        study = await retention.hold(session, coordinator, study_id, "toà án yêu cầu")
    async with session_scope(engine) as session:
        with pytest.raises(OnHold):
            await withdraw(session, coordinator, study.uid, next(iter(WithdrawnBecause)))
    async with session_scope(engine) as session:
        await retention.lift_hold(session, coordinator, study_id)
        await retention.classify(session, coordinator, study_id, Retention.LASTING)
    async with session_scope(engine) as session:
        await withdraw(session, coordinator, study.uid, next(iter(WithdrawnBecause)))
    assert (await study_of(study_id)).state == "withdrawn"
    assert retention.kept_until(await study_of(study_id), date(2026, 1, 1)) >= date(2046, 1, 1)
