"""The demo province: invented people, synthetic images, one sign-in per role. Loaded once into an empty database."""

import json
import secrets
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import TypedDict

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dicom.synthetic import PatientFacts, ct_volume, radiograph, ultrasound_cine
from imaging.dimse import nodes
from imaging.dimse.models import Right
from imaging.store.receive import receive
from imaging.store.service import Filing
from telehealth.core.actor import SYSTEM, Actor, Role
from telehealth.core.blobs import blobs
from telehealth.core.db import session_scope
from telehealth.core.names import fold, name_key
from telehealth.core.settings import Settings
from telehealth.identity import service as identity
from telehealth.identity.models import Account, Organisation, OrganisationKind, OrganisationPeriod, Proxy, Relation
from telehealth.identity.sessions import describe
from telehealth.patients.models import IdentifierSystem, Patient, PatientFacility, PatientIdentifier, Sex
from telehealth.referrals import service as referrals
from telehealth.referrals.models import Priority, Referral
from telehealth.referrals.schemas import ReferralIn
from telehealth.scheduling.models import Practitioner, WorkingHours

SIGN_INS = "demo-sign-ins.json"
SINCE = date(2025, 7, 1)
"""The day on which the two-tier administration began."""


class SignIn(TypedDict):
    role: str
    name: str
    login: str
    password: str
    """Empty for a patient, who gets a code instead."""


@dataclass(frozen=True)
class Places:
    province: Organisation
    hospital: Organisation
    reading_unit: Organisation
    luc_ngan: Organisation
    yen_the: Organisation


def is_demo_folder(config: Settings) -> bool:
    return (config.data / SIGN_INS).exists()


async def load(engine: AsyncEngine, config: Settings) -> list[SignIn]:
    """The sign-ins; makes the province first where there is none."""
    path = config.data / SIGN_INS
    if path.exists():
        kept: list[SignIn] = json.loads(path.read_text())
        return kept
    async with session_scope(engine) as session:
        if (await session.exec(select(Organisation).limit(1))).first():
            return []  # somebody's own data: the demo adds nothing to it
        places = await _places(session)
        sign_ins = await _staff(session, places)
        patients = await _patients(session, places)
        sign_ins.insert(0, SignIn(role=Role.PATIENT, name="Trần Gia Bảo", login="+84912000001", password=""))
        await _devices(session, places)
    _keep(path, sign_ins)
    await _questions(engine, places, patients)
    return sign_ins


def _keep(path: Path, sign_ins: list[SignIn]) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps(sign_ins, ensure_ascii=False, indent=1))


async def _place(
    session: AsyncSession, code: str, kind: OrganisationKind, name: str, parent: Organisation | None
) -> Organisation:
    organisation = Organisation(code=code, kind=kind)
    session.add(organisation)
    await session.flush()
    parent_id = parent.id if parent else None
    session.add(OrganisationPeriod(organisation_id=organisation.id, parent_id=parent_id, name=name, valid_from=SINCE))
    return organisation


async def _places(session: AsyncSession) -> Places:
    kind = OrganisationKind
    province = await _place(session, "27000", kind.PROVINCE, "Sở Y tế tỉnh Bắc Ninh (bản thử)", None)
    hospital = await _place(session, "27001", kind.HOSPITAL, "Bệnh viện Đa khoa tỉnh (bản thử)", province)
    reading_unit = await _place(session, "27001-DP", kind.READING_UNIT, "Trung tâm đọc phim từ xa", hospital)
    luc_ngan = await _place(session, "27101", kind.AREA_CENTRE, "Trung tâm Y tế khu vực Lục Ngạn", province)
    yen_the = await _place(session, "27102", kind.AREA_CENTRE, "Trung tâm Y tế khu vực Yên Thế", province)
    await _place(session, "27101-01", kind.COMMUNE_STATION, "Trạm Y tế xã Biển Động", luc_ngan)
    await session.flush()
    return Places(province, hospital, reading_unit, luc_ngan, yen_the)


