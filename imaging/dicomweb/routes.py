"""DICOMweb (PS3.18): STOW-RS, QIDO-RS, WADO-RS. A foreign study is as unknown as one that does not exist."""

import asyncio
import re
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import JSONResponse

from imaging.dicom import frames as stored_frames
from imaging.dicom import sandbox
from imaging.dicomweb import qido, stow, wado
from imaging.dicomweb.errors import NotAcceptable, NotMultipart
from imaging.dicomweb.multipart import BadMultipart, new_boundary, parameters, part_head, tail
from imaging.store import queries
from imaging.store.models import Instance, Series, Study
from telehealth.core import audit
from telehealth.core.blobs import blobs
from telehealth.core.errors import Forbidden, Invalid, NotFound
from telehealth.core.problems import MEDIA_TYPE, problem_of, responses
from telehealth.identity import access
from telehealth.identity.access import Action
from telehealth.identity.deps import CurrentActor, Work

router = APIRouter(prefix="/dicomweb", tags=["DICOMweb"], responses=responses(401, 403, 404))
DICOM_JSON = "application/dicom+json"
VIEWPORT_SIDE = 4096
Accept = Annotated[str, Header()]


def _base(request: Request) -> str:
    return f"{str(request.base_url).rstrip('/')}/dicomweb"


Base = Annotated[str, Depends(_base)]


# --- STOW-RS


@router.post("/studies", responses=responses(400, 409, 413, 415))
async def store(request: Request, base: Base) -> Response:
    """Store instances: multipart/related with application/dicom parts. 200 all, 202 some, 409 none."""
    return await _store(request, base)


@router.post("/studies/{study_uid}", responses=responses(400, 409, 413, 415))
async def store_to_study(request: Request, base: Base, study_uid: str) -> Response:
    """As `/studies`, for instances of one study only."""
    return await _store(request, base, study_uid)


async def _store(request: Request, base: str, study_uid: str = "") -> Response:
    actor, organisation_id = await stow.sender(request)
    media_type, given = parameters(request.headers.get("content-type", ""))
    if media_type != "multipart/related" or given.get("type", "application/dicom").lower() != "application/dicom":
        raise NotMultipart()
    try:
        verdicts = await stow.take(request, actor, organisation_id, given.get("boundary", ""), study_uid)
    except BadMultipart as error:
        return _bad_request(error)
    if not verdicts.taken and not verdicts.refused:
        return _bad_request(BadMultipart("no parts"))
    return JSONResponse(verdicts.body(f"{base}/studies"), verdicts.status, media_type=DICOM_JSON)


def _bad_request(error: BadMultipart) -> JSONResponse:
    return JSONResponse(problem_of(error) | {"status": 400}, 400, media_type=MEDIA_TYPE)


# --- QIDO-RS


def _may_search(actor: CurrentActor) -> None:
    if not access.holds(actor, Action.SEE_IMAGES):
        raise Forbidden()


def _found(models: Sequence[qido.Model], unsupported: list[str]) -> Response:
    headers = {"Cache-Control": "no-store"}
    if unsupported:
        headers["Warning"] = '299 telehealth "Some attributes are not searched"'
    return JSONResponse(list(models), headers=headers, media_type=DICOM_JSON)


@router.get("/studies", dependencies=[Depends(_may_search)], responses=responses(422))
async def search_studies(request: Request, session: Work, actor: CurrentActor, base: Base) -> Response:
    search, unsupported = qido.parse(request.query_params.multi_items())
    studies = await queries.search_studies(session, actor, search)
    audit.record(session, actor, "study.searched", "", keys=sorted(search.keys), count=len(studies))
    return _found([qido.study_model(one, base) for one in studies], unsupported)


@router.get("/series", dependencies=[Depends(_may_search)], responses=responses(422))
async def search_series(request: Request, session: Work, actor: CurrentActor, base: Base) -> Response:
    return await _series(request, session, actor, base)


