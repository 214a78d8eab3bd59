"""Frames as HTJ2K with levels over WADO-RS: offered where they are made, exact, by range, and never in the way."""

import email
from datetime import timedelta

import imagecodecs
import numpy as np
import pytest
from sqlmodel import select, update

from imaging.dicom import pixels
from imaging.dicom.synthetic import ct_volume
from imaging.pipeline.process import process
from imaging.representations import service
from imaging.store.models import Instance, Series, Study
from imaging.store.receive import receive
from imaging.store.service import Filing
from telehealth.core import clock
from telehealth.core.actor import SYSTEM
from telehealth.core.blobs import blobs
from telehealth.core.db import session_scope
from tests.imaging.pipeline.conftest import PATIENT, decoders, pieces  # noqa: F401 (fixtures)

RPCL = "1.2.840.10008.1.2.4.202"
ONE = f"image/jphc; transfer-syntax={RPCL}"
MANY = f'multipart/related; type="image/jphc"; transfer-syntax={RPCL}'
ANY = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'


@pytest.fixture
async def image(engine, province) -> tuple[str, np.ndarray]:
    """A CT image with its form made: the address of its frame, and its values."""
    (content,) = ct_volume(PATIENT, slices=1, size=256)
    taken = await receive(engine, blobs(), SYSTEM, pieces(content), Filing(province.clinic.id, province.patient.id))
    async with session_scope(engine) as session:
        await session.exec(update(Study).values(last_instance_at=clock.now() - timedelta(minutes=1)))
    await process(engine, blobs(), taken.study_id)
    async with session_scope(engine) as session:
        row = (await session.exec(select(Instance, Series.uid).join(Series))).one()
    path = f"/dicomweb/studies/{taken.study_uid}/series/{row[1]}/instances/{taken.sop_uid}/frames/1"
    return path, pixels.stored(str(await blobs().local(row[0].blob_key)), 1)


@pytest.fixture
async def made(engine, image) -> tuple[str, np.ndarray]:
    async with session_scope(engine) as session:
        study_id = (await session.exec(select(Study.id))).one()
    await service.represent(engine, blobs(), study_id)
    return image


async def test_the_form_is_given_to_who_asks_and_others_get_what_they_had(made, sign_in, province):
    path, values = made
    client = await sign_in(province.technician)
    alone = await client.get(path, headers={"Accept": ONE})
    assert (alone.status_code, alone.headers["content-type"]) == (200, ONE)
    assert np.array_equal(imagecodecs.htj2k_decode(alone.content), values)
    wrapped = await client.get(path, headers={"Accept": MANY})
    head = f"Content-Type: {wrapped.headers['content-type']}\r\n\r\n".encode()
    (part,) = email.message_from_bytes(head + wrapped.content).get_payload()
    assert part.get_content_type() == "image/jphc"
    assert part.get_payload(decode=True) == alone.content
    plain = await client.get(path, headers={"Accept": ANY})
    assert values.tobytes() in plain.content
    first_liked = await client.get(path, headers={"Accept": f"{ANY}, {ONE}"})
    assert values.tobytes() in first_liked.content


async def test_a_range_up_to_a_levels_end_is_that_level_exactly(made, sign_in, province):
    path, _ = made
    client = await sign_in(province.technician)
    whole = await client.get(path, headers={"Accept": ONE})
    ends = [int(one) for one in whole.headers["level-ends"].split(",")]
    for level, end in enumerate(ends):
        part = await client.get(path, headers={"Accept": ONE, "Range": f"bytes=0-{end - 1}"})
        assert (part.status_code, part.headers["content-range"]) == (206, f"bytes 0-{end - 1}/{len(whole.content)}")
        skip = len(ends) - 1 - level
        coarse = imagecodecs.htj2k_decode(part.content + b"\xff\xd9", skipres=skip, resilient=True)
        assert np.array_equal(coarse, imagecodecs.htj2k_decode(whole.content, skipres=skip))
    rest = await client.get(path, headers={"Accept": ONE, "Range": f"bytes={ends[0]}-"})
    assert whole.content[: ends[0]] + rest.content == whole.content


async def test_the_query_speaks_for_programs_that_cannot_set_headers(made, sign_in, province):
    path, _ = made
    client = await sign_in(province.technician)
    asked = await client.get(path, params={"accept": ONE}, headers={"Accept": ANY})
    assert asked.headers["content-type"] == ONE
    again = await client.get(path, params={"accept": ONE}, headers={"If-None-Match": asked.headers["etag"]})
    assert again.status_code == 304


async def test_what_is_not_made_is_not_offered_and_the_next_wish_counts(image, sign_in, province):
    path, values = image
    client = await sign_in(province.technician)
    assert (await client.get(path, headers={"Accept": ONE})).status_code == 406
    fallen = await client.get(path, headers={"Accept": f"{MANY}, {ANY}"})
    assert values.tobytes() in fallen.content


async def test_a_strangers_form_is_as_unknown_as_the_original(made, sign_in, province):
    path, _ = made
    stranger = await sign_in(province.other_doctor)
    assert (await stranger.get(path, headers={"Accept": ONE})).status_code == 404
