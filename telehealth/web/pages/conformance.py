"""What our DICOM doors speak, as a page made from the code that speaks it (DICOM PS3.2, in short)."""

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from pydicom.datadict import keyword_for_tag
from pydicom.uid import UID

from imaging.dicom.uids import CAN_WRITE, SYNTAXES
from imaging.dicomweb.resources import RESOURCES
from imaging.store.search import KEYS, PAGE, Kind
from telehealth.identity.deps import CurrentActor
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class SyntaxRow:
    uid: str
    name: str
    is_written: bool


@dataclass(frozen=True)
class KeyRow:
    tag: str
    keyword: str
    level: str
    kind: Kind


def syntaxes() -> list[SyntaxRow]:
    return [SyntaxRow(uid, UID(uid).name, uid in CAN_WRITE) for uid in SYNTAXES]


def keys() -> list[KeyRow]:
    return [
        KeyRow(f"({tag[:4]},{tag[4:]})", keyword_for_tag(int(tag, 16)), key.level.value, key.kind) for tag, key in KEYS.items()
    ]


@router.get("/conformance")
async def conformance(request: Request, _actor: CurrentActor) -> Response:
    return render(
        request, "conformance/conformance.html", resources=RESOURCES, syntaxes=syntaxes(), keys=keys(), page=PAGE, Kind=Kind
    )
