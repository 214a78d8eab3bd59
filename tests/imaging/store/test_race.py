"""The same instance from everywhere at once."""

import asyncio

from sqlmodel import select

from imaging.store.models import Instance, Study
from imaging.store.receive import receive
from imaging.store.service import Filing, Outcome
from telehealth.core.actor import SYSTEM
from telehealth.core.blobs import blobs
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