@router.get("/studies/{study_uid}/series", responses=responses(422))
async def search_series_of_study(request: Request, session: Work, actor: CurrentActor, base: Base, study_uid: str) -> Response:
    await queries.study_by_uid(session, actor, study_uid)
    return await _series(request, session, actor, base, **{"0020000D": study_uid})


async def _series(request: Request, session: Work, actor: CurrentActor, base: str, **fixed: str) -> Response:
    search, unsupported = qido.parse(request.query_params.multi_items(), **fixed)
    rows = await queries.search_series(session, actor, search)
    audit.record(session, actor, "study.searched", "", keys=sorted(search.keys), count=len(rows))
    return _found([qido.series_model(*row, base) for row in rows], unsupported)


@router.get("/instances", dependencies=[Depends(_may_search)], responses=responses(422))
async def search_instances(request: Request, session: Work, actor: CurrentActor, base: Base) -> Response:
    return await _instances(request, session, actor, base)


@router.get("/studies/{study_uid}/instances", responses=responses(422))
async def search_instances_of_study(request: Request, session: Work, actor: CurrentActor, base: Base, study_uid: str) -> Response:
    await queries.study_by_uid(session, actor, study_uid)
    return await _instances(request, session, actor, base, **{"0020000D": study_uid})


@router.get("/studies/{study_uid}/series/{series_uid}/instances", responses=responses(422))
async def search_instances_of_series(
    request: Request, session: Work, actor: CurrentActor, base: Base, study_uid: str, series_uid: str
) -> Response:
    await queries.study_by_uid(session, actor, study_uid)
    return await _instances(request, session, actor, base, **{"0020000D": study_uid, "0020000E": series_uid})


async def _instances(request: Request, session: Work, actor: CurrentActor, base: str, **fixed: str) -> Response:
    search, unsupported = qido.parse(request.query_params.multi_items(), **fixed)
    rows = await queries.search_instances(session, actor, search)
    audit.record(session, actor, "study.searched", "", keys=sorted(search.keys), count=len(rows))
    return _found([qido.instance_model(*row, base, search.include) for row in rows], unsupported)


# --- WADO-RS


async def _open(
    session: Work, actor: CurrentActor, study_uid: str, series_uid: str = "", sop_uid: str = "", what: str = "images"
) -> tuple[Study, Sequence[tuple[Series, Instance]]]:
    """The study and its instances, with the read on record. Raises NotFound."""
    study = await queries.study_by_uid(session, actor, study_uid)
    rows = await queries.instances_of(session, study, series_uid, sop_uid)
    await wado.record_read(session, actor, study, what)
    return study, rows


async def _one(
    session: Work, actor: CurrentActor, study_uid: str, series_uid: str, sop_uid: str, what: str = "images"
) -> tuple[Study, Series, Instance]:
    study, rows = await _open(session, actor, study_uid, series_uid, sop_uid, what)
    return study, *rows[0]


@router.get("/studies/{study_uid}", responses=responses(406))
async def retrieve_study(session: Work, actor: CurrentActor, study_uid: str, accept: Accept = "") -> Response:
    _, rows = await _open(session, actor, study_uid)
    return _files([instance for _, instance in rows], accept)


@router.get("/studies/{study_uid}/metadata", responses=responses(406))
async def study_metadata(session: Work, actor: CurrentActor, base: Base, study_uid: str, accept: Accept = "") -> Response:
    return _metadata(*await _open(session, actor, study_uid), base, accept)


@router.get("/studies/{study_uid}/thumbnail")
async def study_thumbnail(session: Work, actor: CurrentActor, study_uid: str) -> Response:
    return await _thumbnail(*await _open(session, actor, study_uid))


@router.get("/studies/{study_uid}/series/{series_uid}", responses=responses(406))
async def retrieve_series(session: Work, actor: CurrentActor, study_uid: str, series_uid: str, accept: Accept = "") -> Response:
    _, rows = await _open(session, actor, study_uid, series_uid)
    return _files([instance for _, instance in rows], accept)


