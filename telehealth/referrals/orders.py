"""The clinic's modalities find an open question on their worklist, so that its images carry its code."""

from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dimse import worklist
from telehealth.referrals.due import Priority
from telehealth.referrals.lifecycle import IN_WORK, ReferralStatus
from telehealth.referrals.models import Referral

OPEN = (ReferralStatus.DRAFT, *IN_WORK)
PRIORITIES = {Priority.STAT: "STAT", Priority.URGENT: "HIGH", Priority.ROUTINE: "ROUTINE"}
"""As Requested Procedure Priority (0040,1003) says it."""
DESCRIPTION = "Second opinion"


async def follow(session: AsyncSession, referral: Referral) -> None:
    """Keep the worklist in step with the question."""
    if referral.status not in OPEN:
        await worklist.unschedule(session, "referral", referral.id)
        return
    ordered = worklist.Ordered(
        source="referral",
        source_id=referral.id,
        organisation_id=referral.from_organisation_id,
        patient_id=referral.patient_id,
        accession_number=referral.code,
        scheduled_at=referral.submitted_at or referral.created_at,
        description=DESCRIPTION,
        priority=PRIORITIES[Priority(referral.priority)],
    )
    await worklist.schedule(session, ordered)
