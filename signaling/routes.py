"""Calls over HTTP: nothing of its own. Tickets and ICE servers are given by `consultations`, which knows who may enter."""

from fastapi import APIRouter

router = APIRouter(prefix="/api/v1", tags=["calls"])
