"""Sign-in and sessions over HTTP."""

from fastapi import APIRouter

router = APIRouter(prefix="/api/v1", tags=["identity"])
