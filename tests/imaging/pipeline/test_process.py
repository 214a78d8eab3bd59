import asyncio
from datetime import timedelta

import pytest
from sqlmodel import col, select, update

from imaging.dicom.synthetic import ct_volume, ultrasound_cine
from imaging.pipeline import due, service, steps
from imaging.pipeline import process as worker
from imaging.pipeline.errors import FiledElsewhere, ReasonMissing
from imaging.pipeline.models import RunState, StepRun
from imaging.pipeline.process import process
from imaging.pipeline.service import Decision, Outcome
from imaging.store.models import Instance, Series, Study
from telehealth.core import clock, jobs
from telehealth.core.actor import SYSTEM
from telehealth.core.audit import AuditEntry
from telehealth.core.db import session_scope
from telehealth.core.errors import Forbidden, NotFound
from telehealth.core.ids import new_id
from telehealth.core.jobs import Job
from telehealth.identity.sessions import describe
from tests.imaging.pipeline.conftest import PATIENT, STRANGER


async def said(engine, act: str) -> int:
    async with session_scope(engine) as session:
        return len((await session.exec(select(AuditEntry).where(AuditEntry.act == act))).all())


async def test_a_good_study_becomes_available_with_thumbnails(engine, blobs, send, study_of):
    study_id = await send()
    assert await process(engine, blobs, study_id) == 8

    study = await study_of(study_id)
    assert (study.state, study.findings, study.identity["verdict"]) == ("available", [], "match")
    assert study.available_at is not None
    async with session_scope(engine) as session:
        series = (await session.exec(select(Series))).one()
    assert (await blobs.read(series.thumbnail_key)).startswith(b"\xff\xd8")


async def test_a_doubled_message_finds_nothing_to_do(engine, blobs, send):
    study_id = await send()
    await process(engine, blobs, study_id)
    assert await process(engine, blobs, study_id) == 0
    assert await said(engine, "study.available") == 1


async def test_four_workers_at_once_make_it_available_once(engine, blobs, send, study_of):
    study_id = await send()
    done = await asyncio.gather(*(process(engine, blobs, study_id) for _ in range(4)))
    if (await study_of(study_id)).state != "available":  # the one that held a step went on alone; nothing may be left
        done.append(await process(engine, blobs, study_id))
    assert sum(done) == 8
    assert await said(engine, "study.available") == 1


async def test_a_study_is_readable_once_its_patient_is_sure_while_the_rest_still_comes(engine, blobs, send, study_of):
    files = ct_volume(PATIENT, slices=6, size=64)
    study_id = await send(files=files[:2], still=False, expected_instances=6)
    assert await process(engine, blobs, study_id) == 1
    early = await study_of(study_id)
    assert (early.state, early.available_at, early.instance_count, early.expected_instances) == ("available", None, 2, 6)

    await send(files=files[2:], still=False)
    assert await process(engine, blobs, study_id) == 0, "no whole look before the sender is done"
    async with session_scope(engine) as session:
        await service.settle(session, study_id)
    assert await process(engine, blobs, study_id) == 8
    assert (await study_of(study_id)).available_at is not None
    assert (await said(engine, "study.readable"), await said(engine, "study.available")) == (1, 1)


async def test_another_persons_images_are_held_while_they_still_come(engine, blobs, send, study_of):
    study_id = await send(STRANGER, still=False)
    await process(engine, blobs, study_id)
    assert ((await study_of(study_id)).held_because, await said(engine, "study.readable")) == ("mismatch", 0)


async def test_a_study_of_nobody_is_left_alone_until_the_sender_is_done(engine, blobs, send, study_of):
    study_id = await send(still=False, filed=False)
    assert await process(engine, blobs, study_id) == 0
    async with session_scope(engine) as session:
        await service.settle(session, study_id)
    await process(engine, blobs, study_id)
    assert (await study_of(study_id)).held_because == "unfiled"


async def test_a_study_wakes_the_pipeline_once_however_many_images_it_has(engine, blobs, send, monkeypatch):
    sent = []

    async def count(job, **ids):
        sent.append(job)

    monkeypatch.setattr(jobs, "send", count)
    await send(files=ct_volume(PATIENT, slices=8, size=64))
    assert sorted(sent) == [Job.PROCESS_STUDY, Job.FILE_STUDY]


async def test_urgent_studies_go_first_and_every_fifth_turn_is_for_the_one_that_waits_longest(engine, blobs, send):
    waiting = {}
    for seed, priority in enumerate(("routine", "routine", "urgent", "stat")):
        study_id = await send(files=ct_volume(PATIENT, slices=1, size=64, seed=seed))
        waiting[study_id] = f"{priority} {seed}"
        async with session_scope(engine) as session:
            before = clock.now() - timedelta(minutes=10 - seed)
            await session.exec(update(Study).where(col(Study.id) == study_id).values(priority=priority, last_instance_at=before))
    async with session_scope(engine) as session:
        assert [waiting[one] for one in await due.due_studies(session)] == ["stat 3", "urgent 2", "routine 0", "routine 1"]
        turns = [waiting[await due.next_study(session, turn)] for turn in range(due.TURNS)]
    assert turns == ["stat 3"] * 4 + ["routine 0"]


