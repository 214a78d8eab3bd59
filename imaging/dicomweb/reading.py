"""The reading verbs of DICOMweb (PS3.18, 10.4 and 10.6): each asks who it is, whether they may, and answers.

A foreign study is as unknown as one that does not exist. `resources` says at which address each is found.
"""

import asyncio
import re
from collections.abc import Sequence
from hashlib import sha256

from fastapi import Request, Response

from imaging.dicom import frames as stored_frames
from imaging.dicom.uids import SYNTAXES
from imaging.dicomweb import levels, qido, rendering, wado
from imaging.dicomweb.answers import Document, Pieces, document_answer, has_seen, not_modified
from imaging.dicomweb.errors import NotAcceptable
from imaging.dicomweb.multipart import new_boundary, part_head, tail
from imaging.dicomweb.ranges import ranged
from imaging.dicomweb.reads import Reads, actor_of, reads_of
from imaging.store import search
from imaging.store.metadata import instance_texts, series_texts
from imaging.store.search import Level
from imaging.store.shelf import Item, StudyCard
from telehealth.core.actor import Actor
from telehealth.core.blobs import blobs
from telehealth.core.errors import Forbidden, NotFound
from telehealth.core.rows import Row
from telehealth.identity import access
from telehealth.identity.access import Action

DICOM_JSON = "application/dicom+json"
JSON_KINDS = frozenset((DICOM_JSON, "application/json", "*/*", "application/*"))
PIXEL_DATA = "7FE00010"
BULK_PATH = re.compile(r"[0-9A-F]{8}(\.[0-9]{1,4}\.[0-9A-F]{8}){0,16}")
NO_STORE = (b"cache-control", b"no-store")


def base_of(request: Request) -> str:
    """The address of the service as this client sees it."""
    scope = request.scope
    host = request.headers.get("host", "localhost")
    return f"{scope['scheme']}://{host}{scope.get('root_path', '').rstrip('/')}/dicomweb"


# --- searching


async def search_studies(request: Request) -> Response:
    return await _search(request, Level.STUDY)


async def search_series(request: Request) -> Response:
    return await _search(request, Level.SERIES)


async def search_instances(request: Request) -> Response:
    return await _search(request, Level.INSTANCE)


async def search_series_of_study(request: Request, study_uid: str) -> Response:
    return await _search(request, Level.SERIES, study_uid)


async def search_instances_of_study(request: Request, study_uid: str) -> Response:
    return await _search(request, Level.INSTANCE, study_uid)


async def search_instances_of_series(request: Request, study_uid: str, series_uid: str) -> Response:
    return await _search(request, Level.INSTANCE, study_uid, series_uid)


async def _search(request: Request, level: Level, study_uid: str = "", series_uid: str = "") -> Response:
    reads = reads_of(request)
    actor = await actor_of(request, reads)
    if study_uid:
        await reads.shelf.study(actor, study_uid)
    elif not access.holds(actor, Action.SEE_IMAGES):
        raise Forbidden()
    fixed = {tag: uid for tag, uid in (("0020000D", study_uid), ("0020000E", series_uid)) if uid}
    asked, unsupported = qido.parse(request.query_params.multi_items(), **fixed)
    rows = await search.find(reads.rows, actor, level, asked)
    found = rows[: asked.limit]
    reads.trail.searched(actor, tuple(sorted(asked.keys)), len(found))
    headers = [NO_STORE, *_warnings(unsupported, cut=len(rows) > len(found))]
    return Pieces([await _listed(reads, level, found, base_of(request), asked)], DICOM_JSON, headers)


async def _listed(reads: Reads, level: Level, rows: Sequence[Row], base: str, asked: search.Search) -> bytes:
    if level is not Level.INSTANCE or not asked.include:
        return qido.as_json(level, rows, base).encode()
    sop = qido.STUDY_WIDTH + qido.SERIES_WIDTH
    own = await instance_texts(reads.rows, [row[sop] for row in rows], base)
    texts = (qido.with_own(level, row, base, own[row[sop]], asked.include) for row in rows)
    return f"[{','.join(texts)}]".encode()


def _warnings(unsupported: Sequence[str], *, cut: bool) -> list[tuple[bytes, bytes]]:
    """PS3.18, 8.3.4.4 and 10.6.3.2."""
    texts = []
    if unsupported:
        texts.append(b"Some attributes are not searched")
    if cut:
        texts.append(b"There are more results than limit; ask again with offset")
    return [(b"warning", b'299 telehealth "%s"' % text) for text in texts]


