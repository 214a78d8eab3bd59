"""What happens to people's records: found, registered, taken in, agreed."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.exc import IntegrityError
from sqlmodel import and_, col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from telehealth.core import audit
from telehealth.core.actor import Actor, Role
from telehealth.core.db import fetch
from telehealth.core.errors import Forbidden, NotFound
from telehealth.core.names import fold, name_key
from telehealth.identity import access
from telehealth.identity.access import Action, Scope
from telehealth.identity.models import Proxy, RoleGrant
from telehealth.patients import queries
from telehealth.patients.errors import PatientKnown, WhichOrganisation
from telehealth.patients.matching import Match, PersonFacts, Verdict, compare
from telehealth.patients.models import Consent, IdentifierSystem, Patient, PatientFacility, PatientIdentifier, Purpose
from telehealth.patients.numbers import plain
from telehealth.patients.schemas import PatientIn

POOL = 200
"""How many rows are compared in memory when duplicates are looked for."""


@dataclass(frozen=True)
class Candidate:
    """Somebody who may be the person described. known_here: false when only the exact number led here."""

    patient: Patient
    match: Match
    known_here: bool


async def register(session: AsyncSession, actor: Actor, given: PatientIn) -> Patient:
    """A new person: of the facility, or on the phone of the account that adds them. Raises PatientKnown (409)."""
    if _acts_for_own(actor):
        return await _register_own(session, actor, given)
    unit = given.organisation_id or await _own_unit(session, actor)
    access.ensure(actor, Action.REGISTER_PATIENT, Scope(units=frozenset({unit})))
    known = await queries.with_national_id(session, given.national_id) if given.national_id else None
    if known:
        match = compare(await queries.facts_of(session, known), described(given))
        raise PatientKnown(patient_id=str(known.id), reasons=list(match.reasons))
    patient = await _insert(session, given, issuer=str(unit))
    session.add(PatientFacility(patient_id=patient.id, organisation_id=unit))
    audit.record(session, actor, "patient.register", patient.id, patient_id=patient.id, organisation_id=str(unit))
    return patient


def _acts_for_own(actor: Actor) -> bool:
    return actor.has(Role.PATIENT) and not access.units_for(actor, Action.REGISTER_PATIENT)


async def _register_own(session: AsyncSession, actor: Actor, given: PatientIn) -> Patient:
    """Add a person to this phone. A number that is already somebody's is left out without a word:

    whoever types a stranger's number must neither reach the record nor learn that there is one.
    """
    if actor.account_id is None:
        raise Forbidden()
    taken = bool(given.national_id and await queries.with_national_id(session, given.national_id))
    if taken:
        given = given.model_copy(update={"national_id": ""})
    patient = await _insert(session, given, issuer=str(actor.account_id))
    session.add(Proxy(account_id=actor.account_id, patient_id=patient.id, relation=given.relation))
    await session.flush()
    audit.record(session, actor, "patient.register", patient.id, patient_id=patient.id, number_taken=taken)
    return patient


async def _insert(session: AsyncSession, given: PatientIn, issuer: str) -> Patient:
    patient = Patient(
        full_name=" ".join(given.full_name.split()),
        name_fold=fold(given.full_name),
        name_key=name_key(given.full_name),
        birth_date=given.birth_date or (date(given.birth_year, 1, 1) if given.birth_year else None),
        birth_year_only=given.birth_date is None and given.birth_year is not None,
        sex=given.sex,
        phone=given.phone,
        address=given.address,
    )
    session.add(patient)
    await session.flush()
    for system, value in given.numbers.items():
        by_facility = issuer if system is IdentifierSystem.FACILITY else ""
        number = PatientIdentifier(patient_id=patient.id, system=system, issuer=by_facility, value=value)
        with suppress(IntegrityError):  # families share insurance papers; the first holder keeps the number
            async with session.begin_nested():
                session.add(number)
    return patient


async def _own_unit(session: AsyncSession, actor: Actor) -> UUID:
    """The organisation in which the role is held itself. Raises WhichOrganisation if there are several or none."""
    _ensure_registers(actor)
    roles = [role for role in access.MATRIX[Action.REGISTER_PATIENT] if role is not Role.PATIENT]
    rows = await session.exec(
        select(RoleGrant.organisation_id).where(RoleGrant.account_id == actor.account_id, col(RoleGrant.role).in_(roles))
    )
    units = {unit for unit in rows if unit in actor.units}
    if len(units) != 1:
        raise WhichOrganisation()
    return units.pop()


def _ensure_registers(actor: Actor) -> None:
    if not access.holds(actor, Action.REGISTER_PATIENT):
        raise Forbidden()


async def find(session: AsyncSession, actor: Actor, text: str, limit: int = 20) -> list[Patient]:
    """People of the own unit (or the own phone) by name without marks in any order, by a number or by phone."""
    if not access.holds(actor, Action.SEE_PATIENT):
        raise Forbidden()
    words, digits = fold(text).split(), plain(text)
    if not words:
        return []
    by_name = and_(*(col(Patient.name_fold).contains(word, autoescape=True) for word in words))
    holders = select(PatientIdentifier.patient_id).where(PatientIdentifier.value == digits)
    by_number = or_(col(Patient.id).in_(holders), col(Patient.phone).endswith(digits.lstrip("0+") or digits, autoescape=True))
    wanted = by_number if any(c.isdigit() for c in digits) else by_name
    rows = await session.exec(select(Patient).where(wanted, _visible(actor)).order_by(Patient.name_fold).limit(limit))
    found = list(rows)
    audit.record(session, actor, "patient.search", "", found=len(found))
    return found


async def with_number(session: AsyncSession, actor: Actor, number: str) -> list[UUID]:
    """People of the own unit with exactly this number, of whichever system: nobody else's is confirmed."""
    holders = select(PatientIdentifier.patient_id).where(PatientIdentifier.value == number)
    return list(await session.exec(select(Patient.id).where(col(Patient.id).in_(holders), _visible(actor))))