async def test_a_message_for_one_study_does_the_most_urgent(engine, blobs, send, study_of):
    routine = await send(files=ct_volume(PATIENT, slices=1, size=64))
    stat = await send(files=ct_volume(PATIENT, slices=1, size=64, seed=2))
    async with session_scope(engine) as session:
        await session.exec(update(Study).where(col(Study.id) == stat).values(priority="stat"))
    await worker.process_next(engine, blobs, routine, 0)
    assert ((await study_of(stat)).state, (await study_of(routine)).state) == ("available", "receiving")
    await worker.process_next(engine, blobs, stat, 1)
    assert (await study_of(routine)).state == "available"


async def test_a_study_knows_its_earlier_ones_its_reader_and_the_text_in_its_pictures(engine, blobs, send, study_of):
    first = await send(files=ct_volume(PATIENT, slices=1, size=64))
    await process(engine, blobs, first)
    second = await send(files=ultrasound_cine(PATIENT, frames=3))
    await process(engine, blobs, second)
    study = await study_of(second)
    assert (study.prior_ids, study.burned_in) == ([str(first)], "certain")
    assert ((await study_of(first)).subspecialty, study.subspecialty) == ("chest", "cardiac")


async def test_everything_is_done_once_more_on_a_persons_word(engine, blobs, send, study_of, province):
    study_id = await send()
    await process(engine, blobs, study_id)
    async with session_scope(engine) as session:
        technician = await describe(session, province.technician)
        with pytest.raises(Forbidden):
            await service.run_again(session, technician, study_id)
    async with session_scope(engine) as session:
        await service.run_again(session, SYSTEM, study_id)
    assert (await study_of(study_id)).state == "available"
    assert await process(engine, blobs, study_id) == 8
    assert await said(engine, "study.available") == 1


async def test_the_sweep_finds_what_no_message_told(engine, blobs, send):
    study_id = await send()
    async with session_scope(engine) as session:
        assert await due.due_studies(session) == [study_id]
    await process(engine, blobs, study_id)
    async with session_scope(engine) as session:
        assert await due.due_studies(session) == []


async def test_a_dead_workers_step_is_free_after_its_lease(engine, blobs, send, study_of):
    study_id = await send()
    async with session_scope(engine) as session:
        lost = await service.claim_next_step(session, study_id, "dead")
    async with session_scope(engine) as session:
        assert await service.claim_next_step(session, study_id, "other") is None
        assert await due.due_studies(session) == []
    async with session_scope(engine) as session:
        await session.exec(update(StepRun).values(lease_until=clock.now() - timedelta(seconds=1)))
    async with session_scope(engine) as session:
        assert await due.due_studies(session) == [study_id]
    await process(engine, blobs, study_id)
    async with session_scope(engine) as session:
        assert await service.record(session, lost, Outcome({})) is None
    assert (await study_of(study_id)).state == "available"


async def test_a_failing_step_waits_longer_each_time_and_is_parked_after_five(engine, blobs, send, monkeypatch):
    study_id = await send()

    async def broken(_bench, _claim):
        raise OSError("disk")

    monkeypatch.setitem(steps.STEPS, "representations", broken)
    waits = []
    for _ in range(5):
        await process(engine, blobs, study_id)
        async with session_scope(engine) as session:
            run = (await session.exec(select(StepRun).where(StepRun.step == "representations"))).one()
            if run.due_at:
                waits.append(round((run.due_at - clock.now()).total_seconds()))
            await session.exec(update(StepRun).where(col(StepRun.id) == run.id).values(due_at=None))
    assert (run.state, run.attempts, waits) == (RunState.PARKED, 5, [2, 4, 8, 16])
    assert await process(engine, blobs, study_id) == 0
    assert await said(engine, "study.parked") == 1

    monkeypatch.undo()
    async with session_scope(engine) as session:
        assert await service.unpark(session, SYSTEM, study_id) == 1
    await process(engine, blobs, study_id)
    assert await said(engine, "study.available") == 1


async def test_new_images_are_checked_while_the_old_stay_readable(engine, blobs, send, study_of):
    files = ct_volume(PATIENT, slices=5, size=64)
    study_id = await send(files=files[:4])
    await process(engine, blobs, study_id)
    assert await send(files=files[4:]) == study_id
    assert (await study_of(study_id)).state == "available"
    assert await process(engine, blobs, study_id) == 8
    assert (await said(engine, "study.available"), await said(engine, "study.extended")) == (1, 1)


