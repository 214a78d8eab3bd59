"""One province for a whole table of doors: its people signed in, and fresh things for them to knock about."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pyotp
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import SQLModel, col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dicom import synthetic
from imaging.reports.models import Annotation, Report
from imaging.reports.schemas import ReportText
from imaging.store.lifecycle import HeldBecause, StudyState
from imaging.store.models import Instance, Quarantined, Series, Study
from imaging.store.receive import receive
from imaging.store.service import Filing, Ingested
from telehealth.core import clock
from telehealth.core.actor import SYSTEM, Actor, Role
from telehealth.core.blobs import blobs
from telehealth.core.crypto import decrypt
from telehealth.core.db import fetch, session_scope
from telehealth.core.ids import new_id
from telehealth.identity.models import Account, LoginSession
from telehealth.identity.sessions import describe, open_session
from telehealth.patients.models import IdentifierSystem, Patient, PatientFacility, PatientIdentifier
from telehealth.referrals import service as referrals
from telehealth.referrals.lifecycle import ReferralStatus
from telehealth.referrals.models import Decision, Outcome, Referral
from telehealth.referrals.schemas import ReferralIn
from telehealth.scheduling.lifecycle import AppointmentStatus
from telehealth.scheduling.models import Appointment, WorkingHours
from tests.factories import Province, make_organisation, make_practitioner, make_province, make_staff, tomorrow_at

QUESTION = "Có xuất huyết não không?"
TEXT = ReportText(findings="Ổ tăng tỉ trọng.", impression="Xuất huyết não.", recommendation="Chuyển tuyến.", critical=False)
STATES = ("draft", "sent", "held", "asked back", "written", "answered", "acknowledged", "closed")
VISIT = timedelta(minutes=20)
NOT_OF_A_REFUSAL = {"audit_entry", "audit_head", "login_session", "attempt"}
"""What a refusal may write: that it happened, and that the person was here."""

Thing = dict[str, str]
"""What a door is knocked at for: names in its address and body, and what these stand for."""


@dataclass
class Scene:
    """A province whose people are signed in, and makers of what they act on."""

    app: FastAPI
    engine: AsyncEngine
    province: Province
    accounts: dict[str, Account]
    clients: dict[str, httpx2.AsyncClient] = field(default_factory=dict)
    logins: dict[str, LoginSession] = field(default_factory=dict)
    _times: count = field(default_factory=count)
    _numbers: count = field(default_factory=lambda: count(1))

    async def sign_everybody_in(self) -> None:
        async with session_scope(self.engine) as session:
            for name, account in self.accounts.items():
                self.logins[name], secret = await open_session(session, account, second_factor=True)
                transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)
                headers = {"Authorization": f"Bearer {secret}"}
                self.clients[name] = httpx2.AsyncClient(transport=transport, base_url="http://testserver", headers=headers)

    @asynccontextmanager
    async def acting(self, name: str) -> AsyncIterator[tuple[AsyncSession, Actor]]:
        """A unit of work as somebody."""
        async with session_scope(self.engine) as session:
            yield session, await describe(session, self.accounts[name])

    def names(self, **more: Any) -> Thing:
        """Everybody and every place by name; a thing is these and its own ids."""
        places = {name: getattr(self.province, name).id for name in ("root", "clinic", "other_clinic", "hospital", "patient")}
        return {name: str(value) for name, value in ({n: a.id for n, a in self.accounts.items()} | places | more).items()}

    async def picture(self) -> str:
        """A digest of every row that a refusal may not touch."""
        digest = sha256()
        async with session_scope(self.engine) as session:
            for table in SQLModel.metadata.sorted_tables:
                if table.name not in NOT_OF_A_REFUSAL:
                    rows = (await session.exec(select(table).order_by(*table.primary_key))).all()  # type: ignore[call-overload]
                    digest.update(repr((table.name, rows)).encode())
        return digest.hexdigest()

    # --- things ---------------------------------------------------------------------------------------------------

    async def nothing(self) -> Thing:
        return self.names()

    async def person(self) -> Thing:
        """Somebody the clinic knows, with a personal number, whom the other clinic meets now."""
        number = f"024059{next(self._numbers):06}"
        async with session_scope(self.engine) as session:
            patient = Patient(full_name="Vi Thị Sen", name_fold="vi thi sen", name_key="sen thi vi", sex="female")
            session.add(patient)
            await session.flush()
            session.add(PatientFacility(patient_id=patient.id, organisation_id=self.province.clinic.id))
            session.add(PatientIdentifier(patient_id=patient.id, system=IdentifierSystem.NATIONAL_ID, value=number))
        return self.names(person=patient.id, number=number)

    async def time(self) -> Thing:
        """Two free times of the specialist, never used before."""
        return self.names(start=self._next_time().isoformat(), later=self._next_time().isoformat())

    def _next_time(self) -> Any:
        number = next(self._times)
        return tomorrow_at(8) + timedelta(days=number // 24) + (number % 24) * VISIT

    async def visit(self, *, now: bool = False) -> Thing:
        """The patient's visit with the specialist, of the hospital; and another free time. One visit at a time is now."""
        if now:
            await self._clear_now()
        start = clock.now() if now else self._next_time()
        row = Appointment(
            practitioner_id=self.province.specialist.id,
            patient_id=self.province.patient.id,
            organisation_id=self.province.hospital.id,
            start_at=start,
            end_at=start + VISIT,
            zone="Asia/Ho_Chi_Minh",
            ics_uid=f"{new_id()}@example.test",
        )
        async with session_scope(self.engine) as session:
            session.add(row)
        return self.names(visit=row.id, later=self._next_time().isoformat())

    async def _clear_now(self) -> None:
        async with session_scope(self.engine) as session:
            passing = col(Appointment.start_at) <= clock.now()
            await session.exec(update(Appointment).where(passing).values(status=AppointmentStatus.CANCELLED))

    async def put_away(self) -> None:
        """Everything asked so far is over: lists have room for what comes."""
        async with session_scope(self.engine) as session:
            await session.exec(update(Referral).values(status=ReferralStatus.CANCELLED))

    async def hours(self) -> Thing:
        async with session_scope(self.engine) as session:
            day = clock.now().date()
            when = {
                "weekday": 6,
                "start_time": clock.now().time().replace(hour=18),
                "end_time": clock.now().time().replace(hour=19),
            }
            row = WorkingHours(practitioner_id=self.province.specialist.id, valid_from=day, **when)
            session.add(row)
        return self.names(hours=row.id)

    async def colleague(self) -> Thing:
        """A technician of the clinic and one of the hospital, for administrators."""
        async with session_scope(self.engine) as session:
            here = await make_staff(session, "Lý Thị Mới", Role.TECHNICIAN, self.province.clinic)
            there = await make_staff(session, "Chu Văn Xa", Role.TECHNICIAN, self.province.hospital)
        return self.names(colleague=here.id, far_colleague=there.id, number=next(self._numbers))

    async def question(self, state: str = "sent") -> Thing:
        """The doctor's question to the hospital as far as `state`, with an available study."""
        steps = STATES[: STATES.index(state) + 1]
        async with session_scope(self.engine) as session:
            doctor, reader = [await describe(session, self.accounts[name]) for name in ("doctor", "specialist")]
            given = {"patient_id": self.province.patient.id, "to_organisation_id": self.province.hospital.id}
            referral = await referrals.create(session, doctor, ReferralIn(question=QUESTION, **given))
            thing = self.names(question=referral.id, code=referral.code, otp="000000") | await self._study(session, referral)
            if "sent" in steps:
                await referrals.submit(session, doctor, referral.id, consent=True)
            if "held" in steps:
                await referrals.claim(session, reader, referral.id)
            if state == "asked back":
                await referrals.ask_back(session, reader, referral.id, "Cần phim cũ")
            if "written" in steps:
                await referrals.save_draft(session, reader, referral.id, TEXT, 0)
                thing["otp"] = await self._fresh_code(session)
            if "answered" in steps:
                await referrals.sign_answer(session, reader, referral.id, thing["otp"])
                report = (await session.exec(select(Report).where(Report.referral_id == referral.id))).one()
                thing |= {"report": str(report.id), "otp": await self._fresh_code(session)}
            if "acknowledged" in steps:
                await referrals.acknowledge(session, doctor, referral.id, Decision.TREAT_HERE)
            if "closed" in steps:
                await referrals.close(session, doctor, referral.id, Outcome.CONFIRMED)
        return thing

    async def _fresh_code(self, session: AsyncSession) -> str:
        """A second-factor code of the specialist that has not been used, however often this happens in half a minute."""
        account = await fetch(session, Account, self.province.specialist.id)
        account.totp_last_step = 0
        session.add(account)
        await session.flush()
        return pyotp.TOTP(decrypt(account.totp_secret or "")).now()

    async def _study(self, session: AsyncSession, referral: Referral) -> Thing:
        """A study's rows without a file, as the pipeline leaves them; with a mark of the specialist."""
        study = Study(
            uid=f"1.2.3.{uuid4().int}",
            organisation_id=self.province.clinic.id,
            patient_id=referral.patient_id,
            referral_id=referral.id,
            reading_unit_id=self.province.hospital.id,
            state=StudyState.AVAILABLE,
            instance_count=1,
        )
        session.add(study)
        await session.flush()
        series = Series(uid=f"1.2.3.{uuid4().int}", study_id=study.id, modality="CT")
        session.add(series)
        await session.flush()
        image = Instance(
            sop_uid=f"1.2.3.{uuid4().int}",
            study_id=study.id,
            series_id=series.id,
            sop_class="1.2.840.10008.5.1.4.1.1.2",
            transfer_syntax="1.2.840.10008.1.2.1",
            frames=1,
            sha256="0" * 64,
            received_sha256="0" * 64,
            size=1,
            blob_key="dicom/none",
            metadata_json="{}",
        )
        mark = Annotation(
            mark_id=new_id(),
            study_id=study.id,
            series_uid=series.uid,
            sop_uid=image.sop_uid,
            kind="arrow",
            points=[[1.0, 1.0], [2.0, 2.0]],
            author_id=self.province.specialist.id,
            author_name=self.province.specialist.full_name,
        )
        session.add_all([image, mark])
        ids = {"study": study.id, "uid": study.uid, "series": series.uid, "image": image.sop_uid, "mark": mark.mark_id}
        return {name: str(value) for name, value in ids.items()} | {"new_mark": str(new_id())}

    async def held_study(self) -> Thing:
        """A question whose study names another patient and waits for a person."""
        return await self._with_study_as(held_because=HeldBecause.MISMATCH, state=StudyState.HELD)

    async def unfiled_study(self) -> Thing:
        """A question, and a study of the same clinic that came without one."""
        nobody = {"referral_id": None, "patient_id": None}
        return await self._with_study_as(held_because=HeldBecause.UNFILED, state=StudyState.HELD, **nobody)

    async def _with_study_as(self, **changes: Any) -> Thing:
        thing = await self.question()
        async with session_scope(self.engine) as session:
            study = await fetch(session, Study, thing["study"])
            for name, value in changes.items():
                setattr(study, name, value)
            session.add(study)
        return thing

    async def set_aside(self) -> Thing:
        """Bytes of the clinic that contradict an image it sent before."""
        thing = await self.question()
        row = Quarantined(
            sop_uid=thing["image"],
            sha256=uuid4().hex * 2,
            blob_key="quarantine/none",
            size=1,
            organisation_id=self.province.clinic.id,
            reason="conflict",
        )
        async with session_scope(self.engine) as session:
            session.add(row)
        return thing | {"aside": str(row.id)}

    async def pictures(self) -> Thing:
        """A question with a real CT of two slices in the store, ready to read."""
        thing = await self.question()
        person = synthetic.PatientFacts("Nguyễn Thị Hoà", "BN1", self.province.patient.birth_date, "female")

        async def whole(content: bytes) -> AsyncIterator[bytes]:
            yield content

        filing = Filing(self.province.clinic.id, self.province.patient.id, UUID(thing["question"]))
        for content in synthetic.ct_volume(person, thing["code"], slices=2, size=64):
            taken = await receive(self.engine, blobs(), SYSTEM, whole(content), filing)
            assert isinstance(taken, Ingested), taken
        async with session_scope(self.engine) as session:
            (await fetch(session, Study, thing["study"])).referral_id = None  # the one without files
            study = await fetch(session, Study, taken.study_id)
            study.state, study.open_for_reading = StudyState.AVAILABLE, True
            study.reading_unit_id = self.province.hospital.id
            session.add(study)
            image = (await session.exec(select(Instance).where(Instance.study_id == study.id))).first()
            assert image is not None
            series = await fetch(session, Series, image.series_id)
        return thing | {"study": str(study.id), "uid": study.uid, "series": series.uid, "image": image.sop_uid}


