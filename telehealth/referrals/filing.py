"""Studies that came without a word where they belong: their Accession Number may be the code of a question."""

from uuid import UUID

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.pipeline import service as pipeline
from imaging.store.models import Study
from telehealth.core.actor import SYSTEM
from telehealth.referrals import history
from telehealth.referrals.lifecycle import ReferralStatus
from telehealth.referrals.models import Referral


async def file_study(session: AsyncSession, study_id: UUID) -> Referral | None:
    """Link a study to the question of the same clinic that its Accession Number names. Safe to repeat."""
    study = await session.get(Study, study_id)
    if study is None or not study.accession_number:
        return None
    if study.referral_id is not None:
        referral = await session.get(Referral, study.referral_id)
    else:
        code = study.accession_number.strip().upper()
        of_clinic = select(Referral).where(Referral.code == code, Referral.from_organisation_id == study.organisation_id)
        referral = (await session.exec(of_clinic.where(Referral.status != ReferralStatus.CANCELLED))).first()
        if referral is not None:
            await pipeline.file_under(session, SYSTEM, study.id, referral.id, referral.patient_id)
    if referral is not None:
        await history.open_images(session, referral)
    return referral
