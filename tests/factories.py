"""Rows for tests, without surprises: everything that is not said has one plain value."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from uuid import UUID

import pyotp
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core.actor import Role
from telehealth.core.crypto import encrypt
from telehealth.core.names import fold, name_key
from telehealth.identity.models import Account, Organisation, OrganisationPeriod, Proxy, RoleGrant
from telehealth.patients.models import Patient, PatientFacility
from telehealth.referrals.models import Referral
from telehealth.scheduling.models import Practitioner, WorkingHours

LONG_AGO = date(2020, 1, 1)
_numbers = count(1)


async def make_organisation(session: AsyncSession, name: str, kind: str, parent: Organisation | None = None) -> Organisation:
    organisation = Organisation(code=f"T{next(_numbers):05}", kind=kind)
    session.add(organisation)
    await session.flush()
    session.add(
        OrganisationPeriod(
            organisation_id=organisation.id, parent_id=parent.id if parent else None, name=name, valid_from=LONG_AGO
        )
    )
    await session.flush()
    return organisation


async def make_staff(session: AsyncSession, name: str, role: Role, organisation: Organisation) -> Account:
    """Somebody with one role; the TOTP secret is known to `totp_of`."""
    secret = encrypt(pyotp.random_base32())
    email = f"{fold(name).replace(' ', '.')}.{next(_numbers)}@example.test"
    account = Account(email=email, full_name=name, totp_secret=secret, totp_confirmed=True)
    session.add(account)
    await session.flush()
    session.add(RoleGrant(account_id=account.id, role=role, organisation_id=organisation.id, valid_from=LONG_AGO))
    await session.flush()
    return account


async def make_patient(session: AsyncSession, name: str = "Nguyễn Thị Hoà", facility: Organisation | None = None) -> Patient:
    patient = Patient(full_name=name, name_fold=fold(name), name_key=name_key(name), birth_date=date(1959, 3, 2), sex="female")
    session.add(patient)
    await session.flush()
    if facility:
        session.add(PatientFacility(patient_id=patient.id, organisation_id=facility.id))
        await session.flush()
    return patient


async def make_patient_account(session: AsyncSession, patient: Patient) -> Account:
    """The phone that acts for a patient."""
    account = Account(phone=f"+849{next(_numbers):08}", full_name=patient.full_name)
    session.add(account)
    await session.flush()
    session.add(Proxy(account_id=account.id, patient_id=patient.id))
    await session.flush()
    return account


async def make_practitioner(session: AsyncSession, account: Account, organisation: Organisation) -> Practitioner:
    """Bookable every day from 08:00 to 17:00 in Vietnam, twenty minutes a visit."""
    practitioner = Practitioner(
        id=account.id,
        organisation_id=organisation.id,
        full_name=account.full_name,
        name_fold=fold(account.full_name),
        specialty="cardiology",
    )
    session.add(practitioner)
    await session.flush()
    for weekday in range(7):
        session.add(
            WorkingHours(practitioner_id=account.id, weekday=weekday, start_time=time(8), end_time=time(17), valid_from=LONG_AGO)
        )
    await session.flush()
    return practitioner


def tomorrow_at(hour: int, minute: int = 0) -> datetime:
    """An instant on a coming working day, by Vietnam's clock (UTC+7)."""
    day = datetime.now(UTC).date() + timedelta(days=2)
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC) - timedelta(hours=7)


@dataclass(frozen=True)
class Province:
    """One of each: `clinic` asks, `hospital` reads; `other_clinic` must see nothing of it."""

    root: Organisation
    clinic: Organisation
    other_clinic: Organisation
    hospital: Organisation
    patient: Patient
    patient_account: Account
    other_patient_account: Account
    technician: Account
    doctor: Account
    other_doctor: Account
    specialist: Account
    other_specialist: Account
    coordinator: Account
    administrator: Account
    auditor: Account

    @property
    def accounts(self) -> dict[str, Account]:
        """Every person by the name of the field."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Account)}

    @property
    def ids(self) -> dict[str, UUID]:
        return {name: account.id for name, account in self.accounts.items()}


async def make_referral(session: AsyncSession, province: Province, code: str = "BN-TEST-1") -> Referral:
    """A question of the province's clinic about its patient, still a draft."""
    referral = Referral(
        code=code,
        patient_id=province.patient.id,
        from_organisation_id=province.clinic.id,
        to_organisation_id=province.hospital.id,
        created_by=province.doctor.id,
        question="?",
    )
    session.add(referral)
    await session.flush()
    return referral


async def make_province(session: AsyncSession) -> Province:
    root = await make_organisation(session, "Bắc Ninh", "province")
    clinic = await make_organisation(session, "Trung tâm Y tế khu vực Lục Ngạn", "area_centre", root)
    other_clinic = await make_organisation(session, "Trung tâm Y tế khu vực Yên Thế", "area_centre", root)
    hospital = await make_organisation(session, "Bệnh viện Đa khoa tỉnh", "hospital", root)
    patient = await make_patient(session, facility=clinic)
    stranger = await make_patient(session, "Trần Văn Đức", facility=other_clinic)
    specialist = await make_staff(session, "Lê Quang Minh", Role.SPECIALIST, hospital)
    other_specialist = await make_staff(session, "Phạm Thu Anh", Role.SPECIALIST, hospital)
    for account in (specialist, other_specialist):
        await make_practitioner(session, account, hospital)
    return Province(
        root=root,
        clinic=clinic,
        other_clinic=other_clinic,
        hospital=hospital,
        patient=patient,
        patient_account=await make_patient_account(session, patient),
        other_patient_account=await make_patient_account(session, stranger),
        technician=await make_staff(session, "Vũ Văn Kỹ", Role.TECHNICIAN, clinic),
        doctor=await make_staff(session, "Hoàng Thị Lan", Role.REFERRING_DOCTOR, clinic),
        other_doctor=await make_staff(session, "Đỗ Văn Nam", Role.REFERRING_DOCTOR, other_clinic),
        specialist=specialist,
        other_specialist=other_specialist,
        coordinator=await make_staff(session, "Ngô Thị Điều", Role.COORDINATOR, root),
        administrator=await make_staff(session, "Bùi Văn Quản", Role.ADMINISTRATOR, root),
        auditor=await make_staff(session, "Đặng Thị Kiểm", Role.AUDITOR, root),
    )
