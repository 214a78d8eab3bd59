"""Alive and ready: two questions, two answers."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from sqlalchemy import text

from telehealth.core import jobs, schema
from telehealth.core.blobs import blobs
from telehealth.core.errors import DomainError, Unavailable

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process answers. It says nothing about its neighbours."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"description": "Something that this process needs does not answer"}})
async def ready(request: Request) -> JSONResponse:
    """Whether database, broker and storage answer: 200 with all "ok", or 503 naming what does not."""
    checks = {"database": _database(request), "broker": _broker(), "storage": blobs().check()}
    outcomes = await asyncio.gather(*checks.values(), return_exceptions=True)
    parts = {name: "ok" if outcome is None else _reason(outcome) for name, outcome in zip(checks, outcomes, strict=True)}
    is_ready = all(part == "ok" for part in parts.values())
    return JSONResponse({"status": "ready" if is_ready else "not ready", **parts}, 200 if is_ready else 503)


def _reason(outcome: BaseException) -> str:
    """What is wrong in words that give no inside away."""
    return outcome.detail if isinstance(outcome, DomainError) else type(outcome).__name__


async def _database(request: Request) -> None:
    async with request.app.state.engine.execution_options(readonly=True).connect() as connection:
        await connection.execute(text("SELECT 1"))
    if await schema.current(request.app.state.engine) != schema.head():
        raise Unavailable("the schema is not up to date: run `telehealth migrate`")


async def _broker() -> None:
    await asyncio.wait_for(asyncio.to_thread(_knock), 4)


def _knock() -> None:
    with jobs.app().connection_for_read() as connection:
        connection.ensure_connection(max_retries=1, timeout=2)
