"""Steps of the loop that several tests take first."""

import pyotp
from sqlalchemy.ext.asyncio import AsyncEngine

from imaging.dicom import synthetic
from imaging.store.receive import receive
from imaging.store.service import Filing, Ingested
from telehealth.core.actor import SYSTEM
from telehealth.core.blobs import blobs
from telehealth.core.crypto import decrypt
from telehealth.identity.models import Account

TEXT = {
    "findings": "Ổ tăng tỉ trọng thuỳ trán phải.\nĐường giữa không lệch.",
    "impression": "Xuất huyết não thuỳ trán phải.",
    "recommendation": "Chuyển tuyến ngay.",
    "critical": True,
}


def otp(account: Account) -> str:
    return pyotp.TOTP(decrypt(account.totp_secret or "")).now()


async def ask(doctor, province, **more) -> dict:
    """A sent question."""
    body = {"patient_id": str(province.patient.id), "to_organisation_id": str(province.hospital.id)}
    body |= {"question": "Có xuất huyết não không?", "callback_phone": "+84912345678", **more}
    created = await doctor.post("/api/v1/referrals", json=body)
    assert created.status_code == 201, created.text
    sent = await doctor.post(f"/api/v1/referrals/{created.json()['id']}/submit", json={"consent": True})
    assert sent.status_code == 200, sent.text
    return sent.json()


async def add_images(engine: AsyncEngine, province, referral: dict, slices: int = 2) -> list[str]:
    """A small CT under the question, through the store's one door."""
    person = synthetic.PatientFacts("Nguyễn Thị Hoà", "BN1", province.patient.birth_date, "female")

    async def whole(content):
        yield content

    from uuid import UUID

    filing = Filing(province.clinic.id, province.patient.id, UUID(referral["id"]))
    uids = []
    for content in synthetic.ct_volume(person, referral["code"], slices=slices, size=64):
        taken = await receive(engine, blobs(), SYSTEM, whole(content), filing)
        assert isinstance(taken, Ingested), taken
        uids.append(content)
    return uids


async def write(reader, referral: dict, **more):
    return await reader.put(f"/api/v1/referrals/{referral['id']}/report", json=TEXT | {"draft_revision": 0} | more)


async def answered(sign_in, province, **more) -> dict:
    """A question that was asked, claimed, written and signed; with the report's id."""
    doctor, reader = await sign_in(province.doctor), await sign_in(province.specialist)
    referral = await ask(doctor, province, **more)
    assert (await reader.post(f"/api/v1/referrals/{referral['id']}/claim")).status_code == 200
    assert (await write(reader, referral)).status_code == 200
    signed = await reader.post(f"/api/v1/referrals/{referral['id']}/sign", json={"otp": otp(province.specialist)})
    assert signed.status_code == 200, signed.text
    return referral | {"report_id": signed.json()["report_id"], "version_id": signed.json()["id"]}
