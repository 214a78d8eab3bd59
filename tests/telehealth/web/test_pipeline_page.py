"""The operator's page: figures for administrators, cases and buttons for the coordinator, nothing for others."""

import re

import pytest
from sqlmodel import select, update

from imaging.pipeline import live, steps
from imaging.pipeline.models import RunState, StepRun
from imaging.pipeline.process import process
from imaging.store.models import Study
from telehealth.core.audit import AuditEntry
from telehealth.core.db import session_scope
from tests.imaging.pipeline.conftest import blobs, decoders, send, study_of  # noqa: F401 (fixtures)
from tests.telehealth.referrals.loop import ask

PAGE = "/operations/pipeline"


@pytest.fixture
async def parked(engine, blobs, send, monkeypatch):  # noqa: F811
    """A study whose previews were given up."""
    study_id = await send()

    async def broken(_bench, _claim):
        raise OSError("disk")

    with monkeypatch.context() as patch:
        patch.setitem(steps.STEPS, "representations", broken)
        for _ in range(5):
            await process(engine, blobs, study_id)
            async with session_scope(engine) as session:
                await session.exec(update(StepRun).values(due_at=None))
    return study_id


async def test_the_coordinator_sees_why_and_tries_again(engine, blobs, parked, sign_in, province, study_of):  # noqa: F811
    coordinator = await sign_in(province.coordinator)
    page = (await coordinator.get(PAGE)).text
    assert "OSError" in page
    assert f"{PAGE}/{parked}/unpark" in page
    assert province.patient.full_name not in page
    assert (await coordinator.post(f"{PAGE}/{parked}/unpark")).status_code == 303
    await process(engine, blobs, parked)
    assert (await study_of(parked)).state == "available"
    async with session_scope(engine) as session:
        acts = (await session.exec(select(AuditEntry.act).where(AuditEntry.actor_id == province.coordinator.id))).all()
    assert {"pipeline.read", "study.unparked"} <= set(acts)


async def test_everything_anew_is_one_button(engine, blobs, send, sign_in, province):  # noqa: F811
    study_id = await send()
    await process(engine, blobs, study_id)
    coordinator = await sign_in(province.coordinator)
    assert (await coordinator.post(f"{PAGE}/{study_id}/again")).status_code == 303
    assert await process(engine, blobs, study_id) == 8
    async with session_scope(engine) as session:
        await session.exec(update(Study).values(state="rejected"))
    assert (await coordinator.post(f"{PAGE}/{study_id}/again")).status_code == 409


async def test_an_administrator_counts_and_opens_nothing(parked, sign_in, province):
    administrator = await sign_in(province.administrator)
    page = (await administrator.get(PAGE)).text
    assert re.search(r"<b>1 · [^<]*(Đã dừng|Given up)", page)
    assert str(parked) not in page
    assert (await administrator.post(f"{PAGE}/{parked}/unpark")).status_code in (403, 404)


@pytest.mark.parametrize("who", ["doctor", "specialist", "technician", "auditor", "patient_account"])
async def test_nobody_else_has_any_business_there(parked, sign_in, province, who):
    client = await sign_in(getattr(province, who))
    assert (await client.get(PAGE)).status_code == 403
    assert (await client.get("/live/pipeline")).status_code == 403


async def test_a_stream_speaks_when_something_has_changed_and_ends_with_the_right(engine, blobs, send, monkeypatch):  # noqa: F811
    monkeypatch.setattr(live, "BREATH_S", 0.0)
    allowed = [True, True, False]

    async def still_allowed() -> bool:
        return allowed.pop(0)

    study_id = await send()
    stream = live.events(engine, live.of_everything, still_allowed, look_every_s=0.0)
    heard = [await anext(stream) for _ in range(3)]
    await process(engine, blobs, study_id)
    heard += [part async for part in stream]
    assert [part.partition("\n")[0] for part in heard] == [
        "retry: 3000",
        "event: changed",
        ": still here",
        "event: changed",
        ": still here",
    ]
    async with session_scope(engine) as session:
        assert (await session.exec(select(StepRun).where(StepRun.state != RunState.DONE))).all() == []


async def test_a_strangers_question_has_no_stream(sign_in, province):
    referral = await ask(await sign_in(province.doctor), province)
    stranger = await sign_in(province.other_doctor)
    assert (await stranger.get(f"/live/referrals/{referral['id']}")).status_code == 404
