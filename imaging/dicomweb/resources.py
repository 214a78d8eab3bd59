"""Where each reading verb is found, and how the API description tells of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from imaging.dicomweb import reading
from imaging.dicomweb.reading import DICOM_JSON
from imaging.store.search import KEYS, PAGE, Level
from telehealth.core.problems import responses

Verb = Callable[..., Awaitable[Response]]
MULTIPART = 'multipart/related; type="{}"'
FILES = (MULTIPART.format("application/dicom"), "application/dicom")
FRAMES = (MULTIPART.format("application/octet-stream"), "application/octet-stream", "image/jp2", "image/jls", "image/dicom-rle")
BULK = (MULTIPART.format("application/octet-stream"), "application/octet-stream")
PICTURES = ("image/jpeg", "image/png", "image/gif")
STUDY, SERIES = "/studies/{study_uid}", "/studies/{study_uid}/series/{series_uid}"
INSTANCE = SERIES + "/instances/{sop_uid}"
EXAMPLES = {
    "study_uid": "1.2.826.0.1.3680043.8.498.1",
    "series_uid": "1.2.826.0.1.3680043.8.498.2",
    "sop_uid": "1.2.826.0.1.3680043.8.498.3",
    "numbers": "1,2",
    "number": "1",
    "path": "7FE00010",
}


def _query(name: str, description: str, example: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": {"type": "string"}, "example": example}


PAGING = (
    _query("limit", f"Rows at most, {PAGE} where it is not given or larger", "25"),
    _query("offset", "Rows to leave out", "0"),
    _query("includefield", "Tags or keywords of further attributes, or all", "00081030"),
    _query("fuzzymatching", "true: every word of a name may go on", "false"),
)
MATCHING = {
    "00080020": _query("StudyDate", "A day or a range", "20260101-20260131"),
    "00080030": _query("StudyTime", "A time or a range", "080000-120000"),
    "00080050": _query("AccessionNumber", "Exactly, or with * and ?", "A123"),
    "00080061": _query("ModalitiesInStudy", "Any of several", "CT,MR"),
    "00080090": _query("ReferringPhysicianName", "Exactly, or with * and ?", "Lê*"),
    "00100010": _query("PatientName", "Words in any order and case, with or without marks", "Nguyễn Hoà"),
    "00100020": _query("PatientID", "Exactly, or with * and ?", "BN00012"),
    "0020000D": _query("StudyInstanceUID", "One or a list", "1.2.826.0.1.3680043.8.498.1"),
    "00200010": _query("StudyID", "Exactly, or with * and ?", "1"),
    "00080060": _query("Modality", "Exactly, or with * and ?", "CT"),
    "0020000E": _query("SeriesInstanceUID", "One or a list", "1.2.826.0.1.3680043.8.498.2"),
    "00400244": _query("PerformedProcedureStepStartDate", "A day or a range", "20260101-20260131"),
    "00400245": _query("PerformedProcedureStepStartTime", "A time or a range", "080000-120000"),
    "00400009": _query("RequestAttributesSequence.ScheduledProcedureStepID", "Exactly, or with * and ?", "S1"),
    "00401001": _query("RequestAttributesSequence.RequestedProcedureID", "Exactly, or with * and ?", "P1"),
    "00200011": _query("SeriesNumber", "A whole number", "2"),
    "00080016": _query("SOPClassUID", "One or a list", "1.2.840.10008.5.1.4.1.1.2"),
    "00080018": _query("SOPInstanceUID", "One or a list", "1.2.826.0.1.3680043.8.498.3"),
    "00200013": _query("InstanceNumber", "A whole number", "1"),
}
DRAWING = (
    _query("window", "centre,width,function; function is linear, linear-exact or sigmoid", "40,400,linear"),
    _query("viewport", "width,height to fit into, perhaps the source x,y,width,height", "512,512"),
    _query("quality", "1 to 100, of a jpeg", "90"),
    _query("annotation", "patient, technique or both", "patient,technique"),
)


def _matching(level: Level) -> tuple[dict[str, Any], ...]:
    order = list(Level)
    return (*(one for tag, one in MATCHING.items() if order.index(KEYS[tag].level) <= order.index(level)), *PAGING)


@dataclass(frozen=True)
class Resource:
    """One address below /dicomweb. kinds: media types that it can give. refusals: beside 401, 403 and 404."""

    path: str
    verb: Verb
    kinds: tuple[str, ...] = (DICOM_JSON,)
    query: tuple[dict[str, Any], ...] = ()
    refusals: tuple[int, ...] = (406,)

    @property
    def names(self) -> list[str]:
        return [step[1:-1] for step in self.path.split("/") if step.startswith("{")]


RESOURCES = (
    Resource("/studies", reading.search_studies, query=_matching(Level.STUDY), refusals=(422,)),
    Resource("/series", reading.search_series, query=_matching(Level.SERIES), refusals=(422,)),
    Resource("/instances", reading.search_instances, query=_matching(Level.INSTANCE), refusals=(422,)),
    Resource(STUDY + "/series", reading.search_series_of_study, query=_matching(Level.SERIES), refusals=(422,)),
    Resource(STUDY + "/instances", reading.search_instances_of_study, query=_matching(Level.INSTANCE), refusals=(422,)),
    Resource(SERIES + "/instances", reading.search_instances_of_series, query=_matching(Level.INSTANCE), refusals=(422,)),
    Resource(STUDY, reading.retrieve_study, FILES),
    Resource(SERIES, reading.retrieve_series, FILES),
    Resource(INSTANCE, reading.retrieve_instance, FILES),
    Resource(STUDY + "/instances/{sop_uid}", reading.retrieve_instance_of_study, FILES),
    Resource(STUDY + "/metadata", reading.study_metadata),
    Resource(SERIES + "/metadata", reading.series_metadata),
    Resource(INSTANCE + "/metadata", reading.instance_metadata),
    Resource(INSTANCE + "/frames/{numbers}", reading.retrieve_frames, FRAMES, refusals=(406, 422)),
    Resource(INSTANCE + "/bulkdata/{path}", reading.retrieve_bulkdata, BULK, refusals=(406, 416)),
    Resource(STUDY + "/rendered", reading.rendered_study, PICTURES, DRAWING, (406, 422)),
    Resource(SERIES + "/rendered", reading.rendered_series, PICTURES, DRAWING, (406, 422)),
    Resource(INSTANCE + "/rendered", reading.rendered_instance, PICTURES, DRAWING, (406, 422)),
    Resource(INSTANCE + "/frames/{number}/rendered", reading.rendered_frame, PICTURES, DRAWING, (406, 422)),
    Resource(STUDY + "/thumbnail", reading.study_thumbnail, PICTURES[:2], refusals=(422,)),
    Resource(SERIES + "/thumbnail", reading.series_thumbnail, PICTURES[:2], refusals=(422,)),
    Resource(INSTANCE + "/thumbnail", reading.instance_thumbnail, PICTURES[:2], refusals=(422,)),
    Resource(INSTANCE + "/frames/{number}/thumbnail", reading.frame_thumbnail, PICTURES[:2], refusals=(422,)),
)


def add_to(router: APIRouter) -> None:
    """The resources as routes: with a description, and answering where nothing stands in front of the application."""
    for resource in RESOURCES:
        router.add_api_route(
            resource.path,
            _endpoint(resource),
            methods=["GET"],
            name=resource.verb.__name__,
            summary=resource.verb.__name__.replace("_", " ").capitalize(),
            description=resource.verb.__doc__,
            response_class=Response,
            responses={200: {"content": {kind: {} for kind in resource.kinds}}, **responses(*resource.refusals)},
            openapi_extra={"parameters": [*map(_path_parameter, resource.names), *resource.query]},
        )


def _path_parameter(name: str) -> dict[str, Any]:
    schema = {"type": "string", "maxLength": 64, "pattern": "^[0-9.]+$"} if name.endswith("uid") else {"type": "string"}
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": EXAMPLES[name]}


def _endpoint(resource: Resource) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await resource.verb(request, **request.path_params)

    return endpoint


def _shape(steps: list[str]) -> tuple[int, tuple[str, ...]]:
    """Words and values take turns in these addresses, so the words and the length say which one it is."""
    return len(steps), tuple(steps[::2])


BY_SHAPE = {_shape(resource.path[1:].split("/")): resource.verb for resource in RESOURCES}


def find(path: str) -> tuple[Verb, list[str]] | None:
    """`/dicomweb/studies/1.2/series` -> (the verb, its values in order); None for what stands elsewhere."""
    steps = path.split("/")[2:]
    verb = BY_SHAPE.get(_shape(steps))
    return (verb, steps[1::2]) if verb and all(steps) else None