@router.get("/studies/{study_uid}/series/{series_uid}/metadata", responses=responses(406))
async def series_metadata(
    session: Work, actor: CurrentActor, base: Base, study_uid: str, series_uid: str, accept: Accept = ""
) -> Response:
    return _metadata(*await _open(session, actor, study_uid, series_uid), base, accept)


@router.get("/studies/{study_uid}/series/{series_uid}/thumbnail")
async def series_thumbnail(session: Work, actor: CurrentActor, study_uid: str, series_uid: str) -> Response:
    return await _thumbnail(*await _open(session, actor, study_uid, series_uid))


INSTANCE = "/studies/{study_uid}/series/{series_uid}/instances/{sop_uid}"


@router.get(INSTANCE, responses=responses(406))
async def retrieve_instance(
    session: Work, actor: CurrentActor, study_uid: str, series_uid: str, sop_uid: str, accept: Accept = ""
) -> Response:
    """Exactly the stored bytes: multipart, or alone for `Accept: application/dicom`."""
    _, _, instance = await _one(session, actor, study_uid, series_uid, sop_uid)
    return _files([instance], accept)


@router.get("/studies/{study_uid}/instances/{sop_uid}", responses=responses(406))
async def retrieve_instance_of_study(
    session: Work, actor: CurrentActor, study_uid: str, sop_uid: str, accept: Accept = ""
) -> Response:
    """The address that STOW-RS answers with."""
    _, _, instance = await _one(session, actor, study_uid, "", sop_uid)
    return _files([instance], accept)


@router.get(INSTANCE + "/metadata", responses=responses(406))
async def instance_metadata(
    session: Work, actor: CurrentActor, base: Base, study_uid: str, series_uid: str, sop_uid: str, accept: Accept = ""
) -> Response:
    return _metadata(*await _open(session, actor, study_uid, series_uid, sop_uid), base, accept)


@router.get(INSTANCE + "/thumbnail", responses=responses(422))
async def instance_thumbnail(session: Work, actor: CurrentActor, study_uid: str, series_uid: str, sop_uid: str) -> Response:
    return await _thumbnail(*await _open(session, actor, study_uid, series_uid, sop_uid))


@router.get(INSTANCE + "/frames/{numbers}", responses=responses(406, 422))
async def retrieve_frames(
    session: Work,
    actor: CurrentActor,
    base: Base,
    study_uid: str,
    series_uid: str,
    sop_uid: str,
    numbers: str,
    accept: Accept = "",
) -> Response:
    """Frames as stored or decoded, by Accept; `numbers` such as `1` or `1,2,3`."""
    study, series, instance = await _one(session, actor, study_uid, series_uid, sop_uid, "frames")
    wanted = wado.frame_numbers(numbers, instance)
    form = wado.form_of(accept, instance)
    return await wado.frame_parts(instance, wanted, form, qido.instance_url(study, series, instance, base))


@router.get(INSTANCE + "/rendered", responses=responses(406, 422))
async def rendered(
    request: Request, session: Work, actor: CurrentActor, study_uid: str, series_uid: str, sop_uid: str, accept: Accept = ""
) -> Response:
    _, _, instance = await _one(session, actor, study_uid, series_uid, sop_uid, "rendered")
    return await _rendered(request, instance, 1, accept)


@router.get(INSTANCE + "/frames/{number}/rendered", responses=responses(406, 422))
async def rendered_frame(
    request: Request,
    session: Work,
    actor: CurrentActor,
    study_uid: str,
    series_uid: str,
    sop_uid: str,
    number: str,
    accept: Accept = "",
) -> Response:
    _, _, instance = await _one(session, actor, study_uid, series_uid, sop_uid, "rendered")
    return await _rendered(request, instance, wado.frame_numbers(number, instance)[0], accept)