# --- metadata


async def study_metadata(request: Request, study_uid: str) -> Response:
    return await _metadata(request, study_uid)


async def series_metadata(request: Request, study_uid: str, series_uid: str) -> Response:
    return await _metadata(request, study_uid, series_uid)


async def instance_metadata(request: Request, study_uid: str, series_uid: str, sop_uid: str) -> Response:
    return await _metadata(request, study_uid, series_uid, sop_uid)


async def _metadata(request: Request, study_uid: str, series_uid: str = "", sop_uid: str = "") -> Response:
    """Made once a version, kept, given plain or compressed."""
    reads = reads_of(request)
    actor = await actor_of(request, reads)
    study = await reads.shelf.study(actor, study_uid)
    if not {kind for kind, _ in wado.accepted(request.headers.get("accept", ""))} & JSON_KINDS:
        raise NotAcceptable()
    base = base_of(request)
    key = ("metadata", base, study.id, study.version, series_uid, sop_uid)
    document = reads.kept.get(key)
    if document is None:
        text = await series_texts(reads.rows, study, base, series_uid, sop_uid)
        etag = f'"{sha256(repr(key).encode()).hexdigest()[:32]}"'
        document = reads.kept.put(key, Document(text, etag))
    await reads.trail.read(actor, study, "images")
    return document_answer(request, document, DICOM_JSON)


# --- files


async def retrieve_study(request: Request, study_uid: str) -> Response:
    return await _files(request, study_uid)


async def retrieve_series(request: Request, study_uid: str, series_uid: str) -> Response:
    return await _files(request, study_uid, series_uid)


async def retrieve_instance_of_study(request: Request, study_uid: str, sop_uid: str) -> Response:
    return await _files(request, study_uid, sop_uid=sop_uid)


async def retrieve_instance(request: Request, study_uid: str, series_uid: str, sop_uid: str) -> Response:
    """Exactly the stored bytes: multipart, or alone for `Accept: application/dicom`."""
    _, item = await _one(request, study_uid, series_uid, sop_uid)
    return await _sent(request, [item])


async def _files(request: Request, study_uid: str, series_uid: str = "", sop_uid: str = "") -> Response:
    _, items = await _open(request, study_uid, series_uid, sop_uid)
    return await _sent(request, items)


async def _sent(request: Request, items: Sequence[Item]) -> Response:
    return await wado.files(items, wado.file_form(request.headers.get("accept", ""), items))


# --- frames and bulk data


async def retrieve_frames(request: Request, study_uid: str, series_uid: str, sop_uid: str, numbers: str) -> Response:
    """Frames as stored, decoded or written anew, by Accept; `numbers` such as `1` or `1,2,3`."""
    _, item = await _one(request, study_uid, series_uid, sop_uid, "frames")
    wanted = wado.frame_numbers(numbers, item)
    accept, url = wado.accept_of(request), base_of(request) + item.path
    best = levels.wanted(accept, item.transfer_syntax) if len(wanted) == 1 else None
    if best and (made := await levels.answer(request, reads_of(request).levels, item, wanted[0], best, url)):
        return made
    form = wado.form_of(accept, item.transfer_syntax)
    etag = wado.etag_of(item, numbers, form)
    if has_seen(request, etag):
        return not_modified(etag)
    return await wado.frame_parts(item, wanted, form, url, etag)


async def retrieve_bulkdata(request: Request, study_uid: str, series_uid: str, sop_uid: str, path: str) -> Response:
    """A value that the metadata leaves out; `path` such as `00091010` or `00091001.0.00091010`."""
    _, item = await _one(request, study_uid, series_uid, sop_uid, "bulkdata")
    if not BULK_PATH.fullmatch(path):
        raise NotFound()
    kinds = [kind for kind, _ in wado.accepted(request.headers.get("accept", ""))]
    if path == PIXEL_DATA and SYNTAXES[item.transfer_syntax].encapsulated and wado.OCTETS not in kinds:
        numbers = list(range(1, item.frames + 1))
        form = wado.form_of("*/*", item.transfer_syntax)
        return await wado.frame_parts(item, numbers, form, base_of(request) + item.path, wado.etag_of(item, "all", form))
    value = await _bulk_value(item, path)
    if wado.OCTETS in kinds:
        return ranged(request, value, wado.OCTETS)
    boundary = new_boundary()
    head = part_head(boundary, wado.OCTETS, f"{base_of(request)}{item.path}/bulkdata/{path}", len(value))
    return Pieces([head, value, b"\r\n" + tail(boundary)], f'multipart/related; type="{wado.OCTETS}"; boundary={boundary}')


