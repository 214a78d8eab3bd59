"""DICOMweb (PS3.18): STOW-RS, QIDO-RS, WADO-RS. A foreign study is as unknown as one that does not exist."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from imaging.dicomweb import resources, stow
from imaging.dicomweb.errors import NotMultipart
from imaging.dicomweb.multipart import BadMultipart, parameters
from imaging.dicomweb.reading import DICOM_JSON, base_of
from telehealth.core.problems import MEDIA_TYPE, problem_of, responses

router = APIRouter(prefix="/dicomweb", tags=["DICOMweb"], responses=responses(401, 403, 404))
Base = Annotated[str, Depends(base_of)]


# --- STOW-RS


@router.post("/studies", responses=responses(400, 409, 413, 415))
async def store(request: Request, base: Base) -> Response:
    """Store instances: multipart/related with application/dicom parts. 200 all, 202 some, 409 none."""
    return await _store(request, base)


@router.post("/studies/{study_uid}", responses=responses(400, 409, 413, 415))
async def store_to_study(request: Request, base: Base, study_uid: str) -> Response:
    """As `/studies`, for instances of one study only."""
    return await _store(request, base, study_uid)


async def _store(request: Request, base: str, study_uid: str = "") -> Response:
    actor, organisation_id = await stow.sender(request)
    media_type, given = parameters(request.headers.get("content-type", ""))
    if media_type != "multipart/related" or given.get("type", "application/dicom").lower() != "application/dicom":
        raise NotMultipart()
    try:
        verdicts = await stow.take(request, actor, organisation_id, given.get("boundary", ""), study_uid)
    except BadMultipart as error:
        return _bad_request(error)
    if not verdicts.taken and not verdicts.refused:
        return _bad_request(BadMultipart("no parts"))
    return JSONResponse(verdicts.body(f"{base}/studies"), verdicts.status, media_type=DICOM_JSON)


def _bad_request(error: BadMultipart) -> JSONResponse:
    return JSONResponse(problem_of(error) | {"status": 400}, 400, media_type=MEDIA_TYPE)


# --- QIDO-RS and WADO-RS

resources.add_to(router)
