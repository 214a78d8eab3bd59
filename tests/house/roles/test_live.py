"""The role matrix at the streams that tell pages when to look again."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.house.roles.doors import ANY_OFFICE, CLINIC, COORDINATOR, READERS
from tests.house.roles.scene import Scene, Thing
from tests.signaling.calls import served

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
async def host(scene: Scene) -> AsyncIterator[str]:
    async with served(scene.app) as address:
        yield address


async def listeners(scene: Scene, host: str, path: str) -> tuple[set[str], set[int]]:
    """(who hears the stream, how the others are refused)."""
    hears, refused = set(), set()
    async with httpx2.AsyncClient(base_url=f"http://{host}") as client:
        for name, known in scene.clients.items():
            headers = {"Authorization": known.headers["authorization"]}
            async with client.stream("GET", path, headers=headers) as answer:
                if answer.headers["content-type"].startswith("text/event-stream"):
                    hears.add(name)
                else:
                    refused.add(answer.status_code)
    return hears, refused


async def test_a_questions_stream_is_for_those_who_may_see_it(scene: Scene, host: str):
    thing: Thing = await scene.question("sent")
    hears, refused = await listeners(scene, host, f"/live/referrals/{thing['question']}")
    assert (hears, refused <= {403, 404}) == (CLINIC | READERS | COORDINATOR, True)


async def test_the_pipelines_stream_is_for_whoever_sees_operations(scene: Scene, host: str):
    assert await listeners(scene, host, "/live/pipeline") == (COORDINATOR | ANY_OFFICE, {403})