async def _staff(session: AsyncSession, places: Places) -> list[SignIn]:
    """One person per role, and a few more readers; every password is long and made now."""
    people = [
        ("ky.vu", "Vũ Văn Kỹ", Role.TECHNICIAN, places.luc_ngan),
        ("lan.hoang", "Hoàng Thị Lan", Role.REFERRING_DOCTOR, places.luc_ngan),
        ("minh.le", "Lê Quang Minh", Role.SPECIALIST, places.reading_unit),
        ("dieu.ngo", "Ngô Thị Diệu", Role.COORDINATOR, places.province),
        ("quan.bui", "Bùi Văn Quân", Role.ADMINISTRATOR, places.province),
        ("kiem.dang", "Đặng Thị Kim", Role.AUDITOR, places.province),
        ("anne.moreau", "Anne Moreau", Role.SPECIALIST, places.reading_unit),
        ("thuy.pham", "Phạm Thu Thuỷ", Role.SPECIALIST, places.hospital),
        ("nam.do", "Đỗ Văn Nam", Role.REFERRING_DOCTOR, places.yen_the),
    ]
    sign_ins: list[SignIn] = []
    accounts: dict[str, Account] = {}
    for login, name, role, place in people:
        password = secrets.token_urlsafe(18)
        email = f"{login}@demo.telehealth.vn"
        accounts[login] = await identity.create_staff(session, SYSTEM, email, name, role, place.id, password)
        sign_ins.append(SignIn(role=role, name=name, login=email, password=password))
    await _specialist(session, accounts["minh.le"], places.reading_unit, "BSCKII.", "radiology", around_the_clock=True)
    await _specialist(
        session, accounts["anne.moreau"], places.reading_unit, "Prof.", "neurology", zone="Europe/Paris", languages="fr,en"
    )
    await _specialist(session, accounts["thuy.pham"], places.hospital, "PGS.TS.BS.", "cardiology")
    return sign_ins


async def _specialist(
    session: AsyncSession,
    account: Account,
    place: Organisation,
    title: str,
    specialty: str,
    *,
    zone: str = "Asia/Ho_Chi_Minh",
    languages: str = "vi",
    around_the_clock: bool = False,
) -> None:
    session.add(
        Practitioner(
            id=account.id,
            organisation_id=place.id,
            full_name=account.full_name,
            name_fold=fold(account.full_name),
            title=title,
            specialty=specialty,
            zone=zone,
            languages=languages,
        )
    )
    await session.flush()
    # one specialist works day and night, so that a visit can be tried at any hour
    blocks = [(time(0), time(23, 59))] if around_the_clock else [(time(8), time(11, 30)), (time(13, 30), time(16, 30))]
    for weekday in range(7 if around_the_clock else 5):
        for start, end in blocks:
            session.add(
                WorkingHours(practitioner_id=account.id, weekday=weekday, start_time=start, end_time=end, valid_from=SINCE)
            )
    await session.flush()


async def _patients(session: AsyncSession, places: Places) -> list[Patient]:
    """Two people on one grandson's phone, and two who never had a phone with us."""
    rows = [
        ("Nguyễn Thị Hoà", date(1959, 3, 2), Sex.FEMALE, "024159001234", places.luc_ngan),
        ("Trần Gia Bảo", date(2001, 9, 15), Sex.MALE, "024201004321", places.luc_ngan),
        ("Giáp Văn Đức", date(1972, 11, 30), Sex.MALE, "024072007788", places.luc_ngan),
        ("Hoàng Thị Mỹ Lệ", date(1988, 6, 8), Sex.FEMALE, "024188005566", places.yen_the),
    ]
    patients = []
    for name, born, sex, number, place in rows:
        patient = Patient(full_name=name, name_fold=fold(name), name_key=name_key(name), birth_date=born, sex=sex)
        session.add(patient)
        await session.flush()
        session.add(PatientIdentifier(patient_id=patient.id, system=IdentifierSystem.NATIONAL_ID, value=number))
        session.add(PatientFacility(patient_id=patient.id, organisation_id=place.id))
        patients.append(patient)
    phone = await identity.ensure_patient_account(session, "+84912000001")
    phone.full_name = "Trần Gia Bảo"
    session.add(phone)
    session.add(Proxy(account_id=phone.id, patient_id=patients[1].id, relation=Relation.SELF))
    session.add(Proxy(account_id=phone.id, patient_id=patients[0].id, relation=Relation.PARENT))
    await session.flush()
    return patients


