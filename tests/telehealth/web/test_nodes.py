"""The administrator's page of DICOM devices."""

import pytest
from sqlmodel import select

from imaging.dimse.models import DicomNode
from telehealth.core.audit import AuditEntry

PAGE = "/operations/nodes"
CT = {"ae_title": "CT1", "addresses": "10.4.1.7, 10.5.0.0/16", "may_store": "yes", "may_worklist": "yes", "port": ""}


@pytest.fixture
def device(province):
    return CT | {"organisation_id": str(province.clinic.id), "account_id": str(province.technician.id)}


async def test_an_administrator_adds_a_device_and_switches_it_off(sign_in, province, device, session):
    administrator = await sign_in(province.administrator)

    assert (await administrator.post(PAGE, data=device)).status_code == 303
    page = (await administrator.get(PAGE)).text
    assert "CT1" in page
    assert "10.4.1.7/32, 10.5.0.0/16" in page
    node = (await session.exec(select(DicomNode))).one()
    address = f"{PAGE}/{node.id}/off"
    assert node.rights == ["store", "worklist"]
    await session.rollback()

    assert (await administrator.post(address)).status_code == 303
    await session.refresh(node)
    assert not node.active
    acts = (await session.exec(select(AuditEntry.act).where(AuditEntry.object_type == "dicom_node"))).all()
    assert acts == ["dicom_node.added", "dicom_node.switched_off"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"ae_title": "A\\B"},
        {"ae_title": "SEVENTEEN_LETTERS"},
        {"addresses": "nowhere"},
        {"addresses": ""},
        {"port": "99999", "host": "10.4.1.7"},
        {"host": "10.4.1.7"},
        {"certificate_sha256": "abc"},
        {"organisation_id": "x"},
    ],
    ids=str,
)
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_what_is_wrong_brings_the_form_back(sign_in, province, device, wrong):
    administrator = await sign_in(province.administrator)

    answer = await administrator.post(PAGE, data=device | wrong)

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_device_acts_only_where_its_person_works(sign_in, province, device):
    administrator = await sign_in(province.administrator)

    assert (await administrator.post(PAGE, data=device | {"account_id": str(province.other_doctor.id)})).status_code == 422


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_nobody_else_sees_or_changes_devices(sign_in, province, device):
    for account in (province.doctor, province.specialist, province.coordinator, province.auditor):
        client = await sign_in(account)
        assert (await client.get(PAGE)).status_code == 403
        assert (await client.post(PAGE, data=device)).status_code == 403
