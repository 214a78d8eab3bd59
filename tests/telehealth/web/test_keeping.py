"""A study that a court needs: kept by a form, whatever else somebody wants to do with it."""

import pytest
from sqlmodel import select

from imaging.store.models import Study
from telehealth.core.audit import AuditEntry
from telehealth.core.db import session_scope
from tests.telehealth.referrals.loop import add_images, ask

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
async def study(engine, sign_in, province) -> Study:
    question = await ask(await sign_in(province.doctor), province)
    await add_images(engine, province, question)
    async with session_scope(engine) as session:
        return (await session.exec(select(Study))).one()


async def test_a_held_study_cannot_be_withdrawn_until_the_hold_is_lifted(session, sign_in, province, study):
    coordinator = await sign_in(province.coordinator)
    place, withdraw = f"/studies/{study.id}/share", f"/dicomweb/studies/{study.uid}?reason=wrong_patient"

    assert (await coordinator.post(f"/studies/{study.id}/hold", data={"reason": "Toà án huyện"})).status_code == 303
    assert "Toà án huyện" in (await coordinator.get(place)).text
    assert (await coordinator.delete(withdraw)).status_code == 409

    assert (await coordinator.post(f"/studies/{study.id}/hold/lift")).status_code == 303
    assert (await coordinator.delete(withdraw)).status_code == 204
    acts = (await session.exec(select(AuditEntry.act).where(AuditEntry.object_id == str(study.id)))).all()
    assert {"study.held_for_law", "study.hold_lifted", "study.withdrawn"} <= set(acts)


async def test_a_hold_needs_a_reason(sign_in, province, study):
    coordinator = await sign_in(province.coordinator)
    answer = await coordinator.post(f"/studies/{study.id}/hold", data={"reason": " "})
    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)


async def test_whoever_holds_sees_no_clinical_content_and_who_sees_images_no_hold(sign_in, province, study):
    place = f"/studies/{study.id}/share"
    office = (await (await sign_in(province.administrator)).get(place)).text
    doctor = (await (await sign_in(province.doctor)).get(place)).text
    assert ("export.zip" in office, f"/studies/{study.id}/hold" in office) == (False, True)
    assert ("export.zip" in doctor, f"/studies/{study.id}/hold" in doctor) == (True, False)
