"""tus 1.0.0: files in pieces over a line that breaks, for any client that speaks the protocol. https://tus.io/protocols

Core with creation, creation-with-upload, checksum, expiration and termination. `Upload-Metadata` may name `upload`
(an upload of ours; else the sender's own open one), `filename`, `sha256` (hex, checked at the end) and `encoding`
(gzip, with `size`, the file's own length). The answer to a whole file is in `Upload-Verdict` and `Upload-Reason`.
"""

import binascii
from base64 import b64decode
from collections.abc import Awaitable, Callable, Coroutine
from email.utils import format_datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from imaging.intake import parcels, service
from imaging.intake.bounds import longest
from imaging.intake.errors import OtherOffset
from imaging.intake.models import Parcel, ParcelState, Upload, UploadFile, UploadState
from imaging.intake.parcels import ENCODINGS, WrongChecksum
from imaging.intake.schemas import FileOut
from imaging.intake.segments import Inflow
from imaging.store.service import Filing
from telehealth.core.actor import Actor
from telehealth.core.blobs import blobs
from telehealth.core.db import session_scope
from telehealth.core.errors import DomainError, Invalid, NotFound
from telehealth.core.problems import MEDIA_TYPE, responses
from telehealth.identity.deps import secret_of
from telehealth.identity.sessions import actor_of

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,expiration,termination"
ALGORITHMS = ("sha256", "sha1", "md5")
BYTES = "application/offset+octet-stream"
PREFIX = "/api/v1/tus"


