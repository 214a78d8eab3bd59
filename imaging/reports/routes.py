"""Marks on images, and the end of a study, over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from imaging.reports import marks, withdrawal
from imaging.reports.mark_schemas import MarkIn, MarkOut, MarksOut
from imaging.store.models import WithdrawnBecause
from telehealth.core.blobs import blobs
from telehealth.core.problems import responses
from telehealth.identity.deps import CurrentActor, Work

router = APIRouter(prefix="/api/v1", tags=["marks"])
dicomweb = APIRouter(prefix="/dicomweb", tags=["DICOMweb"])
StudyUid = Annotated[str, Path(pattern=r"^[0-9.]{1,64}$", description="Study Instance UID (0020,000D)")]


@router.get("/studies/{study_uid}/marks", responses=responses(401, 403, 404, 422))
async def list_marks(study_uid: StudyUid, session: Work, actor: CurrentActor) -> MarksOut:
    """The present marks of a study, with author and version."""
    return MarksOut(marks=await marks.list_marks(session, actor, study_uid))


@router.put("/studies/{study_uid}/marks/{mark_id}", responses=responses(401, 403, 404, 409, 422))
async def save_mark(study_uid: StudyUid, mark_id: UUID, mark: MarkIn, session: Work, actor: CurrentActor) -> MarkOut:
    """Save a mark under an id that the caller chose. Measurements in the answer are the server's own."""
    image = await marks.image_of(session, actor, study_uid, mark)
    await session.commit()  # nothing is written yet: pixels are read without holding the database
    measured = await marks.measure(blobs(), image, mark)
    return marks.out(await marks.save(session, actor, mark_id, mark, image, measured), actor)


@router.delete("/studies/{study_uid}/marks/{mark_id}", status_code=204, responses=responses(401, 403, 404, 409, 422))
async def remove_mark(
    study_uid: StudyUid,
    mark_id: UUID,
    session: Work,
    actor: CurrentActor,
    expected_version: Annotated[int, Query(ge=1, le=1_000_000)],
) -> None:
    """Remove a mark; its versions are kept."""
    await marks.remove(session, actor, study_uid, mark_id, expected_version)


@dicomweb.delete("/studies/{study_uid}", status_code=204, responses=responses(401, 403, 404, 409, 422))
async def withdraw_study(study_uid: StudyUid, reason: WithdrawnBecause, session: Work, actor: CurrentActor) -> None:
    """Take a study out of sight at every door. Its bytes are kept for the time of retention; what a signed report cites stays."""
    await withdrawal.withdraw(session, actor, study_uid, reason)
