"""Uploads over HTTP: begin, one request a file, finish, and the truth at any time."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from imaging.intake import manifest, service
from imaging.intake.files import take
from imaging.intake.schemas import AnnouncedOut, FileOut, ManifestIn, ManifestOut, SeriesOut, UploadIn, UploadOut
from imaging.store.service import Filing
from telehealth.core.blobs import blobs
from telehealth.core.db import session_scope
from telehealth.core.errors import Invalid
from telehealth.core.problems import responses
from telehealth.identity.deps import CurrentActor, Work, secret_of
from telehealth.identity.sessions import actor_of

router = APIRouter(prefix="/api/v1/uploads", tags=["uploads"], responses=responses(401, 403, 404, 409, 413, 422))


@router.post("", status_code=201)
async def begin(wanted: UploadIn, actor: CurrentActor, session: Work) -> UploadOut:
    """Begin an upload without a referral, in one's own unit. With one: POST /api/v1/referrals/{id}/uploads."""
    upload = await service.begin(session, actor, Filing(service.unit_of(actor, wanted.organisation_id)), wanted.expected_files)
    return UploadOut.of(upload, await service.truth(session, upload), [])


@router.post("/{upload_id}/files", status_code=201, openapi_extra={"requestBody": {"content": {"application/octet-stream": {}}}})
async def add(upload_id: UUID, request: Request, name: Annotated[str, Query(max_length=2000)] = "") -> FileOut:
    """One file, its bytes as the body. The answer is final for DICOM; a zip is `waiting` until it is unpacked.

    name: what the sender calls the file; needed, so that its answer can be found again.
    """
    # CurrentActor and Work would keep a transaction open for as long as a slow line sends
    engine = request.app.state.engine
    async with session_scope(engine) as session:
        actor = await actor_of(session, secret_of(request) or "")
        upload = await service.opened(session, actor, upload_id)
    if not name:
        raise Invalid("the query needs name, what the sender calls the file")
    return FileOut.of(await take(engine, blobs(), actor, upload, name, request.stream()))


@router.post("/{upload_id}/manifest")
async def announce(upload_id: UUID, wanted: ManifestIn, actor: CurrentActor, session: Work) -> ManifestOut:
    """Ask first: which of these files are here, partly here or wanted. Then PATCH what is wanted to its `url` (tus).

    Large sets in several requests; each file is announced once, from whatever computer.
    """
    upload = await service.opened(session, actor, upload_id)
    known = await manifest.announce(session, upload, [file.announced() for file in wanted.files])
    series = [SeriesOut.model_validate(truth) for truth in await manifest.series_of(session, upload)] if wanted.series else []
    return ManifestOut(files=[AnnouncedOut.of(parcel, answer) for parcel, answer in known], series=series)


@router.get("/{upload_id}/series")
async def series(upload_id: UUID, actor: CurrentActor, session: Work) -> list[SeriesOut]:
    """How much of each announced series is here, from all computers together."""
    upload = await service.see(session, actor, upload_id)
    return [SeriesOut.model_validate(truth) for truth in await manifest.series_of(session, upload)]


@router.get("/{upload_id}")
async def truth(upload_id: UUID, actor: CurrentActor, session: Work, files: bool = True) -> UploadOut:
    """What became of it so far. files=false leaves the single answers out."""
    upload = await service.see(session, actor, upload_id)
    listed = list(await service.files_of(session, upload)) if files else []
    return UploadOut.of(upload, await service.truth(session, upload), listed)


@router.post("/{upload_id}/finish")
async def finish(upload_id: UUID, actor: CurrentActor, session: Work) -> UploadOut:
    """That was all: its studies are looked at now."""
    upload = await service.finish(session, actor, upload_id)
    return UploadOut.of(upload, await service.truth(session, upload), [])