async def _bulk_value(item: Item, path: str) -> bytes:
    if path == PIXEL_DATA and item.pixel_offset is not None and item.pixel_length is not None:
        return await blobs().read(item.blob_key, item.pixel_offset, item.pixel_length)
    value = await asyncio.to_thread(stored_frames.bulk_value, await blobs().local(item.blob_key), path.split("."))
    if value is None:
        raise NotFound()
    return value


# --- pictures


async def rendered_study(request: Request, study_uid: str) -> Response:
    return await _representative(request, study_uid)


async def rendered_series(request: Request, study_uid: str, series_uid: str) -> Response:
    return await _representative(request, study_uid, series_uid)


async def _representative(request: Request, study_uid: str, series_uid: str = "") -> Response:
    """One picture that stands for the whole: the middle one."""
    _, items = await _open(request, study_uid, series_uid, what="rendered")
    item = _middle(items)
    return await rendering.rendered(request, item, (item.frames + 1) // 2)


async def rendered_instance(request: Request, study_uid: str, series_uid: str, sop_uid: str) -> Response:
    _, item = await _one(request, study_uid, series_uid, sop_uid, "rendered")
    return await rendering.rendered(request, item, 1)


async def rendered_frame(request: Request, study_uid: str, series_uid: str, sop_uid: str, number: str) -> Response:
    _, item = await _one(request, study_uid, series_uid, sop_uid, "rendered")
    return await rendering.rendered(request, item, wado.frame_numbers(number, item)[0])


async def study_thumbnail(request: Request, study_uid: str) -> Response:
    return await _thumbnail_of_many(request, study_uid)


async def series_thumbnail(request: Request, study_uid: str, series_uid: str) -> Response:
    return await _thumbnail_of_many(request, study_uid, series_uid)


async def _thumbnail_of_many(request: Request, study_uid: str, series_uid: str = "") -> Response:
    """The stored thumbnail of the middle image's series where there is one."""
    study, items = await _open(request, study_uid, series_uid)
    item = _middle(items)
    key = await reads_of(request).shelf.thumbnail_key(study, item.series_uid)
    if key:
        return rendering.stored_thumbnail(await blobs().read(key))
    return await rendering.thumbnail(request, item, (item.frames + 1) // 2)


async def instance_thumbnail(request: Request, study_uid: str, series_uid: str, sop_uid: str) -> Response:
    _, item = await _one(request, study_uid, series_uid, sop_uid)
    return await rendering.thumbnail(request, item, (item.frames + 1) // 2)


async def frame_thumbnail(request: Request, study_uid: str, series_uid: str, sop_uid: str, number: str) -> Response:
    _, item = await _one(request, study_uid, series_uid, sop_uid)
    return await rendering.thumbnail(request, item, wado.frame_numbers(number, item)[0])


# --- what all of them do first


def _middle(items: Sequence[Item]) -> Item:
    shown = [item for item in items if item.frames]
    if not shown:
        raise NotFound()
    return shown[len(shown) // 2]


async def _open(
    request: Request, study_uid: str, series_uid: str = "", sop_uid: str = "", what: str = "images"
) -> tuple[StudyCard, list[Item]]:
    """The study and its instances as they are now, with the read on record. Raises NotFound."""
    reads = reads_of(request)
    actor = await actor_of(request, reads)
    study = await reads.shelf.study(actor, study_uid)
    items = await reads.shelf.items_of(study, series_uid, sop_uid)
    await reads.trail.read(actor, study, what)
    return study, items


async def _one(request: Request, study_uid: str, series_uid: str, sop_uid: str, what: str = "images") -> tuple[Actor, Item]:
    """An instance, mostly without a look at the database, with the read on record. Raises NotFound."""
    reads = reads_of(request)
    actor = await actor_of(request, reads)
    study, item = await reads.shelf.item(actor, study_uid, series_uid, sop_uid)
    await reads.trail.read(actor, study, what)
    return actor, item
