"""The table of doors: JSON, pages, files in pieces, workstations. Each line names who comes in; everybody else is refused."""

from dataclasses import dataclass, field
from typing import Any

from httpx2 import Response

from tests.house.roles import things
from tests.house.roles.scene import Maker, Scene, Thing, at, filled
from tests.house.roles.things import call

PATIENT = {"patient_account"}
PATIENTS = PATIENT | {"other_patient_account"}
CLINIC = {"technician", "doctor"}
ANY_CLINIC = CLINIC | {"other_technician", "other_doctor", "hospital_nurse"}
READERS = {"specialist", "other_specialist"}
ANY_SPECIALIST = READERS | {"far_specialist"}
COORDINATOR = {"coordinator"}
CLINIC_OFFICE = {"administrator", "clinic_administrator"}
"""The province's administrator reaches every place, the clinic's only the clinic."""
HOSPITAL_OFFICE = {"administrator", "hospital_administrator"}
ANY_OFFICE = CLINIC_OFFICE | HOSPITAL_OFFICE
AUDITOR = {"auditor"}
VISITS = PATIENT | {"hospital_nurse", "specialist"} | COORDINATOR | HOSPITAL_OFFICE
"""The visit is of the hospital: its nurse and its office look after it."""


@dataclass(frozen=True)
class Door:
    """address: "METHOD /path", names in braces come from the thing; a body goes to a page as a form, elsewhere as JSON."""

    thing: Maker
    address: str
    welcome: set[str]
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    async def knock(self, scene: Scene, name: str, thing: Thing) -> Response:
        method, path = filled(self.address, thing).split(" ", 1)
        return await scene.clients[name].request(method, path, headers=self.headers, **self._said(path, thing))

    def _said(self, path: str, thing: Thing) -> dict[str, Any]:
        if self.body is None or isinstance(self.body, bytes):
            return {"content": self.body}
        is_page = not path.startswith(("/api/", "/dicomweb/"))
        return {"data" if is_page else "json": filled(self.body, thing)}


BOOKING = {"practitioner_id": "{specialist}", "patient_id": "{patient}", "start": "{start}", "consent": True}
BOOKING_FORM = {"practitioner": "{specialist}", "patient": "{patient}", "start": "{start}", "urgent": "no", "consent": "yes"}
ASKING = {"patient_id": "{patient}", "to_organisation_id": "{hospital}", "from_organisation_id": "{clinic}", "question": "?"}
SAID = {"findings": "Mới", "impression": "Mới", "recommendation": ""}
MARK = {"series_uid": "{series}", "sop_uid": "{image}", "kind": "arrow", "points": [[1, 1], [5, 5]], "expected_version": 0}
SIGNED = SAID | {"draft_revision": "1", "do": "sign", "otp": "{otp}"}
DECIDED = {"decision": "accept", "note": "Đúng người"}
NEW_PERSON = {"full_name": "Ai Đó", "organisation_id": "{clinic}"}
NEW_PLACE = {"name": "Khoa", "code": "K{number}", "kind": "department", "parent_id": "{clinic}"}
COLLEAGUE = {"full_name": "Ai Đó", "email": "p{number}@example.test", "role": "technician"}
FILE = {"name": "1.dcm", "sha256": "0" * 64, "size": 10}
PROGRESS = [{"00741002": {"vr": "SQ", "Value": [{"00741004": {"vr": "DS", "Value": [40]}}]}}]
DEVICE = {
    "ae_title": "{title}",
    "addresses": "10.4.1.8",
    "organisation_id": "{clinic}",
    "account_id": "{technician}",
    "may_store": "yes",
}
SAMPLES = {"line": "{patient}", "legs": []}
STATION = "/dicomweb/workitems/{workitem}/subscribers/OTHER"
S = Scene


def state(name: str) -> list[dict[str, Any]]:
    """A workstation asks for another state of a workitem."""
    return [{"00741000": {"vr": "CS", "Value": [name]}, "00081195": {"vr": "UI", "Value": ["{key}"]}}]


