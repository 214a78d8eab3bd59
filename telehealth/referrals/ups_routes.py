"""UPS-RS (PS3.18, 11) at /dicomweb/workitems. It stands here and not in imaging because workitems are the referrals'
reading tasks, with their states and their lock; imaging gives the DICOM of it.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from imaging.dicom.uids import is_uid
from imaging.dicomweb import ups as dicom
from imaging.dicomweb.reading import DICOM_JSON, base_of
from telehealth.core.errors import DomainError, Invalid, NotFound
from telehealth.core.problems import problem_of, responses
from telehealth.identity.deps import CurrentActor, Work
from telehealth.referrals import ups
from telehealth.referrals.errors import AlreadyDone

router = APIRouter(prefix="/dicomweb/workitems", tags=["DICOMweb"], responses=responses(401, 403, 404, 409, 422))
PAGE = 200
Base = Annotated[str, Depends(base_of)]
Uid = Annotated[str, Path(pattern=r"^[0-9.]{1,64}$")]
Title = Annotated[str, Path(pattern=r"^[!-\[\]-~]{1,16}$")]
DataSet = Annotated[Any, Body(media_type=DICOM_JSON, examples=[[{"00081195": {"vr": "UI", "Value": ["1.2.3"]}}]])]
NO_STORE = {"Cache-Control": "no-store"}


def _warned(text: str) -> dict[str, str]:
    return {"Warning": f'299 telehealth "{text}"'}


@router.get("", responses={200: {"content": {DICOM_JSON: {}}}, 204: {"description": "nothing matches"}})
async def search(request: Request, session: Work, actor: CurrentActor, base: Base) -> Response:
    """Search: ProcedureStepState, PatientName, PatientID, ScheduledProcedureStepPriority, …StartDateTime, AccessionNumber."""
    query = request.query_params
    found = await ups.search(session, actor, dicom.keys_of(query.multi_items()), base)
    offset, limit = _whole(query.get("offset", "0")), _whole(query.get("limit", str(PAGE)))
    page = [dicom.model(item) for item in found[offset : offset + limit]]
    return JSONResponse(page, headers=NO_STORE, media_type=DICOM_JSON) if page else Response(status_code=204)


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid("limit and offset are whole numbers")
    return int(text)


@router.post("", status_code=201)
async def create(
    request: Request,
    session: Work,
    actor: CurrentActor,
    base: Base,
    given: DataSet,
    consent: Annotated[bool, Query(description="the patient agreed to a second opinion")] = False,
) -> Response:
    """Create: sends a question. The UID may stand in the query (`?1.2.3`), in the data set, or be left to us."""
    dataset = dicom.data_set(given)
    named = next((key for key, value in request.query_params.multi_items() if not value and is_uid(key)), "")
    uid = named or dicom.text(dataset, "00080018")
    if uid and not is_uid(uid):
        raise dicom.BadWorkitem("SOP Instance UID")
    row = await ups.create(session, actor, uid, await ups.question_of(session, actor, dataset), consent=consent)
    return Response(status_code=201, headers={"Location": f"{base}/workitems/{row.uid}"})


@router.get("/{uid}", responses={200: {"content": {DICOM_JSON: {}}}})
async def retrieve(session: Work, actor: CurrentActor, base: Base, uid: Uid) -> Response:
    item = await ups.retrieve(session, actor, uid, base)
    return JSONResponse([dicom.model(item)], headers=NO_STORE, media_type=DICOM_JSON)


@router.post("/{uid}")
async def update(
    session: Work,
    actor: CurrentActor,
    uid: Uid,
    given: DataSet,
    transaction: Annotated[str, Query(alias="transaction-uid", max_length=64)] = "",
) -> Response:
    """Update: the performer's progress. What the question says is not changed once it was sent."""
    dataset = dicom.data_set(given)
    progress, words = dicom.progress_of(dataset)
    await ups.update(session, actor, uid, transaction, progress, words)
    others = dataset.keys() - {dicom.PROGRESS_SEQUENCE, dicom.TRANSACTION}
    return Response(headers=_warned("The UPS was updated with modifications") if others else None)


@router.put("/{uid}/state")
async def change_state(session: Work, actor: CurrentActor, uid: Uid, given: DataSet) -> Response:
    """Claim (IN PROGRESS), give back (CANCELED); COMPLETED follows from the signed answer."""
    dataset = dicom.data_set(given)
    state, transaction = dicom.asked_state(dataset)
    reason = dicom.text(dataset, dicom.PROGRESS_SEQUENCE, dicom.REASON) or "Given back by the workstation"
    try:
        await ups.change_state(session, actor, uid, state, transaction, reason)
    except AlreadyDone as error:
        if error.facts["same"]:
            return Response(headers=_warned(f"The UPS is already in the requested state of {state.value}"))
        return _conflict(error)
    return Response()


def _conflict(error: DomainError) -> Response:
    warned = _warned("The submitted request is inconsistent with the current state of the UPS Instance")
    return JSONResponse(problem_of(error), 409, warned, media_type="application/problem+json")


@router.post("/{uid}/cancelrequest", status_code=202)
async def request_cancellation(
    session: Work, actor: CurrentActor, uid: Uid, given: Annotated[Any, Body(media_type=DICOM_JSON)] = None
) -> Response:
    """The clinic takes its question back."""
    dataset = dicom.data_set(given) if given else {}
    await ups.request_cancellation(session, actor, uid, dicom.text(dataset, dicom.REASON) or "Taken back by the clinic")
    return Response(status_code=202)


@router.post("/{uid}/subscribers/{title}", status_code=201)
async def subscribe(
    session: Work,
    actor: CurrentActor,
    uid: Uid,
    title: Title,
    deletionlock: Annotated[bool, Query()] = False,
) -> Response:
    """To one workitem, or with the well-known UID to all."""
    await ups.subscribe(session, actor, uid, title, deletion_lock=deletionlock)
    return Response(status_code=201)


@router.delete("/{uid}/subscribers/{title}")
async def unsubscribe(session: Work, actor: CurrentActor, uid: Uid, title: Title) -> Response:
    await ups.unsubscribe(session, actor, uid, title)
    return Response()


@router.post("/{uid}/subscribers/{title}/suspend")
async def suspend(session: Work, actor: CurrentActor, uid: Uid, title: Title) -> Response:
    """No further workitems for a global subscription."""
    if uid != dicom.ALL_WORKITEMS:
        raise NotFound()
    await ups.suspend(session, actor, title)
    return Response()
