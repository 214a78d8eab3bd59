"""Referrals over HTTP."""

from fastapi import APIRouter

router = APIRouter(prefix="/api/v1/referrals", tags=["referrals"])
