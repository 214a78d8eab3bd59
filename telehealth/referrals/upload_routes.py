"""Images for a question over HTTP."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.intake import documents, manifest
from imaging.intake import service as intake
from imaging.intake.models import Upload
from imaging.intake.schemas import SeriesOut, UploadOut
from imaging.intake.tus import TusRoute, create_in
from telehealth.core.actor import Actor
from telehealth.core.blobs import blobs
from telehealth.core.problems import responses
from telehealth.identity.deps import CurrentActor, Work
from telehealth.referrals import uploads

router = APIRouter(prefix="/api/v1/referrals", tags=["uploads"])
tus = APIRouter(tags=["uploads"], route_class=TusRoute, responses=responses(401, 403, 404, 409, 412, 413, 415, 422))


class ReferralUploadIn(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"expected_files": 200}]})

    expected_files: int | None = Field(default=None, ge=1, le=1_000_000)


@router.get("/{referral_id}/series", responses=responses(401, 403, 404, 422))
async def series(referral_id: UUID, actor: CurrentActor, session: Work) -> list[SeriesOut]:
    """How much of each announced series is here, whoever sends it from wherever."""
    referral = await uploads.to_receive(session, actor, referral_id)
    return [SeriesOut.model_validate(truth) for truth in await manifest.series_of_question(session, referral.id)]


@router.get(
    "/{referral_id}/documents/{file_id}",
    response_class=FileResponse,
    responses=responses(401, 403, 404, 422) | {200: {"content": {"*/*": {}}}, 206: {"content": {"*/*": {}}}},
)
async def document(referral_id: UUID, file_id: UUID, actor: CurrentActor, session: Work) -> FileResponse:
    """A letter, a photograph or a clip that came with the question; in ranges for players."""
    file = await uploads.see_document(session, actor, referral_id, file_id)
    path = await blobs().local(file.blob_key)
    headers = {"Cache-Control": "private, no-store"}
    return FileResponse(path, 200, headers, documents.media_type_of(file), filename=file.name, content_disposition_type="inline")


@router.post("/{referral_id}/uploads", status_code=201, responses=responses(401, 403, 404, 409, 422))
async def open_upload(referral_id: UUID, wanted: ReferralUploadIn, actor: CurrentActor, session: Work) -> UploadOut:
    """Begin an upload for this question; then POST /api/v1/uploads/{id}/files for each file, and …/finish."""
    upload = await uploads.open_upload(session, actor, referral_id, wanted.expected_files)
    return UploadOut.of(upload, await intake.truth(session, upload), [])


@tus.post("/{referral_id}/tus", status_code=201)
async def create_for_question(referral_id: UUID, request: Request) -> Response:
    """Creation after tus for this question: a stock client gives this as its endpoint and goes on where `Location` says."""

    async def choose(session: AsyncSession, actor: Actor, _told: dict[str, str]) -> Upload:
        return await uploads.going_on(session, actor, referral_id)

    return await create_in(request, choose)


router.include_router(tus, prefix="")