@router.get(INSTANCE + "/bulkdata/{path}", responses=responses(406))
async def bulkdata(
    session: Work, actor: CurrentActor, study_uid: str, series_uid: str, sop_uid: str, path: str, accept: Accept = ""
) -> Response:
    """A value that the metadata leaves out; `path` such as `00091010` or `00091001.0.00091010`."""
    _, _, instance = await _one(session, actor, study_uid, series_uid, sop_uid, "bulkdata")
    if not re.fullmatch(r"[0-9A-F]{8}(\.[0-9]{1,4}\.[0-9A-F]{8}){0,16}", path):
        raise NotFound()
    file = await blobs().local(instance.blob_key)
    value = await asyncio.to_thread(stored_frames.bulk_value, file, path.split("."))
    if value is None:
        raise NotFound()
    if any(kind == wado.OCTETS for kind, _ in wado.accepted(accept)):
        return Response(value, media_type=wado.OCTETS)
    boundary = new_boundary()
    body = part_head(boundary, wado.OCTETS, size=len(value)) + value + b"\r\n" + tail(boundary)
    return Response(body, media_type=f'multipart/related; type="{wado.OCTETS}"; boundary={boundary}')


def _files(instances: Sequence[Instance], accept: str) -> Response:
    alone = wado.ensure_dicom(accept, instances)
    return wado.one_file(instances[0]) if alone and len(instances) == 1 else wado.files(instances)


def _metadata(study: Study, rows: Sequence[tuple[Series, Instance]], base: str, accept: str) -> Response:
    kinds = {kind for kind, _ in wado.accepted(accept)}
    if not kinds & {DICOM_JSON, "application/json", "*/*", "application/*"}:
        raise NotAcceptable()
    texts = (qido.metadata_text(study, series, instance, base) for series, instance in rows)
    return Response(f"[{','.join(texts)}]", media_type=DICOM_JSON)


async def _thumbnail(_study: Study, rows: Sequence[tuple[Series, Instance]]) -> Response:
    """The stored thumbnail of the series where there is one, else the middle image made small now."""
    shown = [(series, instance) for series, instance in rows if instance.frames]
    if not shown:
        raise NotFound()
    series, instance = shown[len(shown) // 2]
    if series.thumbnail_key and len(rows) > 1:
        content = await blobs().read(series.thumbnail_key)
    else:
        content = await sandbox.thumbnail(await blobs().local(instance.blob_key), (instance.frames + 1) // 2)
    kind = "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"
    return Response(content, media_type=kind, headers={"Cache-Control": "private, max-age=300"})


def _numbers(text: str, count: int) -> list[float]:
    pieces = text.split(",")
    if len(pieces) < count or not all(re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,6})?", one) for one in pieces[:count]):
        raise Invalid("window is centre,width,function and viewport is width,height")
    return [float(one) for one in pieces[:count]]


async def _rendered(request: Request, instance: Instance, number: int, accept: str) -> Response:
    """A picture: png or jpeg by Accept, `window=centre,width,linear`, `viewport=width,height`, `quality=1..100`."""
    if not instance.frames:
        raise NotFound()
    kinds = [kind for kind, _ in wado.accepted(accept)]
    kind = next((k for k in kinds if k in ("image/png", "image/jpeg")), None)
    if kind is None and {"*/*", "image/*"} & set(kinds):
        kind = "image/jpeg"
    if kind is None:
        raise NotAcceptable()
    query = request.query_params
    window = _numbers(query["window"], 2) if "window" in query else None
    if window and window[1] < 1:
        raise Invalid("a window is at least 1 wide")
    size = [min(max(int(one), 1), VIEWPORT_SIDE) for one in _numbers(query["viewport"], 2)] if "viewport" in query else None
    quality = min(max(int(_numbers(query.get("quality", "90"), 1)[0]), 1), 100)
    picture = await sandbox.render(
        await blobs().local(instance.blob_key),
        number,
        media_type=kind,
        window=(window[0], window[1]) if window else None,
        size=(size[0], size[1]) if size else None,
        quality=quality,
    )
    return Response(picture, media_type=kind, headers={"Cache-Control": "private, max-age=300"})
