"""Studies that came without a word where they belong."""

from uuid import UUID

from sqlmodel import select

from imaging.dicom import synthetic
from imaging.store.models import Study
from imaging.store.receive import receive
from imaging.store.service import Filing
from telehealth.core.actor import SYSTEM
from telehealth.core.blobs import blobs
from telehealth.core.db import session_scope
from telehealth.referrals import service
from tests.telehealth.referrals.loop import ask


async def test_an_accession_number_finds_the_question_of_the_same_clinic_only(engine, province, sign_in):
    referral = await ask(await sign_in(province.doctor), province)
    person = synthetic.PatientFacts("Nguyễn Thị Hoà", "BN1")

    async def whole(content):
        yield content

    found = []
    for seed, clinic in enumerate((province.other_clinic, province.clinic), 7):
        file = synthetic.ct_volume(person, referral["code"], slices=1, seed=seed, size=64)[0]
        await receive(engine, blobs(), SYSTEM, whole(file), Filing(clinic.id))
        async with session_scope(engine) as session:
            study = (await session.exec(select(Study).where(Study.organisation_id == clinic.id))).one()
            await service.file_study(session, study.id)
            await service.file_study(session, study.id)
            found.append((study.referral_id, study.open_for_reading))
    assert found == [(None, False), (UUID(referral["id"]), True)]