Maker = Callable[[Scene], Awaitable[Thing]]


def at(state: str) -> Maker:
    """A question that has come as far as this."""

    async def make(scene: Scene) -> Thing:
        return await scene.question(state)

    make.__name__ = f"a question {state}"
    return make


def filled(given: Any, thing: Thing) -> Any:
    """A body with the names in it replaced."""
    match given:
        case str():
            return given.format_map(thing) if "{" in given else given
        case dict():
            return {key: filled(value, thing) for key, value in given.items()}
        case list():
            return [filled(value, thing) for value in given]
    return given


async def make_scene(app: FastAPI, engine: AsyncEngine) -> Scene:
    """The province of the other tests, and people next door to everybody: same role, another place."""
    async with session_scope(engine) as session:
        province = await make_province(session)
        far_hospital = await make_organisation(session, "Bệnh viện Phổi", "hospital", province.root)
        far_specialist = await make_staff(session, "Tô Văn Lạ", Role.SPECIALIST, far_hospital)
        await make_practitioner(session, far_specialist, far_hospital)
        accounts = province.accounts | {
            "other_technician": await make_staff(session, "Mạc Thị Khác", Role.TECHNICIAN, province.other_clinic),
            "hospital_nurse": await make_staff(session, "Kiều Thị Trực", Role.TECHNICIAN, province.hospital),
            "far_specialist": far_specialist,
            "clinic_administrator": await make_staff(session, "Lục Văn Sở", Role.ADMINISTRATOR, province.clinic),
            "hospital_administrator": await make_staff(session, "La Thị Viện", Role.ADMINISTRATOR, province.hospital),
        }
    scene = Scene(app, engine, province, accounts)
    await scene.sign_everybody_in()
    return scene
