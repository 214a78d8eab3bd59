"""The same instance from everywhere at once."""

import asyncio

from sqlmodel import select

from imaging.dicom.refusals import Code
from imaging.store.committer import Flushed
from imaging.store.models import Instance, Study
from imaging.store.receive import commit, drop, prepare, receive
from imaging.store.service import Filing, Outcome
from telehealth.core import audit
from telehealth.core.actor import SYSTEM
from telehealth.core.audit import AuditEntry
from telehealth.core.blobs import blobs
from telehealth.core.db import make_engine
from tests.dicom_samples import file_of, image


async def test_one_instance_sent_eight_times_in_parallel_is_stored_once(engine, province, session, tmp_path):
    path = tmp_path / "image"
    path.write_bytes(file_of(image()))
    filing = Filing(province.clinic.id)
    answers = await asyncio.gather(*(receive(engine, blobs(), SYSTEM, path, filing) for _ in range(8)))
    assert sorted(one.outcome for one in answers) == [Outcome.DUPLICATE] * 7 + [Outcome.STORED]
    assert len((await session.exec(select(Instance))).all()) == 1
    assert (await session.exec(select(Study))).one().instance_count == 1


async def test_eight_instances_of_one_study_in_parallel_are_counted(engine, province, session, tmp_path):
    paths = [tmp_path / str(n) for n in range(8)]
    for n, path in enumerate(paths):
        path.write_bytes(file_of(image(sop_uid=f"1.2.3.4.5.{n}")))
    await asyncio.gather(*(receive(engine, blobs(), SYSTEM, path, Filing(province.clinic.id)) for path in paths))
    study = (await session.exec(select(Study))).one()
    assert (study.series_count, study.instance_count, study.version) == (1, 8, 8)


async def test_a_group_counts_once_and_leaves_one_row_on_record(engine, province, session, tmp_path):
    """Twelve instances, one of them three times, in one transaction."""
    paths = [tmp_path / str(n) for n in range(14)]
    for n, path in enumerate(paths):
        path.write_bytes(file_of(image(sop_uid=f"1.2.3.4.5.{min(n, 11)}")))
    filing = Filing(province.clinic.id)
    prepared = [await prepare(blobs(), SYSTEM, path, filing) for path in paths]
    answers = await commit(engine, blobs(), [one for one in prepared if isinstance(one, Flushed)])
    assert [one.outcome for one in answers] == [Outcome.STORED] * 12 + [Outcome.DUPLICATE] * 2
    assert len({one.instance_id for one in answers}) == 12
    study = (await session.exec(select(Study))).one()
    assert (study.series_count, study.instance_count, study.version) == (1, 12, 12)
    entries = (await session.exec(select(AuditEntry).where(AuditEntry.act == "study.stored"))).all()
    assert [len(entry.facts["instances"]) for entry in entries] == [12]
    assert await audit.verify(session) is None


async def test_bytes_that_went_away_before_the_commit_leave_no_row_and_harm_no_neighbour(engine, province, session, tmp_path):
    paths = [tmp_path / str(n) for n in range(3)]
    for n, path in enumerate(paths):
        path.write_bytes(file_of(image(sop_uid=f"1.2.3.4.77.{n}")))
    prepared = [await prepare(blobs(), SYSTEM, path, Filing(province.clinic.id)) for path in paths]
    drop([prepared[1]])  # its sender broke off
    answers = await asyncio.gather(*(commit(engine, blobs(), [one]) for one in prepared), return_exceptions=True)
    assert isinstance(answers[1], FileNotFoundError)
    assert [one.outcome for answer in (answers[0], answers[2]) for one in answer] == [Outcome.STORED] * 2
    stored = (await session.exec(select(Instance))).all()
    assert {one.sop_uid for one in stored} == {"1.2.3.4.77.0", "1.2.3.4.77.2"}


async def test_conflicts_inside_one_group_are_each_judged_alone(engine, province, session, tmp_path):
    files = [
        image(),
        image(sop_uid="1.2.3.4.5.7", patient_id="P2"),
        image(sop_uid="1.2.3.4.5.8", study_uid="1.2.99"),
        image(pixels=bytes(16)),
        image(sop_uid="1.2.3.4.5.9"),
    ]
    paths = [tmp_path / str(n) for n in range(len(files))]
    for path, content in zip(paths, files, strict=True):
        path.write_bytes(file_of(content))
    prepared = [await prepare(blobs(), SYSTEM, path, Filing(province.clinic.id)) for path in paths]
    answers = await commit(engine, blobs(), [one for one in prepared if isinstance(one, Flushed)])
    codes = [one.refusal.code if one.refusal else "" for one in answers]
    assert codes == ["", Code.PATIENT_CONFLICT, Code.SERIES_CONFLICT, Code.CONFLICT, ""]
    assert [study.uid for study in (await session.exec(select(Study))).all()] == ["1.2.3.4"]


async def test_two_processes_with_the_same_studies_in_other_orders_both_succeed(
    engine, province, session, tmp_path, database_url
):
    beside = make_engine(database_url)
    paths = {n: tmp_path / str(n) for n in range(30)}
    for n, path in paths.items():
        uids = {"study_uid": f"1.2.{n % 3 + 1}", "series_uid": f"1.2.{n % 3 + 1}.1"}
        path.write_bytes(file_of(image(sop_uid=f"1.2.{n % 3 + 1}.1.{n}", **uids)))

    async def send(through, order):
        filing = Filing(province.clinic.id)
        return await asyncio.gather(*(receive(through, blobs(), SYSTEM, paths[n], filing) for n in order))

    one, other = await asyncio.gather(send(engine, range(30)), send(beside, reversed(range(30))))
    await beside.dispose()
    outcomes = sorted(answer.outcome for answer in (*one, *other))
    assert outcomes == [Outcome.DUPLICATE] * 30 + [Outcome.STORED] * 30
    assert [study.instance_count for study in (await session.exec(select(Study))).all()] == [10] * 3
    assert await audit.verify(session) is None
