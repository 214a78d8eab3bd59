"""A file stored by any door is the same file: its head may be another program's, the data set decides."""

import io

import pydicom
import pytest
from sqlmodel import select

from imaging.store.models import Instance, Quarantined
from imaging.store.receive import receive
from imaging.store.service import Filing, Ingested, Outcome
from telehealth.core.blobs import blobs
from telehealth.core.db import session_scope
from telehealth.identity.sessions import describe
from tests import dicom_samples
from tests.imaging.dimse.conftest import dcmtk
from tests.imaging.dimse.test_storing import shipped


async def by_file(engine, province, content: bytes):
    """As DICOMweb and uploads bring it: the whole file."""
    async with session_scope(engine) as session:
        actor = await describe(session, province.technician)

    async def whole():
        yield content

    return await receive(engine, blobs(), actor, whole(), Filing(province.clinic.id))


async def by_dimse(door, path) -> int:
    return (await dcmtk("storescu", "-aet", "CT1", "-aec", "TELEHEALTH", "127.0.0.1", str(door.port), path))[0]


@pytest.mark.parametrize("first", ["file", "dimse"])
async def test_the_second_door_changes_nothing(door, add_node, engine, province, session, first):
    await add_node("CT1")
    path = shipped("CT_small.dcm")
    content = path.read_bytes()

    if first == "file":
        await by_file(engine, province, content)
        assert await by_dimse(door, path) == 0
    else:
        assert await by_dimse(door, path) == 0
        again = await by_file(engine, province, content)
        assert isinstance(again, Ingested)
        assert again.outcome is Outcome.DUPLICATE

    stored = (await session.exec(select(Instance))).one()
    assert (await session.exec(select(Quarantined))).all() == []
    assert pydicom.dcmread(io.BytesIO(await blobs().read(stored.blob_key))).PixelData == pydicom.dcmread(path).PixelData


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_another_picture_under_the_same_uid_is_still_set_aside(door, add_node, engine, province, session, tmp_path):
    await add_node("CT1")
    await by_file(engine, province, dicom_samples.file_of(dicom_samples.image()))
    other = tmp_path / "other.dcm"
    other.write_bytes(dicom_samples.file_of(dicom_samples.image(pixels=bytes(16))))

    assert await by_dimse(door, other) != 0

    assert len((await session.exec(select(Quarantined))).all()) == 1
