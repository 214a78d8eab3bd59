"""Every DICOM file that pydicom ships goes through the upload page: each gets an answer, each study an end, in plain words."""

import re
import shutil
from pathlib import Path

import pytest
from playwright.async_api import expect
from sqlmodel import col, select

from imaging.intake.models import FileVerdict, UploadFile
from imaging.pipeline import service
from imaging.pipeline.process import process
from imaging.store.models import Instance, Study
from telehealth.core.blobs import blobs
from telehealth.core.db import session_scope
from tests.dicom_samples import shipped

pytestmark = pytest.mark.browser
ENDS = {"available", "held", "rejected"}
ALL_SENT = re.compile("không được nhận|Đã có đủ")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All of them in one folder, under names of their own; two that are the same bytes are one."""
    disc = tmp_path / "CD"
    disc.mkdir()
    for number, path in enumerate({path.read_bytes(): path for path in shipped()}.values()):
        shutil.copy(path, disc / f"{number:03}-{path.name}")
    return disc


async def test_every_file_is_answered_and_every_study_comes_to_an_end_that_the_page_explains(
    page_for, engine, province, referral, folder
):
    names = sorted(path.name for path in folder.iterdir())
    page = await page_for(province.technician)
    await page.goto(f"/clinic/referrals/{referral.id}/upload")
    await page.set_input_files("#folder", folder)
    await expect(page.locator("#news")).to_contain_text(ALL_SENT, timeout=90_000)

    async with session_scope(engine) as session:
        files = {Path(file.name).name: file for file in await session.exec(select(UploadFile))}
        stored = {one.id: one for one in await session.exec(select(Instance))}
    assert sorted(files) == names
    unanswered = {name: file.verdict for name, file in files.items() if file.verdict == FileVerdict.WAITING}
    assert unanswered == {}
    without_reason = [
        name
        for name, file in files.items()
        if file.verdict not in (FileVerdict.STORED, FileVerdict.DUPLICATE) and not file.reason
    ]
    assert without_reason == []
    assert sum(file.verdict == FileVerdict.STORED for file in files.values()) > len(names) // 2
    for one in stored.values():
        kept = await blobs().read(one.blob_key)
        assert one.preamble_cleared or any((folder / name).read_bytes() == kept for name in names), one.sop_uid

    await page.reload()
    said = await page.locator("#answers").inner_text()
    assert not [name for name, file in files.items() if file.verdict == FileVerdict.REFUSED and name not in said]

    async with session_scope(engine) as session:
        ids = (await session.exec(select(Study.id))).all()
        for study_id in ids:
            await service.settle(session, study_id)
    for study_id in ids:
        await process(engine, blobs(), study_id)
    async with session_scope(engine) as session:
        states = set((await session.exec(select(Study.state).where(col(Study.id).in_(ids)))).all())
    assert states <= ENDS
    await page.reload()
    cards = page.locator("#studies section")
    assert await cards.count() >= len(ids)
    for held in await page.locator("#studies section", has_text="Đang chờ quyết định").all():
        words = await held.inner_text()
        assert "Tệp ghi tên người bệnh khác" in words or "Không có ảnh nào" in words, words
