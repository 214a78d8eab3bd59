import pytest

from telehealth.core.db import session_scope
from telehealth.referrals.models import Referral
from tests.imaging.pipeline.conftest import blobs, decoders

__all__ = ["blobs", "decoders", "referral"]


@pytest.fixture
async def referral(engine, province) -> Referral:
    """A question of the province's clinic about its patient."""
    async with session_scope(engine) as session:
        referral = Referral(
            code="BN-TEST-1",
            patient_id=province.patient.id,
            from_organisation_id=province.clinic.id,
            to_organisation_id=province.hospital.id,
            created_by=province.doctor.id,
            question="?",
        )
        session.add(referral)
        return referral
