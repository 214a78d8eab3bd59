"""Films and earlier studies stand beside the images, for those who may see them."""

from datetime import timedelta

from sqlmodel import select, update

from imaging.dicom.synthetic import ct_volume, ultrasound_cine
from imaging.pipeline.process import process
from imaging.representations import service
from imaging.store.models import Instance, Study
from imaging.store.receive import receive
from imaging.store.service import Filing
from telehealth.core import clock
from telehealth.core.actor import SYSTEM
from telehealth.core.blobs import blobs
from telehealth.core.db import session_scope
from tests.imaging.pipeline.conftest import PATIENT, decoders, pieces  # noqa: F401 (fixtures)


async def test_a_film_plays_by_range_and_an_earlier_study_is_linked(engine, sign_in, province):
    taken = []
    for files in (ct_volume(PATIENT, slices=1, size=64), ultrasound_cine(PATIENT, frames=6)):
        taken.append(await receive(engine, blobs(), SYSTEM, pieces(files[0]), Filing(province.clinic.id, province.patient.id)))
        async with session_scope(engine) as session:
            await session.exec(update(Study).values(last_instance_at=clock.now() - timedelta(minutes=1)))
        await process(engine, blobs(), taken[-1].study_id)
    await service.represent(engine, blobs(), taken[1].study_id)
    async with session_scope(engine) as session:
        instance_id = (await session.exec(select(Instance.id).where(Instance.study_id == taken[1].study_id))).one()
    film = f"/studies/{taken[1].study_id}/films/{instance_id}.mp4"
    doctor, stranger = await sign_in(province.doctor), await sign_in(province.other_doctor)
    page = (await doctor.get(f"/studies/{taken[1].study_id}")).text
    assert film in page
    assert f'href="/studies/{taken[0].study_id}"' in page
    assert f"/studies/{taken[1].study_id}/share" in page
    part = await doctor.get(film, headers={"Range": "bytes=0-99"})
    assert (part.status_code, len(part.content), part.headers["content-type"]) == (206, 100, "video/mp4")
    assert part.content[4:8] == b"ftyp"
    assert (await stranger.get(film)).status_code == 404
    assert (await doctor.get(f"/studies/{taken[0].study_id}/films/{instance_id}.mp4")).status_code == 404
