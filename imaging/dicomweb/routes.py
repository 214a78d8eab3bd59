"""DICOMweb (PS3.18): STOW-RS, QIDO-RS, WADO-RS. A foreign study is as unknown as one that does not exist."""

from fastapi import APIRouter, Request, Response

from imaging.dicomweb import resources, stow
from telehealth.core.problems import responses

router = APIRouter(prefix="/dicomweb", tags=["DICOMweb"], responses=responses(401, 403, 404))


# --- STOW-RS


@router.post("/studies", responses=responses(400, 408, 409, 413, 415))
async def store(request: Request) -> Response:
    """Store instances: multipart/related with application/dicom parts. 200 all, 202 some, 409 none."""
    return await stow.store(request)


@router.post("/studies/{study_uid}", responses=responses(400, 408, 409, 413, 415))
async def store_to_study(request: Request, study_uid: str) -> Response:
    """As `/studies`, for instances of one study only."""
    return await stow.store(request, study_uid)


# --- QIDO-RS and WADO-RS

resources.add_to(router)
