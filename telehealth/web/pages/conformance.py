"""What our DICOM doors speak, as a page made from the code that speaks it (DICOM PS3.2, in short)."""

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydicom.datadict import keyword_for_tag
from pydicom.uid import UID

from imaging.dicom.uids import CAN_WRITE, SYNTAXES
from imaging.dicomweb import ups
from imaging.dicomweb.resources import RESOURCES
from imaging.dimse.models import Right
from imaging.dimse.negotiation import RIGHT_FOR, STORAGE
from imaging.store.search import KEYS, PAGE, Kind
from telehealth.core.i18n import gettext
from telehealth.identity.deps import CurrentActor
from telehealth.referrals import ups_routes
from telehealth.web.pages.nodes import right_name
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class SyntaxRow:
    uid: str
    name: str
    is_written: bool


@dataclass(frozen=True)
class ServiceRow:
    """One SOP class over DIMSE. role: ours. right: in the reader's language, what a node must be allowed."""

    uid: str
    name: str
    role: str
    right: str


@dataclass(frozen=True)
class WorkitemRow:
    method: str
    path: str
    transaction: str


@dataclass(frozen=True)
class KeyRow:
    tag: str
    keyword: str
    level: str
    kind: Kind


def syntaxes() -> list[SyntaxRow]:
    return [SyntaxRow(uid, UID(uid).name, uid in CAN_WRITE) for uid in SYNTAXES]


def services() -> list[ServiceRow]:
    """What an association may ask of us; storage in both roles, for C-GET and C-MOVE send instances out again."""
    every, storage = ", ".join(f"{prefix}*" for prefix in STORAGE), gettext("every storage SOP class")
    asked = [
        ServiceRow(uid, UID(uid).name, "SCP", right_name(right) if right else gettext("free to every device"))
        for uid, right in RIGHT_FOR.items()
    ]
    roles = {"SCP": Right.STORE, "SCU": Right.RETRIEVE}
    return asked + [ServiceRow(every, storage, role, right_name(right)) for role, right in roles.items()]


def workitems() -> list[WorkitemRow]:
    """The transactions of UPS-RS, as the router has them."""
    routes = [route for route in ups_routes.router.routes if isinstance(route, APIRoute)]
    return [
        WorkitemRow(method, route.path, route.name.replace("_", " "))
        for route in routes
        for method in sorted(route.methods or ())
    ]


def keys() -> list[KeyRow]:
    return [
        KeyRow(f"({tag[:4]},{tag[4:]})", keyword_for_tag(int(tag, 16)), key.level.value, key.kind) for tag, key in KEYS.items()
    ]


@router.get("/conformance")
async def conformance(request: Request, _actor: CurrentActor) -> Response:
    return render(
        request,
        "conformance/conformance.html",
        resources=RESOURCES,
        services=services(),
        workitems=workitems(),
        workitem_keys=[name for name in ups.KEYWORDS if name[0].isalpha() and "." not in name],
        syntaxes=syntaxes(),
        keys=keys(),
        page=PAGE,
        Kind=Kind,
    )
