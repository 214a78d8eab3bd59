"""Images for a question over HTTP."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from imaging.intake import service as intake
from imaging.intake.schemas import UploadOut
from telehealth.identity.deps import CurrentActor, Work
from telehealth.referrals import uploads

router = APIRouter(prefix="/api/v1/referrals", tags=["uploads"])


class ReferralUploadIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"expected_files": 200}]})

    expected_files: int | None = Field(default=None, ge=1, le=1_000_000)


@router.post("/{referral_id}/uploads", status_code=201)
async def open_upload(referral_id: UUID, wanted: ReferralUploadIn, actor: CurrentActor, session: Work) -> UploadOut:
    """Begin an upload for this question; then POST /api/v1/uploads/{id}/files for each file, and …/finish."""
    upload = await uploads.open_upload(session, actor, referral_id, wanted.expected_files)
    return UploadOut.of(upload, await intake.truth(session, upload), [])
