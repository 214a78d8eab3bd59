"""Specialists, free times and appointments over HTTP."""

from fastapi import APIRouter

router = APIRouter(prefix="/api/v1", tags=["scheduling"])
