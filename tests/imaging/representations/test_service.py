import io

import av
import imagecodecs
import numpy as np
import pytest
from sqlmodel import col, func, select

from imaging.dicom import pixels, sandbox
from imaging.dicom.errors import Undecodable
from imaging.dicom.synthetic import ct_volume, radiograph, ultrasound_cine
from imaging.pipeline.process import process
from imaging.representations import service
from imaging.representations.models import Representation
from imaging.representations.queries import cines_of, representation_of
from imaging.store.models import Instance
from telehealth.core.db import session_scope
from tests.imaging.pipeline.conftest import PATIENT, blobs, decoders, send, study_of  # noqa: F401 (fixtures)


async def instances(engine, study_id) -> list[Instance]:
    async with session_scope(engine) as session:
        rows = select(Instance).where(Instance.study_id == study_id).order_by(col(Instance.number))
        return list(await session.exec(rows))


@pytest.mark.parametrize("made", [lambda: ct_volume(PATIENT, slices=3, size=128), lambda: radiograph(PATIENT)])
async def test_every_frame_is_there_again_bit_by_bit_with_its_levels(engine, blobs, send, made):  # noqa: F811
    study_id = await send(files=made())
    await process(engine, blobs, study_id)
    assert await service.represent(engine, blobs, study_id) is False
    for instance in await instances(engine, study_id):
        original = pixels.stored(str(await blobs.local(instance.blob_key)), 1)
        async with session_scope(engine) as session:
            stored = await representation_of(session, instance.id, 1)
            assert await representation_of(session, instance.id, 2) is None
        codestream = await blobs.read(stored.blob_key, stored.place.offset, stored.place.length)
        assert np.array_equal(imagecodecs.htj2k_decode(codestream), original)
        skip = len(stored.place.levels) - 2
        coarse = codestream[: stored.place.levels[1]] + b"\xff\xd9"
        small = imagecodecs.htj2k_decode(coarse, skipres=skip, resilient=True)
        assert np.array_equal(small, imagecodecs.htj2k_decode(codestream, skipres=skip))


async def test_made_twice_it_is_one_row_and_nothing_is_left(engine, blobs, send):  # noqa: F811
    study_id = await send()
    await process(engine, blobs, study_id)
    for _ in range(2):
        await service.represent(engine, blobs, study_id)
    async with session_scope(engine) as session:
        assert (await session.exec(select(func.count()).select_from(Representation))).one() == 4
        assert await service.missing(session, study_id) == []


async def test_a_sitting_ends_and_the_rest_is_for_the_next(engine, blobs, send):  # noqa: F811
    study_id = await send()
    await process(engine, blobs, study_id)
    assert await service.represent(engine, blobs, study_id, sitting_s=-1) is True
    assert await service.represent(engine, blobs, study_id) is False


async def test_the_sweep_finds_a_checked_study_without_forms_and_no_other(engine, blobs, send, monkeypatch):  # noqa: F811
    monkeypatch.setattr(service, "MISSED_AFTER", -service.MISSED_AFTER)
    study_id = await send()
    async with session_scope(engine) as session:
        assert await service.due_studies(session) == []
    await process(engine, blobs, study_id)
    async with session_scope(engine) as session:
        assert await service.due_studies(session) == [study_id]
    await service.represent(engine, blobs, study_id)
    async with session_scope(engine) as session:
        assert await service.due_studies(session) == []
        await service.make_again(session, study_id)
        assert await service.due_studies(session) == [study_id]


async def test_moving_pictures_are_a_film_that_plays(engine, blobs, send):  # noqa: F811
    study_id = await send(files=ultrasound_cine(PATIENT, frames=12))
    await process(engine, blobs, study_id)
    await service.represent(engine, blobs, study_id)
    (instance,) = await instances(engine, study_id)
    async with session_scope(engine) as session:
        ((_, film),) = await cines_of(session, study_id)
    with av.open(io.BytesIO(await blobs.read(film.blob_key))) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert container.streams.video[0].codec_context.name == "h264"
    assert len(shown) == 12
    first = pixels.picture(str(await blobs.local(instance.blob_key)), 1)
    height, width = shown[0].shape[:2]
    grey = first[:height, :width].mean(axis=-1) if first.ndim == 3 else first[:height, :width]
    assert np.abs(shown[0].mean(axis=-1) - grey).mean() < 6


async def test_pixels_that_kill_the_decoder_cost_one_row(engine, blobs, send, monkeypatch):  # noqa: F811
    study_id = await send()
    await process(engine, blobs, study_id)
    real, asked = sandbox.htj2k, []

    async def dies(path, frame=1):
        asked.append(path)
        if len(asked) == 2:
            raise Undecodable("decoder-ended")
        return await real(path, frame)

    monkeypatch.setattr(sandbox, "htj2k", dies)
    await service.represent(engine, blobs, study_id)
    async with session_scope(engine) as session:
        found = (await session.exec(select(Representation.not_offered))).all()
    assert sorted(found) == ["", "", "", "decoder-ended"]
