"""C-MOVE to a real archive and C-GET over one association, by dcmtk and pynetdicom."""

import asyncio
import socket
from pathlib import Path

import pydicom
import pytest
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet, StudyRootQueryRetrieveInformationModelMove

from tests.imaging.dimse.conftest import dcmtk
from tests.imaging.dimse.test_storing import sample, send, shipped
from tests.postgres import free_port

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
async def stored(door, add_node, tmp_path):
    """Three instances of one study at the clinic, by the clinic's CT."""
    await add_node("CT1")
    paths = [sample(tmp_path, f"{n}.dcm", sop_uid=f"1.2.3.4.5.{n}") for n in (1, 2, 3)]
    code, said = await dcmtk("storescu", "-aet", "CT1", "-aec", "TELEHEALTH", "127.0.0.1", str(door.port), *paths)
    assert code == 0, said
    return [pydicom.dcmread(path) for path in paths]


async def move(door, title, to, *keys):
    given = [part for key in keys for part in ("-k", key)]
    return await dcmtk(
        "movescu", "-v", "-S", "-aet", title, "-aec", "TELEHEALTH", "-aem", to, "127.0.0.1", str(door.port), *given
    )


def received(folder: Path) -> list[pydicom.Dataset]:
    return sorted((pydicom.dcmread(path) for path in folder.glob("*")), key=lambda one: one.SOPInstanceUID)


async def test_a_study_moves_to_a_known_node(door, add_node, stored, tmp_path):
    port, folder = free_port(), tmp_path / "there"
    folder.mkdir()
    await add_node("WORKSTATION", host="127.0.0.1", port=port)
    archive = await asyncio.create_subprocess_exec("storescp", "-aet", "WORKSTATION", "-od", folder, "+xa", str(port))
    try:
        await listening(port)
        code, said = await move(door, "WORKSTATION", "WORKSTATION", "QueryRetrieveLevel=STUDY", "StudyInstanceUID=1.2.3.4")
    finally:
        archive.terminate()
        await archive.wait()

    assert code == 0, said
    assert received(folder) == stored


async def listening(port):
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        await asyncio.sleep(0.05)
    raise AssertionError("nobody listens")


async def test_a_move_to_an_unknown_node_is_refused(door, stored):
    _, said = await move(door, "CT1", "NOWHERE", "QueryRetrieveLevel=STUDY", "StudyInstanceUID=1.2.3.4")

    assert "MoveDestinationUnknown" in said


async def test_nothing_goes_to_a_node_of_another_clinic(door, add_node, stored, province):
    other = {"organisation_id": province.other_clinic.id, "account_id": province.other_doctor.id}
    await add_node("ELSEWHERE", host="127.0.0.1", port=1, **other)

    code, said = await move(door, "CT1", "ELSEWHERE", "QueryRetrieveLevel=STUDY", "StudyInstanceUID=1.2.3.4")

    assert code == 0, said
    assert "Received Final Move Response (Success)" in said
    assert await get(door, "ELSEWHERE", "1.2.3.4") == ([], 0x0000)


async def get(door, title, study_uid, syntaxes=("1.2.840.10008.1.2.1",), classes=("1.2.840.10008.5.1.4.1.1.7",)):
    """(instances as they arrive, final status) of a C-GET by pynetdicom."""
    taken = []

    def keep(event):
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        taken.append(dataset)
        return 0

    def ask():
        entity = AE(title)
        entity.add_requested_context(StudyRootQueryRetrieveInformationModelGet)
        for uid in classes:
            entity.add_requested_context(uid, list(syntaxes))
        roles = [build_role(uid, scp_role=True) for uid in classes]
        association = entity.associate(
            "127.0.0.1", door.port, ae_title="TELEHEALTH", ext_neg=roles, evt_handlers=[(evt.EVT_C_STORE, keep)]
        )
        wanted = pydicom.Dataset()
        wanted.QueryRetrieveLevel, wanted.StudyInstanceUID = "STUDY", study_uid
        final = 0
        for status, _ in association.send_c_get(wanted, StudyRootQueryRetrieveInformationModelGet):
            final = status.Status
        association.release()
        return final

    return taken, await asyncio.to_thread(ask)


async def test_a_study_comes_over_the_same_association(door, stored):
    taken, final = await get(door, "CT1", "1.2.3.4")

    assert final == 0
    assert sorted(taken, key=lambda one: one.SOPInstanceUID) == stored


async def test_packed_pixels_are_unpacked_for_a_peer_that_takes_no_other(door, add_node):
    await add_node("CT1")
    original = pydicom.dcmread(shipped("MR_small_RLE.dcm"))
    assert await asyncio.to_thread(send, door.port, [original]) == [0]

    [taken], final = await get(door, "CT1", original.StudyInstanceUID, ["1.2.840.10008.1.2"], [original.SOPClassUID])

    assert final == 0
    assert taken.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2"
    assert (taken.pixel_array == original.pixel_array).all()


async def test_an_instance_that_the_peer_cannot_take_counts_as_failed(door, stored):
    taken, final = await get(door, "CT1", "1.2.3.4", classes=["1.2.840.10008.5.1.4.1.1.2"])

    assert (taken, final) == ([], 0xA702)


async def test_a_cancelled_move_stops(door, add_node, tmp_path):
    """The move goes to a node that takes its time; what remains is told."""
    await add_node("CT1")
    paths = [sample(tmp_path, f"{n}.dcm", sop_uid=f"1.2.3.4.5.{n}") for n in range(1, 9)]
    code, said = await dcmtk("storescu", "-aet", "CT1", "-aec", "TELEHEALTH", "127.0.0.1", str(door.port), *paths)
    assert code == 0, said

    def talk(port):
        entity = AE("SLOW")
        entity.add_supported_context("1.2.840.10008.5.1.4.1.1.7")
        entity.add_requested_context(StudyRootQueryRetrieveInformationModelMove)
        association = None
        counted = []

        def take(_event):
            if not counted:
                association.send_c_cancel(1, query_model=StudyRootQueryRetrieveInformationModelMove)
            counted.append(1)
            return 0

        server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, take)])
        association = entity.associate("127.0.0.1", door.port, ae_title="TELEHEALTH")
        wanted = pydicom.Dataset()
        wanted.QueryRetrieveLevel, wanted.StudyInstanceUID = "STUDY", "1.2.3.4"
        final = None
        for status, _ in association.send_c_move(wanted, "SLOW", StudyRootQueryRetrieveInformationModelMove, msg_id=1):
            final = status
        association.release()
        server.shutdown()
        return final

    port = free_port()
    await add_node("SLOW", host="127.0.0.1", port=port)
    final = await asyncio.to_thread(talk, port)

    assert final.Status == 0xFE00
    assert final.NumberOfRemainingSuboperations > 0
