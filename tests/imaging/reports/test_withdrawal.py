"""Taking a study out of sight: who may, with a reason, never what a signed report rests on."""

import pytest
from sqlmodel import select

from imaging.reports.models import Report
from imaging.store.models import Instance, Study
from telehealth.core.audit import AuditEntry
from telehealth.core.blobs import blobs
from telehealth.core.db import session_scope
from telehealth.core.ids import new_id
from tests.dicom_samples import file_of, image
from tests.imaging.dicomweb.test_dicomweb import INSTANCE, STUDY, store

WRONG = {"reason": "wrong_patient"}


@pytest.fixture
async def clinic(sign_in, province):
    client = await sign_in(province.technician)
    await store(client, file_of(image()))
    return client


async def test_a_withdrawn_study_is_gone_from_every_door_and_kept_on_disk(clinic, sign_in, province, session):
    coordinator = await sign_in(province.coordinator)
    assert (await clinic.get(f"{INSTANCE}/frames/1")).status_code == 200
    assert (await coordinator.delete(STUDY, params=WRONG)).status_code == 204
    assert (await clinic.get(f"{STUDY}/metadata")).status_code == 404
    assert (await clinic.get("/dicomweb/studies")).json() == []
    study = (await session.exec(select(Study))).one()
    assert (study.state, study.withdrawn_because, study.withdrawn_by_id) == (
        "withdrawn",
        "wrong_patient",
        province.coordinator.id,
    )
    assert (study.kept_until - study.withdrawn_at.date()).days >= 3652
    instance = (await session.exec(select(Instance))).one()
    assert len(await blobs().read(instance.blob_key)) == instance.size
    [row] = (await session.exec(select(AuditEntry).where(AuditEntry.act == "study.withdrawn"))).all()
    assert row.facts == {"reason": "wrong_patient"}
    await session.rollback()
    assert (await coordinator.delete(STUDY, params=WRONG)).status_code == 409


async def test_only_coordinators_and_administrators_withdraw_and_only_with_a_reason(clinic, sign_in, province):
    doctor, stranger = await sign_in(province.doctor), await sign_in(province.other_doctor)
    assert (await doctor.delete(STUDY, params=WRONG)).status_code == 403
    assert (await stranger.delete(STUDY, params=WRONG)).status_code == 404
    administrator = await sign_in(province.administrator)
    assert (await administrator.delete(STUDY)).status_code == 422
    assert (await administrator.delete(STUDY, params={"reason": "because"})).status_code == 422
    assert (await administrator.delete(f"{STUDY}9", params=WRONG)).status_code == 404
    assert (await administrator.delete(STUDY, params=WRONG)).status_code == 204


async def test_what_a_signed_report_rests_on_stays(clinic, sign_in, province, engine):
    async with session_scope(engine) as session:
        study = (await session.exec(select(Study))).one()
        parties = {"patient_id": province.patient.id, "author_id": province.specialist.id}
        session.add(Report(referral_id=new_id(), study_id=study.id, signed_version=1, **parties))
    coordinator = await sign_in(province.coordinator)
    refused = await coordinator.delete(STUDY, params=WRONG)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/cited-by-report")
    assert (await clinic.get(f"{STUDY}/metadata")).status_code == 200
