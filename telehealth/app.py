"""The web application: middleware, problem handlers, every router, start and stop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

import imaging.dicomweb.reads
import imaging.dicomweb.routes
import imaging.intake.routes
import imaging.intake.tus
import imaging.reports.routes
import signaling.routes
import signaling.socket
import telehealth.consultations.guest_routes
import telehealth.consultations.routes
import telehealth.identity.routes
import telehealth.patients.routes
import telehealth.referrals.routes
import telehealth.referrals.upload_routes
import telehealth.referrals.ups_routes
import telehealth.scheduling.routes
from imaging.dicomweb.front import ShortWay
from telehealth import __version__
from telehealth.core import health, problems, tables
from telehealth.core.db import make_engine
from telehealth.core.errors import DomainError
from telehealth.core.http import Frame
from telehealth.core.settings import Settings, settings
from telehealth.identity.denials import record_denial
from telehealth.identity.deps import know_visitor
from telehealth.web.assets import STATIC
from telehealth.web.pages import (
    account,
    audit,
    booking,
    calendar,
    calls,
    conformance,
    demo,
    guests,
    home,
    live,
    nodes,
    operations,
    people,
    pipeline,
    reading,
    referrals,
    reports,
    sharing,
    unfiled,
    upload,
    visit,
    worklist,
)
from telehealth.web.problem_page import problem_page, wants_page

API = (
    telehealth.identity.routes,
    telehealth.patients.routes,
    telehealth.scheduling.routes,
    telehealth.referrals.routes,
    telehealth.referrals.upload_routes,
    telehealth.referrals.ups_routes,
    telehealth.consultations.routes,
    telehealth.consultations.guest_routes,
    imaging.intake.routes,
    imaging.intake.tus,
    imaging.reports.routes,
    imaging.dicomweb.routes,
    signaling.routes,
    signaling.socket,
    health,
)
PAGES = (
    home,
    account,
    booking,
    calendar,
    visit,
    calls,
    guests,
    referrals,
    upload,
    unfiled,
    worklist,
    reading,
    reports,
    operations,
    people,
    audit,
    conformance,
    pipeline,
    nodes,
    live,
    sharing,
)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open what every request shares. A test may bring its own engine."""
    own = not hasattr(app.state, "engine")
    if own:
        app.state.engine = make_engine(app.state.settings.database_url)
    async with signaling.socket.running(app), imaging.dicomweb.reads.running(app.state.engine) as app.state.reads:
        yield
    if own:
        await app.state.engine.dispose()


def create_app(config: Settings | None = None) -> FastAPI:
    """The application as `telehealth serve` runs it."""
    config = config or settings()
    tables.load()
    app = FastAPI(
        title="Telehealth",
        version=__version__,
        summary="Video consultations, DICOM second opinions and signed reports",
        lifespan=lifespan,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = config
    app.add_middleware(ShortWay)
    app.add_middleware(Frame, config=config)  # outermost: the short way stands inside it
    for module in API:
        app.include_router(module.router)
    app.include_router(imaging.reports.routes.dicomweb)
    for page in (*PAGES, demo) if config.demo else PAGES:
        app.include_router(page.router)
    # only what is the same for everybody is compressed: personal answers would leak by their length
    app.mount("/static", GZipMiddleware(StaticFiles(directory=STATIC), minimum_size=1000), name="static")
    for kind, answer in (
        (DomainError, problems.domain_problem),
        (RequestValidationError, problems.validation_problem),
        (HTTPException, problems.http_problem),
        (DataError, problems.data_problem),
        (Exception, problems.last_resort),
    ):
        app.add_exception_handler(kind, _for_page_or_program(answer))
    return app


def _for_page_or_program(answer: problems.Handler) -> problems.Handler:
    """A person in a browser gets a page in plain words, a program problem details: the same facts."""

    async def handle(request: Request, error: Exception) -> Response:
        await record_denial(request, error)
        problem = await answer(request, error)
        if not wants_page(request):
            return problem
        if isinstance(error, HTTPException):  # no route has asked yet who is there
            await know_visitor(request)
        return problem_page(request, error, problem)

    return handle
