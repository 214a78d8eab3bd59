"""Pictures for people (PS3.18, 8.3.5 and 8.7.4): what the query asks for, checked, and the child process that draws."""

import re

from fastapi import Request, Response

from imaging.dicom import sandbox
from imaging.dicom.drawing import ANNOTATIONS, FUNCTIONS, Drawing
from imaging.dicomweb import wado
from imaging.dicomweb.answers import Document, Pieces, has_seen, not_modified
from imaging.dicomweb.errors import NotAcceptable
from imaging.dicomweb.reads import reads_of
from imaging.store.shelf import Item
from telehealth.core.blobs import blobs
from telehealth.core.errors import Invalid, NotFound

VIEWPORT_SIDE = 4096
KINDS = ("image/jpeg", "image/png", "image/gif")
WINDOW = "window is centre,width,function; a window is at least 1 wide"
VIEWPORT = "viewport is width,height, perhaps followed by the source x,y,width,height"


async def rendered(request: Request, item: Item, number: int) -> Response:
    """A picture of frame `number`: jpeg, png or gif by Accept, with window, viewport, quality and annotation."""
    if not item.frames:
        raise NotFound()
    kind = kind_of(request.headers.get("accept", ""))
    drawing = drawing_of(request)
    etag = f'"{item.sha256[:24]}-{number}-r-{kind[6:]}-{drawing.digest}"'
    if has_seen(request, etag):
        return not_modified(etag)
    kept = reads_of(request).kept
    picture = kept.get(("picture", etag))
    if picture is None:
        made = await sandbox.render(await blobs().local(item.blob_key), number, kind, drawing)
        picture = kept.put(("picture", etag), Document(made, etag))
    return Pieces([picture.plain], kind, [(b"etag", etag.encode()), wado.KEPT_BY_READER])


async def thumbnail(request: Request, item: Item, number: int) -> Response:
    """A small picture, `viewport=width,height` in place of the usual size."""
    if not item.frames:
        raise NotFound()
    given = request.query_params.get("viewport")
    side = int(max(_numbers(given, VIEWPORT)[:2])) if given else sandbox.THUMBNAIL_SIDE
    content = await sandbox.thumbnail(await blobs().local(item.blob_key), number, min(max(side, 16), 512))
    return stored_thumbnail(content)


def stored_thumbnail(content: bytes) -> Response:
    kind = "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"
    return Response(content, media_type=kind, headers={"Cache-Control": "private, max-age=300"})


def kind_of(accept: str) -> str:
    """The first of KINDS that the header names; jpeg where anything goes. Raises NotAcceptable."""
    for kind, _ in wado.accepted(accept):
        if kind in KINDS:
            return kind
        if kind in ("*/*", "image/*"):
            return KINDS[0]
    raise NotAcceptable()


def drawing_of(request: Request) -> Drawing:
    """Raises Invalid."""
    query = request.query_params
    window, function = _window(query["window"]) if "window" in query else (None, "linear")
    size, source = _viewport(query["viewport"]) if "viewport" in query else (None, None)
    annotations = tuple(one for one in query.get("annotation", "").split(",") if one)
    if not set(annotations) <= ANNOTATIONS:
        raise Invalid("annotation is patient, technique or both")
    quality = query.get("quality", "90")
    if not re.fullmatch(r"[0-9]{1,3}", quality) or not 1 <= int(quality) <= 100:
        raise Invalid("quality is a whole number from 1 to 100")
    return Drawing(window, function, size, source, int(quality), annotations)


def _numbers(text: str, what: str) -> list[float]:
    if not re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,6})?(,-?[0-9]{1,9}(\.[0-9]{1,6})?){1,5}", text):
        raise Invalid(what)
    return [float(one) for one in text.split(",")]


def _window(text: str) -> tuple[tuple[float, float], str]:
    pieces = text.split(",")
    function = pieces[2].lower() if len(pieces) == 3 else "linear"
    centre, width, *_ = _numbers(",".join(pieces[:2]), WINDOW)
    if len(pieces) > 3 or function not in FUNCTIONS or width < 1:
        raise Invalid(WINDOW)
    return (centre, width), function


def _viewport(text: str) -> tuple[tuple[int, int], tuple[float, float, float, float] | None]:
    width, height, *source = _numbers(text, VIEWPORT)
    size = (min(max(int(width), 1), VIEWPORT_SIDE), min(max(int(height), 1), VIEWPORT_SIDE))
    if not source:
        return size, None
    if len(source) != 4 or 0 in source[2:]:
        raise Invalid(VIEWPORT)
    return size, (source[0], source[1], source[2], source[3])
