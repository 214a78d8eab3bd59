"""Who may do what with a question, and who comes first."""

import asyncio
from datetime import timedelta
from uuid import UUID

from sqlmodel import select

from telehealth.core import clock
from telehealth.core.db import fetch, session_scope
from telehealth.notifications.models import Notice
from telehealth.referrals import service
from telehealth.referrals.models import Referral
from tests.telehealth.referrals.loop import TEXT, answered, ask, otp, write


async def test_a_technician_drafts_and_only_a_doctor_sends(province, sign_in):
    technician = await sign_in(province.technician)
    body = {"patient_id": str(province.patient.id), "to_organisation_id": str(province.hospital.id), "question": "Gãy không?"}
    draft = (await technician.post("/api/v1/referrals", json=body)).json()
    assert draft["status"] == "draft"
    path = f"/api/v1/referrals/{draft['id']}"
    assert (await technician.post(f"{path}/submit", json={"consent": True})).status_code == 403
    assert (await technician.patch(path, json={"priority": "stat"})).json()["priority"] == "stat"
    doctor = await sign_in(province.doctor)
    refused = await doctor.post(f"{path}/submit", json={"consent": True})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/stat-needs-more")
    await doctor.patch(path, json={"stat_reason": "Hôn mê", "callback_phone": "+84912345678"})
    assert (await doctor.post(f"{path}/submit", json={})).json()["type"] == "/problems/consent-missing"
    assert (await doctor.post(f"{path}/submit", json={"consent": True})).json()["status"] == "submitted"


async def test_strangers_do_not_learn_that_a_question_exists(province, sign_in):
    referral = await ask(await sign_in(province.doctor), province)
    path = f"/api/v1/referrals/{referral['id']}"
    for account in (province.other_doctor, province.patient_account, province.auditor):
        assert (await (await sign_in(account)).get(path)).status_code in (403, 404)
    assert (await (await sign_in(province.other_doctor)).get(path)).status_code == 404


async def test_of_two_claims_one_wins_and_the_other_learns_who(province, sign_in):
    referral = await ask(await sign_in(province.doctor), province)
    readers = [await sign_in(a) for a in (province.specialist, province.other_specialist)]
    answers = await asyncio.gather(*(r.post(f"/api/v1/referrals/{referral['id']}/claim") for r in readers))
    assert sorted(a.status_code for a in answers) == [200, 409]
    lost = next(a for a in answers if a.status_code == 409).json()
    assert lost["held_by"] in (province.specialist.full_name, province.other_specialist.full_name)
    assert lost["since"]


async def test_an_abandoned_claim_returns_to_the_pool_with_its_draft_and_due_time(engine, province, sign_in):
    referral = await ask(await sign_in(province.doctor), province)
    reader, other = await sign_in(province.specialist), await sign_in(province.other_specialist)
    path = f"/api/v1/referrals/{referral['id']}"
    await reader.post(f"{path}/claim")
    await write(reader, referral)
    async with session_scope(engine) as session:
        row = await fetch(session, Referral, referral["id"])
        row.lock_until = clock.now() - timedelta(minutes=1)
        session.add(row)
    async with session_scope(engine) as session:
        assert await service.return_abandoned(session) == 1
    taken = (await other.post(f"{path}/claim")).json()
    assert (taken["reader_id"], taken["due_at"]) == (str(province.other_specialist.id), referral["due_at"])
    assert (await reader.post(f"{path}/heartbeat")).json()["type"] == "/problems/not-your-claim"
    assert (await write(other, referral, draft_revision=1)).json()["draft_revision"] == 2


async def test_a_stale_draft_is_refused_and_names_the_newest(province, sign_in):
    referral = await ask(await sign_in(province.doctor), province)
    reader = await sign_in(province.specialist)
    await reader.post(f"/api/v1/referrals/{referral['id']}/claim")
    assert (await write(reader, referral)).status_code == 200
    stale = await write(reader, referral)
    assert (stale.status_code, stale.json()["type"], stale.json()["draft_revision"]) == (409, "/problems/draft-moved", 1)


