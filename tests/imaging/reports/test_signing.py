"""A signed report never changes, and a changed one shows."""

import asyncio
import subprocess
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import select, text

from imaging.reports import documents, service
from imaging.reports.models import Report, ReportDocument, ReportVersion
from imaging.reports.schemas import SignedContext
from imaging.store.models import Study
from telehealth.core.actor import Actor
from telehealth.core.db import fetch, session_scope
from telehealth.core.errors import Conflict
from telehealth.identity.access import Scope
from telehealth.identity.sessions import describe
from tests.telehealth.referrals.loop import answered, ask, write

CONTEXT = SignedContext(
    referral_code="HC-1", question="?", history="", priority="routine", clinic="A", reading_unit="B", zone="Asia/Ho_Chi_Minh"
)


async def test_of_fifty_signatures_at_once_one_is_made(engine, province, sign_in):
    referral = await ask(await sign_in(province.doctor), province)
    reader = await sign_in(province.specialist)
    await reader.post(f"/api/v1/referrals/{referral['id']}/claim")
    report_id = UUID((await write(reader, referral)).json()["id"])
    async with session_scope(engine) as session:
        actor = await describe(session, province.specialist)

    async def sign(actor: Actor) -> bool:
        try:
            async with session_scope(engine) as session:
                await service.sign(session, actor, report_id, CONTEXT, Scope(accounts=frozenset({province.specialist.id})))
        except Conflict:
            return False
        return True

    assert sum(await asyncio.gather(*(sign(actor) for _ in range(50)))) == 1
    async with session_scope(engine) as session:
        assert len((await session.exec(select(ReportVersion))).all()) == 1
        assert (await fetch(session, Report, report_id)).signed_version == 1


async def test_the_database_refuses_to_change_a_signed_version(engine, province, sign_in):
    await answered(sign_in, province)
    for statement in ("UPDATE report_version SET content = ''", "DELETE FROM report_version"):
        with pytest.raises(DBAPIError, match="append-only"):
            async with session_scope(engine) as session:
                await session.exec(text(statement))


async def test_a_changed_byte_signer_or_time_breaks_the_seal(engine, province, sign_in):
    referral = await answered(sign_in, province)
    async with session_scope(engine) as session:
        version = await fetch(session, ReportVersion, referral["version_id"])
        session.expunge(version)
    assert service.verify(version)
    whole, at = version.content, version.signed_at
    version.content = whole.replace("phải", "trái")
    assert not service.verify(version)
    version.content, version.signed_by = whole, province.other_specialist.id
    assert not service.verify(version)
    version.signed_by, version.signed_at = province.specialist.id, at.replace(year=2020)
    assert not service.verify(version)


async def test_the_page_says_so_when_the_text_is_not_what_was_signed(engine, province, sign_in):
    referral = await answered(sign_in, province)
    doctor = await sign_in(province.doctor)
    page = f"/reports/{referral['report_id']}"
    assert "Nguyên vẹn" in (await doctor.get(page)).text
    async with session_scope(engine) as session:  # somebody with the database's own password
        if engine.dialect.name == "postgresql":
            await session.exec(text("ALTER TABLE report_version DISABLE TRIGGER USER"))
        else:
            await session.exec(text("DROP TRIGGER report_version_no_update"))
        await session.exec(text("UPDATE report_version SET content = replace(content, 'phải', 'trái')"))
    assert "Chữ ký không còn nguyên vẹn" in (await doctor.get(page)).text


async def test_the_pdf_can_be_read_and_searched_in_vietnamese(province, sign_in, tmp_path):
    referral = await answered(sign_in, province)
    answer = await (await sign_in(province.doctor)).get(f"/reports/{referral['report_id']}.pdf")
    assert answer.headers["content-type"] == "application/pdf"
    path = tmp_path / "report.pdf"
    path.write_bytes(answer.content)
    words = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True).stdout
    for expected in (
        "Nguyễn Thị Hoà",
        "Xuất huyết não thuỳ trán phải.",
        "Phát hiện nguy cấp",
        "Lê Quang Minh",
        "GMT+7",
        "Trang 1/1",
    ):
        assert expected in words


async def test_a_document_whose_message_was_lost_is_asked_for_again(engine, province, sign_in):
    referral = await answered(sign_in, province)

    async def asked_for() -> list[str]:
        async with session_scope(engine) as session:
            await documents.ask_for_missing(session)
            return [ids["version_id"] for _job, ids in session.info.get("jobs", [])]

    assert await asked_for() == [referral["version_id"]]
    async with session_scope(engine) as session:
        made = {"blob_key": "k", "sha256": "0", "size": 1}
        session.add(ReportDocument(version_id=UUID(referral["version_id"]), kind="pdf", **made))
    assert await asked_for() == []  # without images there is no SR to make
    async with session_scope(engine) as session:
        session.add(Study(uid="1.2.3", organisation_id=province.clinic.id, referral_id=UUID(referral["id"]), instance_count=1))
    assert await asked_for() == [referral["version_id"]]
