"""The role matrix through its doors: JSON and pages. Each line names who comes in; everybody else is refused.

A refusal is 403, or 404 where the thing must not be known, or 409 for a colleague who may do this but does not hold the
question. It says nothing about the thing and changes nothing but the log.
"""

from dataclasses import dataclass
from typing import Any

import pytest
from httpx2 import Response

from tests.house.roles.scene import QUESTION, Maker, Scene, Thing, at, filled

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # the rule asks no database; lists do

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
    """address: "METHOD /path", names in braces come from the thing; a body goes to /api as JSON, to a page as a form."""

    thing: Maker
    address: str
    welcome: set[str]
    body: dict[str, Any] | None = None

    async def knock(self, scene: Scene, name: str, thing: Thing) -> Response:
        method, path = filled(self.address, thing).split(" ", 1)
        said = {} if self.body is None else {"json" if "/api/" in path else "data": filled(self.body, thing)}
        return await scene.clients[name].request(method, path, **said)


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
S = Scene


async def call(scene: Scene) -> Thing:
    """A visit whose room is open."""
    return await scene.visit(now=True)


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
    # a specialist's hours
    Door(S.nothing, "GET /calendar", ANY_SPECIALIST),
    Door(S.nothing, "POST /calendar/hours", ANY_SPECIALIST, {"weekday": "6", "start": "18:00", "end": "19:00"}),
    Door(S.hours, "POST /calendar/hours/{hours}/remove", {"specialist"} | COORDINATOR | HOSPITAL_OFFICE),
    Door(S.nothing, "POST /calendar/away", ANY_SPECIALIST, {"first": "2030-01-01", "last": "2030-01-02"}),
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
    Door(S.nothing, "GET /clinic/unfiled", ANY_CLINIC | COORDINATOR),
    Door(S.unfiled_study, "POST /clinic/unfiled/{study}", CLINIC | COORDINATOR, {"referral_id": "{question}"}),
    Door(S.held_study, "POST /clinic/referrals/{question}/studies/{study}/decision", CLINIC | COORDINATOR, DECIDED),
    # offices
    Door(S.nothing, "GET /clinic", ANY_CLINIC | ANY_SPECIALIST | COORDINATOR),
    Door(S.nothing, "GET /operations", COORDINATOR | ANY_OFFICE),
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


def name_of(door: Door) -> str:
    return f"{door.address} with {door.thing.__name__}"


@pytest.mark.parametrize("door", DOORS, ids=name_of)
async def test_a_door_lets_in_whom_the_matrix_names(scene: Scene, door: Door):
    answers = {}
    for name in sorted(door.welcome):
        answer = await door.knock(scene, name, await door.thing(scene))
        answers[name] = answer.status_code if answer.status_code < 400 else (answer.status_code, answer.text[:300])
    assert {name: said for name, said in answers.items() if not isinstance(said, int)} == {}


@pytest.mark.parametrize("door", DOORS, ids=name_of)
async def test_it_refuses_everybody_else_and_nothing_comes_of_it(scene: Scene, door: Door):
    thing = await door.thing(scene)
    before = await scene.picture()
    strangers = scene.accounts.keys() - door.welcome
    answers = {name: await door.knock(scene, name, thing) for name in sorted(strangers)}
    statuses = {name: answer.status_code for name, answer in answers.items()}
    refusals = {name: (403, 404, 409) if name in READERS else (403, 404) for name in strangers}
    assert {name: status for name, status in statuses.items() if status not in refusals[name]} == {}
    secrets = (QUESTION, thing.get("code", QUESTION))
    told = {name for name, answer in answers.items() if any(secret in answer.text for secret in secrets)}
    assert told <= CLINIC | READERS | COORDINATOR  # who may see the question is shown it again beside the refusal
    assert await scene.picture() == before
