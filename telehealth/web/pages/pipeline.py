"""The operator's page: what the machines do with the images, and the buttons for what they cannot mend themselves."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.pipeline import service
from imaging.pipeline.overview import may_open, overview
from imaging.representations import service as representations
from telehealth.core import jobs
from telehealth.core.actor import Actor
from telehealth.core.errors import DomainError
from telehealth.core.i18n import gettext
from telehealth.core.jobs import Job
from telehealth.core.problems import status_of
from telehealth.identity.deps import CurrentActor, Work
from telehealth.web.pages.upload import STEPS
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)
PAGE = "/operations/pipeline"


@router.get(PAGE)
async def page(request: Request, actor: CurrentActor, session: Work) -> Response:
    return await _page(request, session, actor)


@router.get(PAGE + "/figures")
async def figures(request: Request, actor: CurrentActor, session: Work) -> Response:
    """The part of the page that moves by itself."""
    return await _page(request, session, actor, template="pipeline/_figures.html")


async def _page(
    request: Request,
    session: AsyncSession,
    actor: Actor,
    status: int = 200,
    error: str = "",
    template: str = "pipeline/pipeline.html",
) -> Response:
    seen = await overview(session, actor, first_look=template == "pipeline/pipeline.html")
    return render(request, template, status, seen=seen, opens=may_open(actor), steps=STEPS, error=error)


@router.post(PAGE + "/{study_id}/unpark")
async def unpark(study_id: UUID, actor: CurrentActor, session: Work) -> Response:
    """Try anew what was given up."""
    await service.unpark(session, actor, study_id)
    return RedirectResponse(PAGE, 303)


@router.post(PAGE + "/{study_id}/again")
async def again(request: Request, study_id: UUID, actor: CurrentActor, session: Work) -> Response:
    """Every step once more, and the other forms of the images as well."""
    try:
        async with session.begin_nested():
            await service.run_again(session, actor, study_id)
    except DomainError as error:
        if status_of(error) != 409:
            raise
        return await _page(request, session, actor, 409, gettext(error.title))
    await representations.make_again(session, study_id)
    jobs.enqueue(session, Job.REPRESENT_STUDY, study_id=study_id)
    return RedirectResponse(PAGE, 303)