async def _actor(session: AsyncSession, email: str) -> Actor:
    account = (await session.exec(select(Account).where(Account.email == f"{email}@demo.telehealth.vn"))).one()
    return await describe(session, account)


async def _devices(session: AsyncSession, places: Places) -> None:
    """A modality of the clinic and a reading station of the unit, on this machine."""
    devices = (
        ("MODALITY", "ky.vu", places.luc_ngan, (Right.STORE, Right.WORKLIST), 0),
        ("STATION", "minh.le", places.reading_unit, (Right.QUERY, Right.RETRIEVE), 11113),
    )
    for title, login, place, rights, port in devices:
        person = await _actor(session, login)
        assert person.account_id is not None
        host = "127.0.0.1" if port else ""
        given = nodes.NodeIn(title, ["127.0.0.0/8"], place.id, person.account_id, rights, host=host, port=port)
        await nodes.add(session, SYSTEM, given)


async def _questions(engine: AsyncEngine, places: Places, patients: list[Patient]) -> None:
    """Three questions of the clinic, with synthetic images that the real pipeline will take through its steps."""
    hoa, bao, duc, _ = patients
    ct = await _ask(
        engine,
        places,
        hoa,
        Priority.URGENT,
        "Nốt mờ thuỳ trên phổi phải trên phim X-quang: có phải u không?",
        "Ho kéo dài 2 tháng, sụt 4 kg. Không sốt. Hút thuốc lá 30 năm.",
    )
    chest = await _ask(
        engine,
        places,
        duc,
        Priority.ROUTINE,
        "Bóng tim to, đề nghị đọc lại phim và hướng xử trí.",
        "Tăng huyết áp 10 năm, khó thở khi gắng sức.",
    )
    heart = await _ask(engine, places, bao, Priority.ROUTINE, "Siêu âm tim: vận động thành thất có bình thường không?", "")
    await _images(engine, places, ct, hoa, ct_volume(_facts(hoa), accession=ct.code))
    await _images(engine, places, chest, duc, radiograph(_facts(duc), accession=chest.code))
    await _images(engine, places, heart, bao, ultrasound_cine(_facts(bao), accession=heart.code))


def _facts(patient: Patient) -> PatientFacts:
    return PatientFacts(name=patient.full_name, birth_date=patient.birth_date, sex=patient.sex, patient_id=str(patient.id)[:8])


async def _ask(
    engine: AsyncEngine, places: Places, patient: Patient, priority: Priority, question: str, history: str
) -> Referral:
    """A question of the doctor in Lục Ngạn, sent to the reading unit."""
    async with session_scope(engine) as session:
        doctor = await _actor(session, "lan.hoang")
        draft = ReferralIn(
            patient_id=patient.id,
            from_organisation_id=places.luc_ngan.id,
            to_organisation_id=places.reading_unit.id,
            question=question,
            history=history,
            priority=priority,
            callback_phone="+842043888115",
        )
        referral = await referrals.create(session, doctor, draft)
        return await referrals.submit(session, doctor, referral.id, consent=True)


async def _images(engine: AsyncEngine, places: Places, referral: Referral, patient: Patient, files: Iterable[bytes]) -> None:
    async with session_scope(engine) as session:
        technician = await _actor(session, "ky.vu")
    filing = Filing(organisation_id=places.luc_ngan.id, patient_id=patient.id, referral_id=referral.id)
    for content in files:
        await receive(engine, blobs(), technician, _chunks(content), filing)


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content