DOORS = [
    # people
    Door(S.person, "GET /api/v1/patients/{person}", CLINIC | COORDINATOR),
    Door(S.nothing, "GET /api/v1/patients/{patient}", CLINIC | COORDINATOR | PATIENT),
    Door(S.nothing, "POST /api/v1/patients", CLINIC | COORDINATOR | PATIENTS, NEW_PERSON),
    Door(
        S.person,
        "POST /api/v1/patients/{person}/take-in",
        {"other_technician", "other_doctor"} | COORDINATOR,
        {"national_id": "{number}", "organisation_id": "{other_clinic}"},
    ),
    # a visit
    Door(S.time, "POST /api/v1/appointments", PATIENT | CLINIC | COORDINATOR | CLINIC_OFFICE, BOOKING),
    Door(S.time, "POST /book", PATIENT | CLINIC | COORDINATOR | CLINIC_OFFICE, BOOKING_FORM),
    Door(S.visit, "GET /api/v1/appointments/{visit}", VISITS),
    Door(S.visit, "GET /api/v1/appointments/{visit}/calendar.ics", VISITS),
    Door(S.visit, "POST /api/v1/appointments/{visit}/move", VISITS, {"start": "{later}"}),
    Door(S.visit, "POST /api/v1/appointments/{visit}/cancel", VISITS, {"reason": "bận"}),
    Door(S.visit, "GET /visits/{visit}", VISITS),
    Door(S.visit, "GET /visits/{visit}/calendar.ics", VISITS),
    Door(S.visit, "GET /visits/{visit}/move", VISITS),
    Door(S.visit, "POST /visits/{visit}/move", VISITS, {"start": "{later}"}),
    Door(S.visit, "GET /visits/{visit}/cancel", VISITS),
    Door(S.visit, "POST /visits/{visit}/cancel", VISITS, {"reason": "bận"}),
    # the call
    Door(call, "GET /api/v1/visits/{visit}", PATIENT | {"specialist"}),
    Door(call, "GET /visits/{visit}/call", PATIENT | {"specialist"}),
    Door(call, "POST /api/v1/visits/{visit}/join", PATIENT | {"specialist"}),
    Door(call, "POST /api/v1/visits/{visit}/end", {"specialist"}, {}),
    Door(call, "GET /api/v1/visits/{visit}/line-check", PATIENT | {"specialist"}),
    Door(call, "POST /api/v1/visits/{visit}/statistics", PATIENT | {"specialist"}, SAMPLES),
    Door(call, "GET /api/v1/visits/{visit}/invitations", PATIENT | {"specialist"}),
    Door(
        call,
        "POST /api/v1/visits/{visit}/invitations/links",
        PATIENT | {"specialist"},
        {"role": "relative", "name": "Cháu Nam"},
    ),
    Door(call, "POST /api/v1/visits/{visit}/invitations/colleagues", {"specialist"}, {"account": "{other_specialist}"}),
    Door(call, "GET /visits/{visit}/invite", PATIENT | {"specialist"}),
    Door(call, "POST /visits/{visit}/invite", PATIENT | {"specialist"}, {"role": "interpreter", "name": "Chị Mỷ"}),
    Door(call, "POST /api/v1/visits/{visit}/emergency", {"specialist"}),
    # the call with a colleague asked in, who comes in and leads nothing
    Door(things.call_of_three, "GET /api/v1/visits/{visit}", PATIENT | READERS),
    Door(things.call_of_three, "POST /api/v1/visits/{visit}/join", PATIENT | READERS),
    Door(things.call_of_three, "POST /api/v1/visits/{visit}/hand-over", {"specialist"}, {"account": "{other_specialist}"}),
    Door(things.call_of_three, "POST /api/v1/visits/{visit}/emergency", {"specialist"}),
    Door(things.call_of_three, "POST /api/v1/visits/{visit}/end", {"specialist"}, {}),
    Door(things.call_of_three, "GET /api/v1/visits/{visit}/invitations", PATIENT | {"specialist"}),
    Door(things.call_of_three, "DELETE /api/v1/visits/{visit}/invitations/{invitation}", {"specialist"}),
    # a specialist's hours
    Door(S.nothing, "GET /calendar", ANY_SPECIALIST),
    Door(S.nothing, "POST /calendar/hours", ANY_SPECIALIST, {"weekday": "6", "start": "18:00", "end": "19:00"}),
    Door(S.hours, "POST /calendar/hours/{hours}/remove", {"specialist"} | COORDINATOR | HOSPITAL_OFFICE),
    Door(S.nothing, "POST /calendar/away", ANY_SPECIALIST, {"first": "2030-01-01", "last": "2030-01-02"}),
    Door(things.absence, "POST /calendar/away/{absence}/remove", {"specialist"} | COORDINATOR | HOSPITAL_OFFICE),
    Door(S.nothing, "POST /calendar/day", ANY_SPECIALIST, {"day": "2030-03-04", "start": "08:00", "end": "09:00"}),
    Door(S.nothing, "POST /calendar/day/remove", ANY_SPECIALIST, {"day": "2030-03-04"}),
    # a question
    Door(S.nothing, "GET /clinic/referrals/new", ANY_CLINIC | ANY_SPECIALIST | COORDINATOR),
    Door(S.nothing, "POST /api/v1/referrals", CLINIC | COORDINATOR, ASKING),
    Door(at("draft"), "GET /api/v1/referrals/{question}", CLINIC | COORDINATOR),
    Door(at("sent"), "GET /api/v1/referrals/{question}", CLINIC | READERS | COORDINATOR),
    Door(at("closed"), "GET /api/v1/referrals/{question}", CLINIC | {"specialist"} | COORDINATOR),
    Door(at("sent"), "GET /clinic/referrals/{question}", CLINIC | READERS | COORDINATOR),
    Door(at("draft"), "PATCH /api/v1/referrals/{question}", CLINIC | COORDINATOR, {"history": "Mới"}),
    Door(at("draft"), "POST /api/v1/referrals/{question}/submit", {"doctor"} | COORDINATOR, {"consent": True}),
    Door(at("draft"), "POST /clinic/referrals/{question}/draft", CLINIC | COORDINATOR, {"question": "?"}),
    Door(at("sent"), "POST /api/v1/referrals/{question}/cancel", {"doctor"} | COORDINATOR, {"text": "Đã chuyển"}),
    Door(at("sent"), "POST /clinic/referrals/{question}/cancel", {"doctor"} | COORDINATOR, {"reason": "Đã chuyển"}),
    Door(at("asked back"), "POST /api/v1/referrals/{question}/answer", CLINIC | COORDINATOR, {"text": "Không có"}),
    Door(at("asked back"), "POST /clinic/referrals/{question}/answer", CLINIC | COORDINATOR, {"text": "Không có"}),
    # reading it
    Door(S.nothing, "GET /worklist", ANY_SPECIALIST),
    Door(at("sent"), "POST /api/v1/referrals/{question}/claim", READERS),
    Door(at("sent"), "POST /worklist/{question}/claim", READERS),
    Door(at("held"), "POST /api/v1/referrals/{question}/heartbeat", {"specialist"}),
    Door(at("held"), "POST /api/v1/referrals/{question}/release", {"specialist"}),
    Door(at("held"), "POST /worklist/{question}/release", {"specialist"}),
    Door(at("held"), "POST /api/v1/referrals/{question}/decline", {"specialist"}, {"text": "Thiếu phim"}),
    Door(at("held"), "POST /worklist/{question}/decline", {"specialist"}, {"text": "Thiếu phim"}),
    Door(at("held"), "POST /api/v1/referrals/{question}/ask", {"specialist"}, {"text": "Phim cũ?"}),
    Door(at("held"), "POST /worklist/{question}/ask", {"specialist"}, {"text": "Phim cũ?"}),
    Door(at("sent"), "POST /api/v1/referrals/{question}/assign", COORDINATOR, {"reader_id": "{other_specialist}"}),
    Door(at("sent"), "POST /operations/{question}/assign", COORDINATOR, {"reader_id": "{other_specialist}"}),
    # its images and marks
    Door(at("sent"), "GET /reading/{question}", CLINIC | READERS),
    Door(at("sent"), "GET /clinic/referrals/{question}/images", CLINIC | READERS),
    Door(at("sent"), "GET /studies/{study}", CLINIC | READERS),
    Door(at("answered"), "GET /studies/{study}", CLINIC | {"specialist"}),
    Door(at("acknowledged"), "GET /studies/{study}", CLINIC | {"specialist"} | PATIENT),
    Door(at("sent"), "GET /api/v1/studies/{uid}/marks", CLINIC | READERS),
    Door(at("acknowledged"), "GET /api/v1/studies/{uid}/marks", CLINIC | {"specialist"} | PATIENT),
    Door(at("sent"), "PUT /api/v1/studies/{uid}/marks/{new_mark}", READERS, MARK),
    Door(at("sent"), "DELETE /api/v1/studies/{uid}/marks/{mark}?expected_version=1", READERS),
    # its answer
    Door(at("held"), "PUT /api/v1/referrals/{question}/report", {"specialist"}, SAID),
    Door(at("held"), "POST /reading/{question}/report", {"specialist"}, SAID),
    Door(at("written"), "POST /api/v1/referrals/{question}/sign", {"specialist"}, {"otp": "{otp}"}),
    Door(at("written"), "POST /reading/{question}/report", {"specialist"}, SIGNED),
    Door(at("answered"), "POST /api/v1/referrals/{question}/open", CLINIC | {"specialist"}),
    Door(at("answered"), "GET /reports/{report}", CLINIC | {"specialist"}),
    Door(at("acknowledged"), "GET /reports/{report}", CLINIC | {"specialist"} | PATIENT),
    Door(at("answered"), "POST /api/v1/reports/{report}/correct", {"specialist"}, SAID | {"reason": "Nhầm bên", "otp": "{otp}"}),
    Door(at("answered"), "POST /reports/{report}/correct", {"specialist"}, SAID | {"reason": "Nhầm bên", "otp": "{otp}"}),
    Door(at("answered"), "POST /api/v1/referrals/{question}/acknowledge", {"doctor"}, {"decision": "transfer"}),
    Door(at("answered"), "POST /clinic/referrals/{question}/acknowledge", {"doctor"}, {"decision": "transfer"}),
    Door(at("acknowledged"), "POST /api/v1/referrals/{question}/close", {"doctor"}, {"outcome": "confirmed"}),
    Door(at("acknowledged"), "POST /clinic/referrals/{question}/close", {"doctor"}, {"outcome": "confirmed"}),
    # images on their way in
    Door(at("sent"), "POST /api/v1/referrals/{question}/uploads", CLINIC, {}),
    Door(S.nothing, "POST /api/v1/uploads", CLINIC, {"organisation_id": "{clinic}"}),
    Door(at("sent"), "GET /clinic/referrals/{question}/upload", CLINIC | READERS | COORDINATOR),
    Door(at("sent"), "GET /clinic/referrals/{question}/upload/studies", CLINIC | READERS | COORDINATOR),
    Door(at("sent"), "POST /clinic/referrals/{question}/upload", CLINIC, {}),
    Door(things.parcel, "GET /api/v1/uploads/{upload}", CLINIC),
    Door(things.parcel, "GET /api/v1/uploads/{upload}/series", CLINIC),
    Door(things.parcel, "POST /api/v1/uploads/{upload}/files?name=a.pdf", CLINIC, things.LETTER),
    Door(things.parcel, "POST /api/v1/uploads/{upload}/manifest", CLINIC, {"files": [FILE]}),
    Door(things.parcel, "POST /api/v1/uploads/{upload}/finish", CLINIC),
    Door(things.parcel, "GET /api/v1/referrals/{question}/series", CLINIC | READERS),
    Door(S.nothing, "POST /api/v1/tus", ANY_CLINIC, None, things.TUS | {"Upload-Length": "10"}),
    Door(at("sent"), "POST /api/v1/referrals/{question}/tus", CLINIC, None, things.TUS | {"Upload-Length": "10"}),
    Door(things.parcel, "HEAD /api/v1/tus/{parcel}", CLINIC, None, things.TUS),
    Door(things.parcel, "PATCH /api/v1/tus/{parcel}", CLINIC, b"12345", things.PIECES | {"Upload-Offset": "0"}),
    Door(things.parcel, "DELETE /api/v1/tus/{parcel}", CLINIC, None, things.TUS),
    Door(things.letter, "GET /api/v1/referrals/{question}/documents/{letter}", CLINIC | READERS),
    # a study leaves
    Door(at("sent"), "GET /studies/{study}/share", CLINIC | READERS | COORDINATOR | CLINIC_OFFICE),
    Door(at("acknowledged"), "GET /studies/{study}/share", CLINIC | {"specialist"} | PATIENT | COORDINATOR | CLINIC_OFFICE),
    Door(S.pictures, "GET /studies/{study}/export.zip", CLINIC | READERS),
    Door(things.pictures_looked_at, "GET /studies/{study}/copy.zip?project=TEACHING", {"doctor"} | READERS),
    Door(S.pictures, "POST /studies/{study}/reviewed", {"doctor"} | READERS, {"seen": "yes"}),
    Door(at("sent"), "POST /studies/{study}/hold", COORDINATOR | CLINIC_OFFICE, {"reason": "Toà án"}),
    Door(at("sent"), "POST /studies/{study}/hold/lift", COORDINATOR | CLINIC_OFFICE),
    Door(at("sent"), "DELETE /dicomweb/studies/{uid}?reason=wrong_patient", COORDINATOR | CLINIC_OFFICE),
    # workstations
    Door(things.workitem, "GET /dicomweb/workitems", ANY_CLINIC | ANY_SPECIALIST | COORDINATOR),
    Door(things.workitem, "GET /dicomweb/workitems/{workitem}", CLINIC | READERS | COORDINATOR),
    Door(things.workitem, "PUT /dicomweb/workitems/{workitem}/state", READERS, state("IN PROGRESS")),
    Door(things.claimed_workitem, "PUT /dicomweb/workitems/{workitem}/state", {"specialist"}, state("CANCELED")),
    Door(things.claimed_workitem, "POST /dicomweb/workitems/{workitem}?transaction-uid={key}", {"specialist"}, PROGRESS),
    Door(things.workitem, "POST /dicomweb/workitems/{workitem}/cancelrequest", {"doctor"} | COORDINATOR),
    Door(things.workitem, "POST " + STATION, CLINIC | READERS | COORDINATOR),
    Door(things.subscription, "POST /dicomweb/workitems/{all}/subscribers/OTHER", ANY_CLINIC | ANY_SPECIALIST | COORDINATOR),
    Door(things.subscription, "DELETE /dicomweb/workitems/{workitem}/subscribers/STATION", {"specialist"}),
    Door(things.subscription, "POST /dicomweb/workitems/{all}/subscribers/STATION/suspend", {"specialist"}),
    Door(S.nothing, "GET /clinic/unfiled", ANY_CLINIC | COORDINATOR),
    Door(S.unfiled_study, "POST /clinic/unfiled/{study}", CLINIC | COORDINATOR, {"referral_id": "{question}"}),
    Door(S.held_study, "POST /clinic/referrals/{question}/studies/{study}/decision", CLINIC | COORDINATOR, DECIDED),
    # offices
    Door(S.nothing, "GET /clinic", ANY_CLINIC | ANY_SPECIALIST | COORDINATOR),
    Door(S.nothing, "GET /operations", COORDINATOR | ANY_OFFICE),
    Door(S.nothing, "GET /operations/calls", COORDINATOR | ANY_OFFICE),
    Door(S.nothing, "GET /operations/pipeline", COORDINATOR | ANY_OFFICE),
    Door(S.nothing, "GET /operations/pipeline/figures", COORDINATOR | ANY_OFFICE),
    Door(at("sent"), "POST /operations/pipeline/{study}/unpark", COORDINATOR),
    Door(at("sent"), "POST /operations/pipeline/{study}/again", COORDINATOR),
    Door(S.nothing, "GET /operations/nodes", ANY_OFFICE),
    Door(things.device, "POST /operations/nodes", CLINIC_OFFICE, DEVICE),
    Door(things.device, "POST /operations/nodes/{device}/off", CLINIC_OFFICE),
    Door(things.device, "POST /operations/nodes/{device}/on", CLINIC_OFFICE),
    Door(S.nothing, "GET /people", ANY_OFFICE),
    Door(S.colleague, "POST /people", CLINIC_OFFICE, COLLEAGUE | {"organisation_id": "{clinic}"}),
    Door(S.colleague, "POST /people/organisations", CLINIC_OFFICE, NEW_PLACE),
    Door(S.colleague, "POST /people/{colleague}/disable", CLINIC_OFFICE),
    Door(S.colleague, "POST /people/{far_colleague}/disable", HOSPITAL_OFFICE),
    Door(S.colleague, "POST /people/{colleague}/enable", CLINIC_OFFICE),
    Door(S.colleague, "POST /people/{colleague}/reset", CLINIC_OFFICE),
    Door(S.nothing, "GET /audit", ANY_OFFICE | AUDITOR),
    Door(S.nothing, "GET /audit.csv", ANY_OFFICE | AUDITOR),
    Door(S.nothing, "POST /audit/verify", AUDITOR),
    Door(S.nothing, "GET /access-log", PATIENTS),
]  # fmt: skip
