"""A radiograph over a narrow line: seen coarse at once, sharp when its last byte is here."""

import pytest
from sqlmodel import select

from imaging.dicom.synthetic import PatientFacts, radiograph
from imaging.representations import service
from imaging.store.models import Study
from telehealth.core.blobs import blobs
from telehealth.core.db import session_scope
from tests.browser.test_viewer import BRIGHT, referred, shown

pytestmark = pytest.mark.browser
NARROW = 6_000_000 / 8
"""Bytes a second: slow enough to see the levels, quick enough for a test."""
PICTURE = """() => { const c = document.querySelector('canvas.cornerstone-canvas'); const p = c.getContext('2d')
  .getImageData(0, 0, c.width, c.height).data; let n = 0;
  for (let i = 0; i < p.length; i += 4) n = (n * 31 + p[i]) >>> 0; return n; }"""


async def test_a_radiograph_is_seen_long_before_its_last_byte_and_is_sharp_after_it(live_server, page_for, province):
    engine = live_server.engine
    facts = PatientFacts(name=province.patient.full_name, patient_id="TEST-1")
    referral = await referred(engine, province, radiograph(facts, size=2048))
    async with session_scope(engine) as session:
        study_id = (await session.exec(select(Study.id))).one()
    await service.represent(engine, blobs(), study_id)

    page = await page_for(province.specialist)
    wire = await page.context.new_cdp_session(page)
    await wire.send("Network.enable")
    narrow = {"offline": False, "latency": 50, "downloadThroughput": NARROW, "uploadThroughput": NARROW}
    await wire.send("Network.emulateNetworkConditions", narrow)
    frames, finished = {}, {}
    wire.on(
        "Network.responseReceived",
        lambda told: frames.update({told["requestId"]: told["response"]}) if "/frames/" in told["response"]["url"] else None,
    )
    wire.on("Network.loadingFinished", lambda told: finished.update({told["requestId"]: told["encodedDataLength"]}))
    await page.goto(f"/reading/{referral.id}")
    await shown(page)
    early, coarse = dict(finished), await page.evaluate(PICTURE)
    (frame,) = frames
    assert "image/jphc" in frames[frame]["headers"]["content-type"]
    assert frame not in early, "it was seen only when it was here"

    while frame not in finished:
        await page.wait_for_timeout(50)
    assert finished[frame] < 2048 * 2048 * 2 / 2
    await page.wait_for_function(f"before => ({PICTURE})() !== before", arg=coarse)
    await page.wait_for_function(f"() => ({BRIGHT})() > 1000")
    assert list(frames) == [frame], "one request brings all levels"
