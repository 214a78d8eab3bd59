"""Rows written before a migration say the same after it."""

from sqlmodel import select

from imaging.store.models import Instance, NameWord
from imaging.store.receive import receive
from imaging.store.service import Filing
from telehealth.core import schema
from telehealth.core.actor import SYSTEM
from telehealth.core.blobs import blobs
from tests.dicom_samples import file_of, image


async def test_metadata_and_names_survive_the_way_down_and_up(engine, province, session, tmp_path):
    path = tmp_path / "image"
    path.write_bytes(file_of(image()))
    await receive(engine, blobs(), SYSTEM, path, Filing(province.clinic.id))
    before = (await session.exec(select(Instance.metadata_json))).one()
    await session.rollback()
    await schema.downgrade(engine, "0002")
    await schema.upgrade(engine)
    assert (await session.exec(select(Instance.metadata_json))).one() == before
    assert sorted((await session.exec(select(NameWord.word))).all()) == ["hoa", "nguyen", "thi"]