class TusRoute(APIRoute):
    """Every answer, a refusal too, names the protocol's version; other versions are refused once the sender is known."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                answer: Response = await inner(request)
            except ClientDisconnect:
                answer = Response(status_code=400)  # nobody hears it; what came is kept
            except DomainError as error:
                answer = await request.app.exception_handlers[DomainError](request, error)
            except HTTPException as error:  # statuses that the protocol names, 400 and 460 among them, as they are
                body = {"type": "about:blank", "title": error.detail, "status": error.status_code, "detail": ""}
                answer = JSONResponse(body, error.status_code, media_type=MEDIA_TYPE)
            answer.headers["Tus-Resumable"] = VERSION
            if answer.status_code == 412:
                answer.headers["Tus-Version"] = VERSION
            return answer

        return handle


router = APIRouter(
    prefix=PREFIX, tags=["uploads"], route_class=TusRoute, responses=responses(401, 403, 404, 409, 412, 413, 415, 422)
)


@router.options("", include_in_schema=False)
@router.options("/{_parcel_id}", include_in_schema=False)
async def abilities(_parcel_id: str = "") -> Response:
    """What this server speaks; the same for everybody."""
    facts = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(longest()),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        "Upload-Encodings": ",".join(filter(None, ENCODINGS)),
    }
    return Response(status_code=204, headers=facts)


@router.post("", status_code=201)
async def create(request: Request) -> Response:
    """A new file: `Upload-Length` and `Upload-Metadata`; its first bytes may be the body."""
    return await create_in(request, _upload_named)


ChooseUpload = Callable[[AsyncSession, Actor, dict[str, str]], Awaitable[Upload]]


async def create_in(request: Request, choose: ChooseUpload) -> Response:
    """Creation for another door that knows better which upload the file belongs to."""
    engine: AsyncEngine = request.app.state.engine
    with Inflow(request.stream()) as inflow:
        async with session_scope(engine) as session:
            actor = await _actor(session, request)
            parcel = await _created(session, actor, request, choose)
        if parcel.length == 0 or _has_body(request):
            parcel = await _append(request, engine, actor, parcel, inflow)
    return await _state(engine, parcel, 201, {"Location": f"{PREFIX}/{parcel.id}"})


async def _created(session: AsyncSession, actor: Actor, request: Request, choose: ChooseUpload) -> Parcel:
    length, told = _number(request, "Upload-Length"), _metadata(request)
    encoding = told.get("encoding", "")
    if encoding not in ENCODINGS:
        raise Invalid("encoding: gzip or nothing")
    size = int(told["size"]) if encoding and told.get("size", "").isdigit() else length
    upload = await choose(session, actor, told)
    name = told.get("filename") or told.get("name") or "?"
    digest = told.get("sha256", "").lower()
    return await parcels.create(session, upload, name, length, size=size, digest=digest, encoding=encoding)


@router.head("/{parcel_id}")
async def where(parcel_id: UUID, request: Request) -> Response:
    """How much of it is durable."""
    engine = request.app.state.engine
    async with session_scope(engine) as session:
        actor = await _actor(session, request)
        await parcels.see(session, actor, parcel_id)
    async with parcels.alone(parcel_id), session_scope(engine) as session:
        parcel, _ = await parcels.see(session, actor, parcel_id)
    return await _state(engine, parcel, 200, {"Upload-Length": str(parcel.length), "Cache-Control": "no-store"})


@router.get("/{parcel_id}")
async def answer(parcel_id: UUID, request: Request) -> FileOut:
    """What became of a file that is whole; 404 until then."""
    async with session_scope(request.app.state.engine) as session:
        parcel, _ = await parcels.see(session, await _actor(session, request), parcel_id)
        file = await parcels.answer_of(session, parcel)
    if file is None:
        raise NotFound()
    return FileOut.of(file)


@router.patch("/{parcel_id}", status_code=204, openapi_extra={"requestBody": {"content": {BYTES: {}}}})
async def go_on(parcel_id: UUID, request: Request) -> Response:
    """Bytes from `Upload-Offset` on. What arrived before the line broke is kept."""
    engine = request.app.state.engine
    with Inflow(request.stream()) as inflow:
        async with session_scope(engine) as session:
            actor = await _actor(session, request)
            await parcels.see(session, actor, parcel_id)
        if request.headers.get("content-type", "").split(";")[0].strip() != BYTES:
            raise HTTPException(415, f"the body must be {BYTES}")
        offset = _number(request, "Upload-Offset")
        async with parcels.alone(parcel_id, inflow):
            async with session_scope(engine) as session:
                parcel, _ = await parcels.see(session, actor, parcel_id)
            if offset != parcel.received:
                raise OtherOffset(offset=parcel.received)
            if parcel.state == ParcelState.OPEN:
                parcel = await _append(request, engine, actor, parcel, inflow)
    return await _state(engine, parcel, 204)


@router.post("/{parcel_id}", include_in_schema=False)
async def in_disguise(parcel_id: UUID, request: Request) -> Response:
    """PATCH and DELETE for lines on which only POST gets through (X-HTTP-Method-Override)."""
    wanted = request.headers.get("x-http-method-override", "").upper()
    if wanted not in ("PATCH", "DELETE", "HEAD"):
        raise HTTPException(405, "Method Not Allowed")
    verbs: dict[str, Callable[[UUID, Request], Awaitable[Response]]] = {"PATCH": go_on, "DELETE": give_up, "HEAD": where}
    return await verbs[wanted](parcel_id, request)


@router.delete("/{parcel_id}", status_code=204)
async def give_up(parcel_id: UUID, request: Request) -> Response:
    """Forget it and what came of it."""
    async with session_scope(request.app.state.engine) as session:
        parcel = await parcels.give_up(session, await _actor(session, request), parcel_id)
    for key, _size in parcel.segments:
        await blobs().delete(key)
    return Response(status_code=204)


async def _upload_named(session: AsyncSession, actor: Actor, told: dict[str, str]) -> Upload:
    """The upload that the sender names, or else its own open one in its only unit."""
    if named := told.get("upload"):
        return await service.opened(session, actor, named)
    own = select(Upload).where(Upload.account_id == actor.account_id, Upload.state == UploadState.OPEN)
    own = own.where(col(Upload.referral_id).is_(None)).order_by(col(Upload.created_at).desc())
    if found := (await session.exec(own.limit(1))).first():
        return await service.opened(session, actor, found.id)
    return await service.begin(session, actor, Filing(service.unit_of(actor, None)))


async def _actor(session: AsyncSession, request: Request) -> Actor:
    """Who sends; then whether it speaks our version."""
    actor = await actor_of(session, secret_of(request) or "")
    if request.headers.get("tus-resumable", VERSION if request.method in ("GET", "HEAD") else "") != VERSION:
        raise HTTPException(412, "this server speaks tus 1.0.0")
    return actor


async def _append(request: Request, engine: AsyncEngine, actor: Actor, parcel: Parcel, inflow: Inflow) -> Parcel:
    try:
        return await parcels.append(engine, blobs(), actor, parcel, inflow, _checksum(request))
    except WrongChecksum:
        raise HTTPException(460, "Checksum Mismatch") from None


def _checksum(request: Request) -> tuple[str, bytes] | None:
    """`Upload-Checksum: sha256 base64`."""
    algorithm, _, value = request.headers.get("upload-checksum", "").partition(" ")
    if not algorithm:
        return None
    if algorithm not in ALGORITHMS:
        raise HTTPException(400, "this checksum algorithm is not known here")
    try:
        return algorithm, b64decode(value, validate=True)
    except binascii.Error:
        raise HTTPException(400, "the checksum is not base64") from None


def _number(request: Request, header: str) -> int:
    value = request.headers.get(header, "")
    if not (value.isascii() and value.isdigit() and len(value) < 16):
        raise HTTPException(400, f"{header} must be a number of bytes")
    return int(value)


def _metadata(request: Request) -> dict[str, str]:
    """`key base64,key base64`; a key alone has an empty value."""
    told: dict[str, str] = {}
    for pair in filter(None, request.headers.get("upload-metadata", "").split(",")):
        key, _, value = pair.strip().partition(" ")
        try:
            told[key] = b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise HTTPException(400, "Upload-Metadata must be pairs of a key and base64") from None
    return told


def _has_body(request: Request) -> bool:
    return request.headers.get("content-type") == BYTES and request.headers.get("content-length") != "0"


async def _state(engine: AsyncEngine, parcel: Parcel, status: int, more: dict[str, Any] | None = None) -> Response:
    facts = {"Upload-Offset": str(parcel.received), **(more or {})}
    if parcel.state == ParcelState.OPEN:
        facts["Upload-Expires"] = format_datetime(parcel.expires_at, usegmt=True)
    else:
        async with session_scope(engine) as session:
            file: UploadFile | None = await parcels.answer_of(session, parcel)
        if file is not None:
            facts |= {"Upload-Verdict": file.verdict, "Upload-Reason": file.reason}
    return Response(status_code=status, headers=facts)
