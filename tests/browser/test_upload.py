"""A nurse drops a CD folder, the line breaks, the page is reloaded; the specialist already reads; nothing is sent twice."""

import asyncio
import gzip
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from PIL import Image
from playwright.async_api import Page, expect
from sqlmodel import select

from imaging.dicom.synthetic import ct_volume
from imaging.intake.segments import Tail
from imaging.pipeline.process import process
from imaging.store.models import Instance, Study
from telehealth.core.blobs import blobs
from telehealth.core.db import session_scope
from tests.bad_line import bad_line
from tests.browser.conftest import PHONE
from tests.imaging.pipeline.conftest import PATIENT

pytestmark = pytest.mark.browser
SLICES = 24
ORIENTATION = 0x0112


def disc(folder: Path) -> list[bytes]:
    """A CD's content: a planning image, a series, and what comes along. Returns the images."""
    images = ct_volume(PATIENT, slices=SLICES, size=128)
    scout = pydicom.dcmread(BytesIO(images[0]))
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    scout.SeriesInstanceUID += ".1"
    scout.SOPInstanceUID += ".1"
    scout.file_meta.MediaStorageSOPInstanceUID = scout.SOPInstanceUID
    scout.SeriesNumber, scout.SeriesDescription = 9, "Scout"
    out = BytesIO()
    scout.save_as(out)
    (folder / "DICOM" / "S1").mkdir(parents=True)
    for index, content in enumerate([*images, out.getvalue()]):
        (folder / "DICOM" / "S1" / f"IM{index:04}").write_bytes(content)
    (folder / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + bytes(64))
    (folder / "viewer.exe").write_bytes(b"MZ" + bytes(400_000))
    return [*images, out.getvalue()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "CD").mkdir()
    return tmp_path / "CD"


async def here(engine) -> list[Instance]:
    async with session_scope(engine) as session:
        return list((await session.exec(select(Instance).order_by(Instance.received_at))).all())


async def choose(page: Page, folder: Path) -> None:
    await page.set_input_files("#folder", folder)


@pytest.fixture
def taken(monkeypatch) -> list[int]:
    """Sizes of the pieces of files that the server took, those that came twice too."""
    sizes: list[int] = []
    write = Tail.write

    async def counting(tail: Tail, chunk: bytes) -> None:
        sizes.append(len(chunk))
        await write(tail, chunk)

    monkeypatch.setattr(Tail, "write", counting)
    return sizes


async def test_a_folder_arrives_over_a_line_that_breaks_and_a_reload(
    page_for, live_server, engine, province, referral, folder, taken
):
    images = disc(folder)
    total = sum(map(len, images))
    async with bad_line(live_server.address, rate=150_000, cut_after=total // 10, most_cuts=3) as line:
        page = await page_for(province.technician)
        await page.goto(f"{line.address}/clinic/referrals/{referral.id}/upload")
        await choose(page, folder)
        await expect(page.locator(".series-row")).to_have_count(2)
        await expect(page.locator("#news")).to_contain_text("Đang gửi", timeout=20_000)
        while len(await here(engine)) < SLICES // 3:
            await asyncio.sleep(0.05)

        study = await only_study(engine)
        await process(engine, blobs(), study.id)
        study = await only_study(engine)
        assert (study.state, study.expected_instances) == ("available", SLICES + 1)  # read while the rest still comes

        page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
        await page.reload()
        await expect(page.locator("#go-on")).to_be_visible()
        await choose(page, folder)
        await expect(page.locator("#news")).to_contain_text(f"Đã có đủ {SLICES + 1} tệp", timeout=30_000)
        assert line.cuts == 3
        assert sum(taken) <= 1.05 * sum(
            len(gzip.compress(image, 6)) for image in images
        )  # packed for the line, hardly anything twice
    stored = await here(engine)
    assert sorted([await blobs().read(one.blob_key) for one in stored]) == sorted(images)
    scouts = [one for one in stored[:3] if one.sop_uid.endswith(".1")]
    assert len(scouts) == 1  # among the first three, which leave together
    assert await page.locator("#answers", has_text="viewer.exe").count() == 1


async def only_study(engine) -> Study:
    async with session_scope(engine) as session:
        return (await session.exec(select(Study))).one()


async def test_what_is_here_is_not_sent_and_the_page_says_so(page_for, live_server, engine, province, referral, folder):
    [image] = ct_volume(PATIENT, slices=1, size=128)
    (folder / "a.dcm").write_bytes(image)
    for words in ("Đã có đủ 1 tệp", "Đã có sẵn: phải gửi 0 trên 1 tệp"):
        page = await page_for(province.technician, PHONE)
        await page.goto(f"/clinic/referrals/{referral.id}/upload")
        await page.set_input_files("#files", folder / "a.dcm")
        await expect(page.locator("#news")).to_contain_text(words, timeout=20_000)
        await expect(page.locator(".series-row .status.ok")).to_have_count(1)
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        await page.context.close()


async def test_sending_can_be_paused_and_goes_on(page_for, live_server, engine, province, referral, folder):
    images = disc(folder)
    async with bad_line(live_server.address, rate=40_000) as line:
        page = await page_for(province.technician)
        await page.goto(f"{line.address}/clinic/referrals/{referral.id}/upload")
        await choose(page, folder)
        await expect(page.locator("#pause")).to_be_visible()
        await page.click("#pause")
        await expect(page.locator("#news")).to_contain_text("Đã tạm dừng")
        assert len(await here(engine)) < len(images)
        line.rate = 0
        await page.click("#pause")
        await expect(page.locator("#news")).to_contain_text(f"Đã có đủ {len(images)} tệp", timeout=20_000)


async def test_a_photograph_taken_by_phone_is_an_image_of_the_question(page_for, live_server, engine, province, referral, folder):
    sideways = Image.Exif()
    sideways[ORIENTATION] = 6  # the phone was held upright
    Image.new("RGB", (80, 40), "white").save(folder / "phim.png", exif=sideways)
    (folder / "thư.pdf").write_bytes(b"%PDF-1.7 " + bytes(200))
    page = await page_for(province.technician, PHONE)
    await page.goto(f"/clinic/referrals/{referral.id}/upload")
    await page.set_input_files("#photo", folder / "phim.png")
    await expect(page.locator("#news")).to_contain_text("Đã có đủ 1 tệp", timeout=20_000)
    await page.set_input_files("#files", folder / "thư.pdf")
    await expect(page.locator("#news")).to_contain_text("Đã có đủ 2 tệp", timeout=20_000)
    study = await only_study(engine)
    [photo] = [pydicom.dcmread(BytesIO(await blobs().read(one.blob_key))) for one in await here(engine)]
    assert (photo.Rows, photo.Columns, study.modalities, study.patient_id) == (80, 40, "OT", province.patient.id)
    await page.reload()
    await expect(page.locator(".documents")).to_contain_text("thư.pdf")
