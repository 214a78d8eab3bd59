"""The role matrix in lists and searches: what is not yours is not in them, not even as a number.

These are conditions in SQL, so they are asked on both databases.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.house.roles import things
from tests.house.roles.doors import ANY_OFFICE, CLINIC, COORDINATOR, HOSPITAL_OFFICE, PATIENT, READERS, VISITS
from tests.house.roles.scene import Maker, Scene, Thing, at, filled

S = Scene


@dataclass(frozen=True)
class List:
    """address: as of a Door. line: what shows that the thing is listed. sees: in whose list it is."""

    thing: Maker
    address: str
    line: str
    sees: set[str]
    body: dict[str, Any] | None = None


async def audited_here(scene: Scene) -> Thing:
    """A question of the clinic's doctor, which the log tells of."""
    return await scene.question("draft") | {"doer": family_name(scene, "doctor")}


async def looked_at(scene: Scene) -> Thing:
    """The patient's study, opened by the specialist."""
    thing = await scene.question("sent")
    assert (await scene.clients["specialist"].get(f"/studies/{thing['study']}")).status_code == 200
    return thing | {"reader": family_name(scene, "specialist")}


def family_name(scene: Scene, name: str) -> str:
    """All but the given name, which pages set in bold."""
    return scene.accounts[name].full_name.rsplit(" ", 1)[0]


LISTS = [
    List(S.person, "POST /api/v1/patients/search", "{person}", CLINIC | COORDINATOR, {"text": "{number}"}),
    List(S.nothing, "GET /api/v1/patients/own", "{patient}", PATIENT),
    List(S.visit, "GET /api/v1/appointments", "{visit}", VISITS),
    List(S.visit, "GET /visits", "{visit}", VISITS),
    List(at("sent"), "GET /api/v1/referrals?view=clinic", "{question}", CLINIC),
    List(at("sent"), "GET /api/v1/referrals?view=pool", "{question}", READERS),
    List(at("held"), "GET /api/v1/referrals?view=mine", "{question}", {"specialist"}),
    List(at("sent"), "GET /clinic", "{code}", CLINIC),
    List(at("sent"), "GET /worklist", "{code}", READERS),
    List(at("sent"), "GET /operations?show=unassigned", "{code}", COORDINATOR),
    List(S.unfiled_study, "GET /clinic/unfiled", "/clinic/unfiled/{study}", CLINIC | COORDINATOR),
    List(S.set_aside, "GET /clinic/unfiled", "{image}", CLINIC | COORDINATOR),
    List(at("draft"), "GET /dicomweb/studies?StudyInstanceUID={uid}", "{uid}", CLINIC),
    List(at("sent"), "GET /dicomweb/studies?StudyInstanceUID={uid}", "{uid}", CLINIC | READERS),
    List(at("sent"), "GET /dicomweb/series?SeriesInstanceUID={series}", "{series}", CLINIC | READERS),
    List(at("sent"), "GET /dicomweb/instances?SOPInstanceUID={image}", "{image}", CLINIC | READERS),
    List(at("answered"), "GET /dicomweb/studies?StudyInstanceUID={uid}", "{uid}", CLINIC | {"specialist"}),
    List(at("acknowledged"), "GET /dicomweb/studies?StudyInstanceUID={uid}", "{uid}", CLINIC | {"specialist"} | PATIENT),
    List(S.held_study, "GET /dicomweb/studies?StudyInstanceUID={uid}", "{uid}", CLINIC),
    List(things.workitem, "GET /dicomweb/workitems?AccessionNumber={code}", "{workitem}", CLINIC | READERS | COORDINATOR),
    List(things.device, "GET /operations/nodes", "{device}", {"administrator", "clinic_administrator"}),
    List(S.colleague, "GET /people", "{colleague}", {"administrator", "clinic_administrator"}),
    List(S.colleague, "GET /people", "{far_colleague}", HOSPITAL_OFFICE),
    List(audited_here, "GET /audit?about={question}", "{doer}", {"administrator", "clinic_administrator", "auditor"}),
    List(audited_here, "GET /audit.csv?about={question}", "{doer}", {"administrator", "clinic_administrator", "auditor"}),
    List(looked_at, "GET /access-log", "{reader}", PATIENT),
]


@pytest.mark.parametrize("list_", LISTS, ids=lambda one: f"{one.address} of {one.thing.__name__} shows {one.line}")
async def test_a_thing_is_in_the_lists_of_those_whom_the_matrix_names(scene: Scene, list_: List):
    await scene.put_away()
    thing = await list_.thing(scene)
    method, path = filled(list_.address, thing).split(" ", 1)
    line, seen, wrong = filled(list_.line, thing), set(), {}
    for name, client in scene.clients.items():
        answer = await client.request(method, path, json=filled(list_.body, thing) if list_.body else None)
        if answer.status_code < 300 and line in answer.text:
            seen.add(name)
        elif answer.status_code not in (200, 204, 403, 404):
            wrong[name] = answer.status_code
    assert (seen, wrong) == (list_.sees, {})


async def test_an_office_sees_numbers_without_the_cases_behind_them(scene: Scene):
    """Administrators see no clinical content by office."""
    thing = await scene.question("sent")
    for name in ANY_OFFICE:
        shown = (await scene.clients[name].get("/operations?show=unassigned")).text
        assert not any(secret in shown for secret in (thing["code"], scene.province.patient.full_name)), name
