"""The role matrix where a workstation asks in somebody's name: a number is confirmed to nobody but the clinic that knows it."""

from typing import Any

import pytest
from httpx2 import Response

from tests.house.roles.doors import ANY_CLINIC, ANY_OFFICE, ANY_SPECIALIST, AUDITOR, PATIENTS
from tests.house.roles.scene import Scene

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
MAY_NOT_ASK = PATIENTS | ANY_OFFICE | AUDITOR
MAY_ASK_ELSEWHERE = (ANY_CLINIC | ANY_SPECIALIST) - {"doctor", "technician"}
UNKNOWN = "024059999999"


async def ask(scene: Scene, name: str, number: str) -> Response:
    """A question as a new workitem."""
    place = {"00080100": {"vr": "SH", "Value": [scene.province.hospital.code]}}
    asked: dict[str, dict[str, Any]] = {
        "00100020": {"vr": "LO", "Value": [number]},
        "00400400": {"vr": "LT", "Value": ["Có u phổi không?"]},
        "00404027": {"vr": "SQ", "Value": [place]},
    }
    return await scene.clients[name].post("/dicomweb/workitems?consent=true", json=[asked])


async def test_a_doctor_asks_for_a_person_of_the_own_clinic(scene: Scene):
    thing = await scene.person()
    assert (await ask(scene, "doctor", thing["number"])).status_code == 201


async def test_nobody_else_learns_whether_a_number_is_known(scene: Scene):
    thing = await scene.person()
    before = await scene.picture()
    answers = {
        name: [await ask(scene, name, number) for number in (thing["number"], UNKNOWN)]
        for name in MAY_NOT_ASK | MAY_ASK_ELSEWHERE
    }
    told = {name: (known.text, unknown.text) for name, (known, unknown) in answers.items() if known.text != unknown.text}
    assert told == {}
    assert {known.status_code for name, (known, _) in answers.items() if name in MAY_NOT_ASK} == {403}
    assert {known.status_code for name, (known, _) in answers.items() if name in MAY_ASK_ELSEWHERE} == {422}
    assert await scene.picture() == before
