"""DICOMweb (PS3.18): STOW-RS, QIDO-RS, WADO-RS."""

from fastapi import APIRouter

router = APIRouter(prefix="/dicomweb", tags=["DICOMweb"])
