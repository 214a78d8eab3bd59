"""The role matrix through its doors. Whom the table names comes in; everybody else is refused.

A refusal is 403, or 404 where the thing must not be known, or 409 for a colleague who may do this but does not hold the
question. It says nothing about the thing and changes nothing but the log.
"""

import pytest

from tests.house.roles.doors import CLINIC, COORDINATOR, DOORS, READERS, Door
from tests.house.roles.scene import QUESTION, Scene

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # the rule asks no database; lists do


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


async def test_a_code_shown_at_the_pages_of_offices_is_not_taken_from_others(scene: Scene):
    """It would open changes for some minutes, and its guesses would be counted, at a page that is not theirs."""
    thing = await scene.question("written")
    for page in ("/people/unlock", "/operations/nodes/unlock"):
        assert (await scene.clients["specialist"].post(page, data={"otp": thing["otp"]})).status_code == 403
    signed = await scene.clients["specialist"].post(f"/api/v1/referrals/{thing['question']}/sign", json={"otp": thing["otp"]})
    assert signed.status_code == 200  # the code was not used up


async def test_nobody_but_its_two_parties_checks_the_line_of_a_visit(scene: Scene):
    thing = await scene.visit(now=True)
    path = f"/api/v1/visits/{thing['visit']}/line-check"
    statuses = {name: (await client.post(path, json={"sdp": "v=0"})).status_code for name, client in scene.clients.items()}
    assert {name for name, status in statuses.items() if status not in (403, 404)} == {"patient_account", "specialist"}
