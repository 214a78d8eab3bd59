"""C-ECHO and C-STORE from programs that others wrote."""

import asyncio
import io

import pydicom
import pytest
from pynetdicom import AE
from sqlmodel import select

from imaging.store.models import Instance, Study
from telehealth.core.audit import AuditEntry
from telehealth.core.blobs import blobs
from tests import dicom_samples
from tests.imaging.dimse.conftest import dcmtk


def sample(folder, file="one.dcm", **facts):
    """A small secondary capture as a file."""
    path = folder / file
    path.write_bytes(dicom_samples.file_of(dicom_samples.image(**facts)))
    return path


def shipped(name):
    return next(path for path in dicom_samples.shipped() if path.name == name)


async def test_a_known_node_is_answered(door, add_node):
    await add_node("CT1")

    code, said = await dcmtk("echoscu", "-aet", "CT1", "-aec", "TELEHEALTH", "127.0.0.1", str(door.port))

    assert code == 0, said


@pytest.mark.parametrize(
    ("facts", "title", "called", "words"),
    [
        ({}, "STRANGER", "TELEHEALTH", "Calling AE Title Not Recognized"),
        ({"addresses": ["10.0.0.0/8"]}, "CT1", "TELEHEALTH", "Calling AE Title Not Recognized"),
        ({"certificate_sha256": "ab" * 32}, "CT1", "TELEHEALTH", "Calling AE Title Not Recognized"),
        ({}, "CT1", "SOMEBODY", "Called AE Title Not Recognized"),
    ],
    ids=["unknown title", "wrong address", "no certificate", "wrong called title"],
)
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_strangers_are_rejected_with_the_reason_and_noted(door, add_node, session, facts, title, called, words):
    await add_node("CT1", **facts)

    code, said = await dcmtk("echoscu", "-aet", title, "-aec", called, "127.0.0.1", str(door.port))

    assert code != 0
    assert words in said
    noted = (await session.exec(select(AuditEntry).where(AuditEntry.act == "dicom_node.refused"))).one()
    assert noted.facts["ae_title"] == title


async def test_what_storescu_sends_is_durable_and_the_same_again_changes_nothing(door, add_node, session, tmp_path, province):
    await add_node("CT1")
    path = sample(tmp_path)

    for _ in range(2):
        code, said = await dcmtk("storescu", "-aet", "CT1", "-aec", "TELEHEALTH", "127.0.0.1", str(door.port), path)
        assert code == 0, said

    stored = (await session.exec(select(Instance))).one()
    study = (await session.exec(select(Study))).one()
    assert (study.instance_count, study.organisation_id) == (1, province.clinic.id)
    kept = pydicom.dcmread(io.BytesIO(await blobs().read(stored.blob_key)))
    sent = pydicom.dcmread(path)
    assert kept == sent
    assert kept.PatientName == "Nguyễn^Thị^Hoà"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_every_transfer_syntax_is_taken_as_it_is(door, add_node, session):
    await add_node("CT1")
    names = ["CT_small.dcm", "MR_small_RLE.dcm", "SC_rgb_jpeg_gdcm.dcm", "image_dfl.dcm", "rtplan.dcm"]
    sent = [pydicom.dcmread(shipped(name)) for name in names]

    statuses = await asyncio.to_thread(send, door.port, sent)

    assert statuses == [0] * len(sent)
    kept = {one.sop_uid: one for one in await session.exec(select(Instance))}
    for dataset in sent:
        stored = kept[dataset.SOPInstanceUID]
        assert stored.transfer_syntax == dataset.file_meta.TransferSyntaxUID
        assert pydicom.dcmread(io.BytesIO(await blobs().read(stored.blob_key))) == dataset


def send(port, datasets):
    """The status of each data set, sent by pynetdicom in its own transfer syntax."""
    entity = AE("CT1")
    for dataset in datasets:
        entity.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", port, ae_title="TELEHEALTH")
    assert association.is_established
    found = [association.send_c_store(dataset).Status for dataset in datasets]
    association.release()
    return found
