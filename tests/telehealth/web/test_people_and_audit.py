"""Pages of administrator, auditor and of a patient who wants to know who looked."""

import json
from datetime import timedelta

from sqlmodel import select, update

from telehealth.core import audit, clock
from telehealth.core.db import session_scope
from telehealth.identity import second_factor
from telehealth.identity.models import Account, LoginSession
from telehealth.identity.sessions import describe
from telehealth.notifications import service, tasks
from telehealth.notifications.models import Channel
from tests.telehealth.core.test_audit import tamper


async def test_an_administrator_adds_resets_and_disables(sign_in, province, engine):
    client = await sign_in(province.administrator)
    form = {
        "full_name": "Lý Văn Mới",
        "email": "moi@example.test",
        "role": "technician",
        "organisation_id": str(province.clinic.id),
    }
    added = await client.post("/people", data=form)
    assert added.status_code == 201
    assert "data:image/svg+xml" in added.text
    assert (await client.post("/people", data=form)).status_code == 409
    async with session_scope(engine) as session:
        account = (await session.exec(select(Account).where(Account.email == "moi@example.test"))).one()
    assert (await client.post(f"/people/{account.id}/reset")).status_code == 200
    assert (await client.post(f"/people/{account.id}/disable")).status_code == 303
    async with session_scope(engine) as session:
        assert not (await session.get(Account, account.id)).active
    assert "moi@example.test" in (await client.get("/people")).text


async def test_a_form_with_mistakes_keeps_its_text(sign_in, province):
    client = await sign_in(province.administrator)
    answer = await client.post("/people", data={"full_name": "Lý Văn Mới", "email": "not-an-address", "role": "technician"})
    assert answer.status_code == 422
    assert 'value="Lý Văn Mới"' in answer.text


async def test_an_administrator_adds_a_place(sign_in, province):
    client = await sign_in(province.administrator)
    form = {"name": "Trạm Y tế xã Tân Mộc", "code": "24135", "kind": "commune_station", "parent_id": str(province.clinic.id)}
    assert (await client.post("/people/organisations", data=form)).status_code == 303
    assert (await client.post("/people/organisations", data=form)).status_code == 409
    assert "Trạm Y tế xã Tân Mộc" in (await client.get("/people")).text


async def looked(engine, province, times=3):
    async with session_scope(engine) as session:
        doctor = await describe(session, province.doctor)
        for _ in range(times):
            audit.record(session, doctor, "study.read", "s-1", patient_id=province.patient.id, purpose="r-1")


async def test_a_patient_sees_who_looked(sign_in, province, engine):
    await looked(engine, province)
    page = (await (await sign_in(province.patient_account)).get("/access-log")).text
    assert "Trung tâm Y tế khu vực Lục Ngạn" in page
    assert "đã xem hình ảnh của bạn" in page
    other = (await (await sign_in(province.other_patient_account)).get("/access-log")).text
    assert "Lục Ngạn" not in other


async def test_the_auditor_filters_exports_and_checks(sign_in, province, engine):
    await looked(engine, province)
    client = await sign_in(province.auditor)
    assert "study.read" in (await client.get("/audit", params={"act": "study"})).text
    assert "<code>study.read</code>" not in (await client.get("/audit", params={"who": "Nobody"})).text
    table = await client.get("/audit.csv", params={"about": "s-1"})
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert table.text.count("study.read") == 3
    assert "nguyên vẹn" in (await client.post("/audit/verify")).text
    await tamper(engine, "UPDATE audit_entry SET actor_name = 'x' WHERE seq = 2")
    assert "nguyên vẹn" not in (await client.post("/audit/verify")).text


async def test_reading_the_log_is_in_the_log(sign_in, province, engine):
    await (await sign_in(province.auditor)).get("/audit")
    async with session_scope(engine) as session:
        acts = (await session.exec(select(audit.AuditEntry.act, audit.AuditEntry.actor_id))).all()
    assert acts == [("audit.read", province.auditor.id)]


async def test_cells_of_the_export_are_no_formulas(sign_in, province, engine):
    async with session_scope(engine) as session:
        account = await session.get(Account, province.doctor.id)
        account.full_name = "=HYPERLINK(1)"
        session.add(account)
        audit.record(session, await describe(session, account), "study.read", "s-1")
    table = (await (await sign_in(province.auditor)).get("/audit.csv")).text
    assert '"\'=HYPERLINK(1)"' in table


async def test_a_local_administrator_reads_about_the_own_people_only(sign_in, province, engine):
    await looked(engine, province)
    async with session_scope(engine) as session:
        audit.record(session, await describe(session, province.specialist), "report.signed", "x-1")
        from tests import factories

        local = await factories.make_staff(session, "Quản Trị", "administrator", province.clinic)
    page = (await (await sign_in(local)).get("/audit")).text
    assert ("study.read</code>" in page, "x-1" in page) == (True, False)


async def test_the_demo_page_tells_how_to_come_in(client, engine, config, province):
    sign_ins = [{"role": "specialist", "name": "Lê Quang Minh", "login": province.specialist.email, "password": "p-1"}]
    path = config.data / "demo-sign-ins.json"
    path.write_text(json.dumps(sign_ins))
    try:
        async with session_scope(engine) as session:
            notice = await service.notify(
                session, template="appointment_booked", channel=Channel.SMS, address="+84912345678", facts={"time": "09:25"}
            )
        await tasks.deliver(engine, config, notice.id)
        facts = (await client.get("/demo/messages", headers={"Accept": "application/json"})).json()
        page = await client.get("/demo/messages")
    finally:
        path.unlink()
    assert (facts["messages"][0]["state"], len(facts["sign_ins"][0]["otp"])) == ("sent", 6)
    assert page.status_code == 200
    assert "p-1" in page.text


async def test_people_are_changed_only_after_a_code_was_just_shown(sign_in, province, engine):
    client = await sign_in(province.administrator)
    async with session_scope(engine) as session:
        await session.exec(update(LoginSession).values(second_factor_at=clock.now() - timedelta(minutes=10)))
    assert f"/people/{province.doctor.id}/disable" not in (await client.get("/people")).text
    refused = await client.post(f"/people/{province.doctor.id}/disable")
    assert (refused.status_code, 'action="/people/unlock"' in refused.text) == (403, True)
    assert (await client.post("/people/unlock", data={"otp": "000000"})).status_code == 422
    code = second_factor.code_at(province.administrator, clock.now())
    assert (await client.post("/people/unlock", data={"otp": code})).status_code == 303
    assert (await client.post(f"/people/{province.doctor.id}/disable")).status_code == 303


async def test_an_administrator_sees_numbers_and_no_case(sign_in, province):
    page = await (await sign_in(province.administrator)).get("/operations")
    assert page.status_code == 200
    assert '<b class="number">0</b>' in page.text
    assert "?show=" not in page.text