async def test_another_persons_images_wait_for_the_doctor(engine, blobs, send, study_of, province):
    study_id = await send(STRANGER)
    await process(engine, blobs, study_id)
    study = await study_of(study_id)
    assert (study.state, study.held_because) == ("held", "mismatch")
    assert study.held_facts["reasons"][0] == "name_differs"

    async with session_scope(engine) as session:
        technician, doctor = await describe(session, province.technician), await describe(session, province.doctor)
        stranger = await describe(session, province.other_doctor)
    async with session_scope(engine) as session:
        with pytest.raises(Forbidden):
            await service.resolve_identity(session, technician, study_id, Decision.ACCEPT, "đúng người")
        with pytest.raises(NotFound):
            await service.resolve_identity(session, stranger, study_id, Decision.ACCEPT, "đúng người")
        with pytest.raises(ReasonMissing):
            await service.resolve_identity(session, doctor, study_id, Decision.ACCEPT, " ")
    async with session_scope(engine) as session:
        await service.resolve_identity(session, doctor, study_id, Decision.ACCEPT, "máy gõ nhầm tên")
    await process(engine, blobs, study_id)
    study = await study_of(study_id)
    assert (study.state, study.identity["decided"]["by"]) == ("available", province.doctor.full_name)
    assert [finding["code"] for finding in study.findings] == ["identity_mismatch"]


async def test_a_rejected_study_stays_rejected(engine, blobs, send, study_of, province):
    study_id = await send(STRANGER)
    await process(engine, blobs, study_id)
    async with session_scope(engine) as session:
        doctor = await describe(session, province.doctor)
        await service.resolve_identity(session, doctor, study_id, Decision.REJECT, "không phải bệnh nhân này")
    assert await process(engine, blobs, study_id) == 0
    assert (await study_of(study_id)).state == "rejected"


async def test_an_unfiled_study_waits_until_somebody_says_whose_it_is(engine, blobs, send, study_of, province):
    study_id = await send(filed=False)
    await process(engine, blobs, study_id)
    assert (await study_of(study_id)).held_because == "unfiled"
    referral_id = new_id()
    async with session_scope(engine) as session:
        technician = await describe(session, province.technician)
        await service.file_under(session, technician, study_id, referral_id, province.patient.id)
    await process(engine, blobs, study_id)
    study = await study_of(study_id)
    assert (study.state, study.referral_id) == ("available", referral_id)
    async with session_scope(engine) as session:
        with pytest.raises(FiledElsewhere):
            await service.file_under(session, technician, study_id, new_id(), province.patient.id)


async def test_pictures_that_cannot_be_unpacked_are_marked_and_the_rest_goes_on(engine, blobs, send, study_of):
    study_id = await send()
    async with session_scope(engine) as session:
        instance = (await session.exec(select(Instance).where(Instance.number == 2))).one()
        path = await blobs.local(instance.blob_key)
    path.write_bytes(path.read_bytes()[:2000])
    await process(engine, blobs, study_id)
    study = await study_of(study_id)
    assert (study.state, study.findings) == ("available", [{"step": "validate", "code": "undecodable", "count": 1}])


async def test_a_study_of_which_nothing_can_be_shown_is_held(engine, blobs, send, study_of):
    study_id = await send()
    async with session_scope(engine) as session:
        keys = (await session.exec(select(Instance.blob_key))).all()
    for key in keys:
        path = await blobs.local(key)
        path.write_bytes(path.read_bytes()[:2000])
    await process(engine, blobs, study_id)
    assert (await study_of(study_id)).held_because == "unreadable"


async def test_missing_slices_and_announced_images_are_told_to_the_reader(engine, blobs, send, study_of):
    files = ct_volume(PATIENT, slices=10, size=64)
    del files[4:6]
    study_id = await send(files=files, expected_instances=10)
    await process(engine, blobs, study_id)
    codes = [
        (finding["code"], finding.get("missing"), finding.get("expected")) for finding in (await study_of(study_id)).findings
    ]
    assert codes == [("incomplete", None, 10), ("gap", 2, None)]


async def test_a_long_step_keeps_its_lease(engine, blobs, send, monkeypatch):
    study_id = await send()
    monkeypatch.setattr(worker, "LEASE", timedelta(milliseconds=60))
    monkeypatch.setattr(service, "LEASE", timedelta(seconds=2))
    seen = []

    async def slow(_bench, claim):
        for _ in range(5):
            await asyncio.sleep(0.05)
            async with session_scope(engine) as session:
                seen.append((await session.get(StepRun, claim.run_id)).lease_until)
        return steps.Result(Outcome({}))

    monkeypatch.setitem(steps.STEPS, "validate", slow)
    await process(engine, blobs, study_id)
    assert seen[-1] > seen[0]