def _visible(actor: Actor) -> ColumnElement[bool]:
    """The filter of a list: own people and people of own units."""
    if access.province_wide(actor, Action.SEE_PATIENT):
        return col(Patient.id).is_not(None)
    units = access.units_for(actor, Action.SEE_PATIENT)
    here = select(PatientFacility.patient_id).where(col(PatientFacility.organisation_id).in_(units))
    return or_(col(Patient.id).in_(here), col(Patient.id).in_(actor.patients))


async def candidates(session: AsyncSession, actor: Actor, given: PatientIn) -> list[Candidate]:
    """Whom the description may mean: people of the own unit, and the holder of exactly this personal number.

    Only suggestions with reasons, best first; nothing is ever merged.
    """
    _ensure_registers(actor)
    pool = list(await session.exec(select(Patient).where(_alike(given), _visible(actor)).limit(POOL)))
    here = {patient.id for patient in pool}
    holder = None
    if given.national_id and not _acts_for_own(actor):
        holder = await queries.with_national_id(session, given.national_id)
    if holder and holder.id not in here:
        pool.append(holder)
    facts = await queries.facts_of_all(session, pool)
    compared = (Candidate(p, compare(f, described(given)), p.id in here) for p, f in zip(pool, facts, strict=True))
    found = [c for c in compared if c.match.verdict is not Verdict.MISMATCH]
    audit.record(session, actor, "patient.compare", "", found=len(found))
    return sorted(found, key=lambda c: (c.match.verdict != Verdict.MATCH, c.patient.name_fold))


def _alike(given: PatientIn) -> ColumnElement[bool]:
    """A wide net: the same name, the same birth date, or the same number."""
    words = fold(given.full_name).split()
    ends = and_(*(col(Patient.name_fold).contains(word, autoescape=True) for word in {words[0], words[-1]}))
    numbers = select(PatientIdentifier.patient_id).where(col(PatientIdentifier.value).in_(list(given.numbers.values())))
    nets = [col(Patient.name_key) == name_key(given.full_name), ends, col(Patient.id).in_(numbers)]
    if given.birth_date:
        nets.append(col(Patient.birth_date) == given.birth_date)
    return or_(*nets)


def described(given: PatientIn) -> PersonFacts:
    """A form as `matching.compare` wants it."""
    born = given.birth_date or (date(given.birth_year, 1, 1) if given.birth_year else None)
    numbers = frozenset((system.value, value) for system, value in given.numbers.items())
    return PersonFacts(given.full_name, born, given.birth_date is None, given.sex, numbers)


async def take_in(
    session: AsyncSession, actor: Actor, patient_id: UUID, national_id: str, organisation_id: UUID | None = None
) -> Patient:
    """Our facility knows this person from now on. The exact personal number is the proof that they are here."""
    unit = organisation_id or await _own_unit(session, actor)
    access.ensure(actor, Action.REGISTER_PATIENT, Scope(units=frozenset({unit})))
    patient = await queries.with_national_id(session, plain(national_id))
    if patient is None or patient.id != patient_id:
        raise NotFound()
    if await session.get(PatientFacility, (patient.id, unit)) is None:
        session.add(PatientFacility(patient_id=patient.id, organisation_id=unit))
        await session.flush()
        audit.record(session, actor, "patient.take_in", patient.id, patient_id=patient.id, organisation_id=str(unit))
    return patient


async def see(session: AsyncSession, actor: Actor, patient_id: UUID) -> Patient:
    """One person's record; the look is noted."""
    scope = await queries.scope_of_patient(session, patient_id)
    access.ensure(actor, Action.SEE_PATIENT, scope, hidden=True)
    patient = await fetch(session, Patient, patient_id)
    audit.record(session, actor, "patient.read", patient.id, patient_id=patient.id)
    return patient


async def own_patients(session: AsyncSession, actor: Actor) -> list[Patient]:
    """The people this account acts for: two grandparents may share one phone."""
    rows = await session.exec(select(Patient).where(col(Patient.id).in_(actor.patients)).order_by(Patient.name_fold))
    return list(rows)


async def give_consent(
    session: AsyncSession,
    actor: Actor,
    patient_id: UUID,
    purpose: Purpose,
    text_version: str,
    *,
    given: bool,
    subject_id: UUID | None = None,
) -> Consent:
    """Write down what was asked and what was answered; a refusal and a withdrawal are rows as well.

    The caller has checked the act that the consent is for: an office may book for people whose record it may not open.
    """
    consent = Consent(
        patient_id=patient_id,
        purpose=purpose,
        text_version=text_version,
        given=given,
        by_account_id=actor.account_id,
        subject_id=subject_id,
    )
    session.add(consent)
    await session.flush()
    audit.record(
        session, actor, "consent.give" if given else "consent.refuse", consent.id, patient_id=patient_id, purpose=purpose
    )
    return consent
