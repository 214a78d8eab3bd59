"""Three people and more in real Chromium pages, through a real Janus."""

import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from signaling import service as signaling
from signaling import tickets
from signaling.engines import local
from telehealth.core import clock
from telehealth.core.ids import new_id
from tests.browser.conftest import DESKTOP, LiveServer
from tests.browser.test_call import SCREEN_MOVES, enter, meet
from tests.conftest import missing
from tests.signaling.calls import visit_now
from tests.signaling.engines.servers import SECRET, running_janus

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("live_settings")]

FACES = """() => [...document.querySelectorAll(".call-tile video")].filter((video) =>
  video.videoWidth > 0 && video.currentTime > 0 && !video.paused).length"""


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Two Janus servers by their addresses."""
    if not local.EXECUTABLE.exists():
        missing("Janus")
    with running_janus(tmp_path / "a") as one, running_janus(tmp_path / "b") as two:
        yield dict([one, two])


@pytest.fixture
def live_settings(servers: dict[str, subprocess.Popen[bytes]]) -> dict[str, object]:
    return {"janus": {"urls": list(servers), "secret": SECRET}}


MOVING_TILES = """async () => {
  const videos = [...document.querySelectorAll(".call-tile video")];
  const before = videos.map((video) => video.currentTime);
  await new Promise((done) => setTimeout(done, 500));
  return videos.length === 2 && videos.every((video, index) => video.currentTime > before[index]);
}"""


async def sees(page: Page, faces: int) -> None:
    await page.wait_for_function(f"() => ({FACES})() === {faces}", timeout=30_000)


async def as_somebody_else(page: Page, server: LiveServer, name: str) -> None:
    """The page joins with a ticket of a colleague of its own name."""

    async def give_ticket(route: Route) -> None:
        answer = await route.fetch()
        body = await answer.json()
        now = clock.now()
        given = tickets.read(signaling.signing_key(), body["ticket"], now)
        other = replace(given, id=new_id(), account=new_id(), name=name, role="colleague")
        body["ticket"] = tickets.sign(signaling.signing_key(), other, now)
        await route.fulfill(response=answer, json=body)

    await page.route("**/join", give_ticket)


async def test_a_third_person_moves_the_visit_to_janus_and_a_killed_janus_moves_it_on(page_for, province, live_server, servers):
    hub = live_server.app.state.hub
    appointment = await visit_now(live_server.engine, province)
    patient, doctor = await meet(page_for, province, appointment)
    assert len(hub.media.pool.ready) == 2
    colleague = await page_for(province.specialist, DESKTOP)
    await as_somebody_else(colleague, live_server, "BS Trần Thị Mai")
    await enter(colleague, appointment.id)
    await doctor.get_by_role("button", name="Mời vào").click()
    people = (patient, doctor, colleague)
    for page in people:
        await sees(page, 2)
        await expect(page.locator(".call-tiles")).to_have_attribute("data-count", "2")
    (room,) = hub.rooms.values()
    assert (room.media, room.epoch) == ("engine", 1)

    await doctor.locator("#share-toggle").click()
    for page in (patient, colleague):
        await page.wait_for_function(SCREEN_MOVES, timeout=30_000)
        await sees(page, 2)
    await doctor.locator("#share-toggle").click()
    await expect(patient.locator("#screen")).to_be_hidden()
    await patient.locator("#share-toggle").click()
    await doctor.wait_for_function(SCREEN_MOVES, timeout=30_000)

    first = hub.media.engines[room.id]
    servers[first.wire.url].kill()
    for _ in range(100):
        if room.epoch == 2:
            break
        await asyncio.sleep(0.05)
    assert hub.media.engines[room.id] is not first
    for page in people:
        await page.wait_for_function(MOVING_TILES, timeout=30_000)
        await expect(page.locator("#line-words")).to_have_attribute("data-kind", "ok", timeout=20_000)
