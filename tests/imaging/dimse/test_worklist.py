"""The modality worklist and storage commitment, by findscu and pynetdicom."""

import asyncio
import threading

import pydicom
import pytest
from pynetdicom import AE, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance
from sqlmodel import select

from imaging.store.models import Study
from telehealth.referrals.service import file_study
from tests import dicom_samples
from tests.imaging.dimse.conftest import dcmtk
from tests.imaging.dimse.test_finding import find
from tests.imaging.dimse.test_storing import sample
from tests.postgres import free_port
from tests.telehealth.referrals.loop import ask

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
STEP = "ScheduledProcedureStepSequence[0]"
CLASS, FIRST, GHOST = "1.2.840.10008.5.1.4.1.1.7", "1.2.3.4.5.6", "1.2.9.9.9"


async def listed(door, title, *keys):
    return await find(door, title, *keys, model="-W")


async def test_a_question_stands_on_the_clinics_worklist_until_it_is_taken_back(door, add_node, sign_in, province):
    await add_node("CT1")
    doctor = await sign_in(province.doctor)
    referral = await ask(doctor, province, priority="urgent")

    keys = ("PatientName=nguyen*", "AccessionNumber", "RequestedProcedurePriority", f"{STEP}.Modality=CT", "StudyInstanceUID")
    [found] = await listed(door, "CT1", *keys)
    assert referral["code"] in found
    assert "Nguyễn^Hoà^Thị" in found
    assert "HIGH" in found

    await doctor.post(f"/api/v1/referrals/{referral['id']}/cancel", json={"text": "Đã chuyển viện."})
    assert await listed(door, "CT1", *keys) == []


async def test_what_a_modality_sends_for_an_item_finds_its_question(door, add_node, sign_in, province, session, tmp_path):
    await add_node("CT1")
    referral = await ask(await sign_in(province.doctor), province)
    accession = dicom_samples.element(8, 0x50, b"SH", referral["code"].encode())
    path = tmp_path / "one.dcm"
    plain = dicom_samples.image()
    at = plain.index(b"\x08\0\x60\0CS")
    path.write_bytes(dicom_samples.file_of(plain[:at] + accession + plain[at:]))
    code, said = await dcmtk("storescu", "-aet", "CT1", "-aec", "TELEHEALTH", "127.0.0.1", str(door.port), path)
    assert code == 0, said

    study = (await session.exec(select(Study))).one()
    await file_study(session, study.id)

    assert str(study.referral_id) == referral["id"]


async def test_other_clinics_and_days_see_nothing(door, add_node, sign_in, province):
    await add_node("CT1")
    await add_node("OTHER", organisation_id=province.other_clinic.id, account_id=province.other_doctor.id)
    await ask(await sign_in(province.doctor), province)

    assert await listed(door, "OTHER", "AccessionNumber") == []
    assert await listed(door, "CT1", "AccessionNumber", f"{STEP}.ScheduledProcedureStepStartDate=20200101-20200131") == []


async def test_what_is_stored_may_be_forgotten_by_the_device(door, add_node, tmp_path):
    """Over the same association, and by a call back to a node whose address is known."""
    port = free_port()
    await add_node("CT1")
    await add_node("CT2", host="127.0.0.1", port=port)
    code, said = await dcmtk("storescu", "-aet", "CT1", "-aec", "TELEHEALTH", "127.0.0.1", str(door.port), sample(tmp_path))
    assert code == 0, said

    [(same_type, same)] = await asyncio.to_thread(commit, door.port, "CT1", [FIRST])
    [(back_type, back)] = await asyncio.to_thread(commit, door.port, "CT2", [FIRST, GHOST], port)

    assert same_type == 1
    assert [one.ReferencedSOPInstanceUID for one in same.ReferencedSOPSequence] == [FIRST]
    assert back_type == 2
    assert [(one.ReferencedSOPInstanceUID, one.FailureReason) for one in back.FailedSOPSequence] == [(GHOST, 0x0112)]


def commit(port, title, uids, own_port=0):
    """Ask for commitment of secondary captures; the reports that came: (event type, data set)."""
    told, came = [], threading.Event()

    def report(event):
        told.append((event.event_type, event.event_information))
        came.set()
        return 0, None

    entity = AE(title)
    entity.add_requested_context(StorageCommitmentPushModel)
    entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    handlers = [(evt.EVT_N_EVENT_REPORT, report)]
    server = entity.start_server(("127.0.0.1", own_port), block=False, evt_handlers=handlers) if own_port else None
    association = entity.associate("127.0.0.1", port, ae_title="TELEHEALTH", evt_handlers=handlers)
    asked = pydicom.Dataset()
    asked.TransactionUID = "2.25.1"
    asked.ReferencedSOPSequence = [reference(uid) for uid in uids]
    status, _ = association.send_n_action(asked, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance)
    assert status.Status == 0
    assert came.wait(20)
    association.release()
    if server:
        server.shutdown()
    return told


def reference(uid):
    item = pydicom.Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CLASS, uid
    return item