async def test_a_wrong_or_replayed_code_signs_nothing(province, sign_in):
    doctor, reader = await sign_in(province.doctor), await sign_in(province.specialist)
    code = otp(province.specialist)
    paths = []
    for _ in range(2):
        referral = await ask(doctor, province)
        paths.append(f"/api/v1/referrals/{referral['id']}")
        await reader.post(f"{paths[-1]}/claim")
        await write(reader, referral)
    wrong = await reader.post(f"{paths[0]}/sign", json={"otp": "000000" if code != "000000" else "111111"})
    assert wrong.status_code in (401, 403, 422), wrong.text
    assert (await reader.post(f"{paths[0]}/sign", json={"otp": code})).status_code == 200
    assert (await reader.post(f"{paths[1]}/sign", json={"otp": code})).status_code == wrong.status_code
    assert (await reader.get(paths[1])).json()["status"] == "assigned"


async def test_only_a_doctor_of_the_clinic_acknowledges(province, sign_in):
    referral = await answered(sign_in, province)
    path = f"/api/v1/referrals/{referral['id']}/acknowledge"
    for name, account in province.accounts.items():
        if name != "doctor":
            assert (await (await sign_in(account)).post(path, json={"decision": "transfer"})).status_code in (403, 404), name
    assert (await (await sign_in(province.doctor)).post(path, json={"decision": "transfer"})).status_code == 200


async def test_an_unread_answer_calls_the_next_named_person_each_time(engine, province, sign_in):
    referral = await answered(sign_in, province)
    levels = []
    for minutes in (10, 31, 40, 62):
        async with session_scope(engine) as session:
            await service.escalate(session, clock.now() + timedelta(minutes=minutes))
            levels.append((await fetch(session, Referral, referral["id"])).escalation_level)
    assert levels == [0, 1, 1, 2]
    async with session_scope(engine) as session:
        called = set(await session.exec(select(Notice.account_id).where(Notice.template == "report_unread_escalated")))
    assert called == {province.doctor.id, province.coordinator.id}


async def test_a_coordinator_gives_it_to_a_successor_and_to_no_outsider(province, sign_in):
    referral = await ask(await sign_in(province.doctor), province)
    await (await sign_in(province.specialist)).post(f"/api/v1/referrals/{referral['id']}/claim")
    desk = await sign_in(province.coordinator)
    path = f"/api/v1/referrals/{referral['id']}/assign"
    assert (await desk.post(path, json={"reader_id": str(province.doctor.id)})).status_code == 422
    given = await desk.post(path, json={"reader_id": str(province.other_specialist.id)})
    assert (given.json()["reader_id"], given.json()["due_at"]) == (str(province.other_specialist.id), referral["due_at"])


async def test_a_correction_is_a_new_version_that_must_be_read_again(engine, province, sign_in):
    referral = await answered(sign_in, province)
    doctor, reader = await sign_in(province.doctor), await sign_in(province.specialist)
    await doctor.post(f"/api/v1/referrals/{referral['id']}/acknowledge", json={"decision": "treat_here"})
    async with session_scope(engine) as session:
        from telehealth.identity.models import Account

        account = await fetch(session, Account, province.specialist.id)
        account.totp_last_step = 0  # half a minute later
        session.add(account)
    body = TEXT | {"impression": "Không xuất huyết.", "reason": "Nhầm bên", "otp": otp(province.specialist)}
    corrected = await reader.post(f"/api/v1/reports/{referral['report_id']}/correct", json=body)
    assert (corrected.status_code, corrected.json()["version"]) == (200, 2), corrected.text
    now = (await doctor.get(f"/api/v1/referrals/{referral['id']}")).json()
    assert (now["status"], now["acknowledged_at"]) == ("answered", None)
    assert UUID(now["report_id"]) == UUID(referral["report_id"])
