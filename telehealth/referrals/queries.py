"""Reads that verbs, pages and routes share."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import and_, case, col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.reports.models import Report
from imaging.store.models import Study, StudyState
from telehealth.core import audit, clock
from telehealth.core.actor import Actor, Role
from telehealth.core.db import fetch
from telehealth.core.errors import Forbidden
from telehealth.identity import access
from telehealth.identity.access import Action, Scope
from telehealth.identity.models import Account, Organisation, RoleGrant
from telehealth.patients.models import Consent, Patient, Purpose
from telehealth.referrals import completeness
from telehealth.referrals.due import RANK
from telehealth.referrals.lifecycle import IN_WORK, OPEN_FOR_READING, ReferralStatus
from telehealth.referrals.models import Priority, Referral, ReferralEvent

STUCK_AFTER = timedelta(minutes=30)
PAGE = 200


@dataclass(frozen=True)
class Row:
    """One line of a list: the question, whose it is, who holds it, what images it has."""

    referral: Referral
    patient: Patient
    reader_name: str
    studies: tuple[Study, ...]

    @property
    def images(self) -> int:
        return sum(study.instance_count for study in self.studies)

    @property
    def expected(self) -> int | None:
        told = [study.expected_instances for study in self.studies if study.expected_instances]
        return sum(told) if told else self.referral.expected_instances

    @property
    def held(self) -> bool:
        return any(study.state == StudyState.HELD for study in self.studies)


def scope_of(referral: Referral) -> Scope:
    """The clinic owns the question; the reading unit is a party while it is open; the patient from the acknowledgement on."""
    is_open = referral.submitted_at is not None and referral.status in OPEN_FOR_READING
    parties = {referral.created_by} | ({referral.reader_id} if referral.reader_id else set())
    return Scope(
        patients=frozenset({referral.patient_id} if referral.acknowledged_at else ()),
        accounts=frozenset(parties),
        units=frozenset({referral.from_organisation_id}),
        reading_units=frozenset({referral.to_organisation_id} if is_open else ()),
    )


def asking_side(referral: Referral) -> Scope:
    """The scope without those who read."""
    return Scope(accounts=frozenset({referral.created_by}), units=frozenset({referral.from_organisation_id}))


async def see(session: AsyncSession, actor: Actor, referral_id: UUID) -> Referral:
    """One question; the look is noted. Raises NotFound to strangers."""
    referral = await fetch(session, Referral, referral_id)
    access.ensure(actor, Action.SEE_REFERRAL, scope_of(referral), hidden=True)
    audit.record(session, actor, "referral.read", referral.id, patient_id=referral.patient_id, purpose=referral.id)
    return referral


async def see_report(session: AsyncSession, actor: Actor, report_id: UUID) -> tuple[Report, Referral]:
    """A report with its question; the look is noted. A patient sees the own one once it was acknowledged."""
    report = await fetch(session, Report, report_id)
    referral = await fetch(session, Referral, report.referral_id)
    access.ensure(actor, Action.SEE_REPORT, scope_of(referral), hidden=True)
    audit.record(session, actor, "report.read", report.id, patient_id=report.patient_id, purpose=referral.id)
    return report, referral


_RANK = case({priority.value: rank for priority, rank in RANK.items()}, value=col(Referral.priority))
_READING_ORDER = (_RANK, col(Referral.due_at).is_(None), col(Referral.due_at), col(Referral.code))
"""The published rule: STAT, then urgent, then routine; within one, whatever is due first."""


def _reading_units(actor: Actor) -> frozenset[UUID]:
    return actor.grants.get(Role.SPECIALIST, frozenset())


async def worklist(session: AsyncSession, actor: Actor) -> tuple[list[Row], list[Row]]:
    """(mine, pool) of a specialist, both in the published order. Mine holds what waits for the clinic as well, last."""
    if not access.holds(actor, Action.CLAIM):
        raise Forbidden()
    mine = await rows(session, and_(Referral.reader_id == actor.account_id, col(Referral.status).in_(IN_WORK)))
    mine.sort(key=lambda row: row.referral.status == ReferralStatus.INFO_REQUESTED)
    pool = await rows(
        session,
        and_(
            col(Referral.to_organisation_id).in_(_reading_units(actor)),
            col(Referral.status).in_((ReferralStatus.SUBMITTED, ReferralStatus.ASSIGNED)),
            or_(col(Referral.reader_id).is_(None), Referral.reader_id != actor.account_id),
        ),
    )
    audit.record(session, actor, "referral.worklist_read", "", shown=len(mine) + len(pool))
    return mine, pool


async def answered_by(session: AsyncSession, actor: Actor, limit: int = 20) -> list[Row]:
    """What this reader answered lately, with what the clinic did."""
    done = and_(Referral.reader_id == actor.account_id, col(Referral.answered_at).is_not(None))
    return await rows(session, done, order=(col(Referral.answered_at).desc(),), limit=limit)


async def clinic_list(session: AsyncSession, actor: Actor) -> tuple[list[Row], list[Row]]:
    """(needs me now, the rest) of the actor's clinics: asked for more, answers unread, studies held; then by time."""
    if not access.holds(actor, Action.SEE_REFERRAL):
        raise Forbidden()
    units = access.units_for(actor, Action.SEE_REFERRAL)
    visible = or_(col(Referral.from_organisation_id).in_(units), Referral.created_by == actor.account_id)
    found = await rows(session, visible, order=(col(Referral.created_at).desc(),))
    audit.record(session, actor, "referral.list_read", "", shown=len(found))
    urgent = sorted((row for row in found if needs_clinic(row)), key=_clinic_order)
    return urgent, [row for row in found if not needs_clinic(row)]


def needs_clinic(row: Row) -> bool:
    waits = row.referral.status in (ReferralStatus.INFO_REQUESTED, ReferralStatus.ANSWERED)
    return waits or (row.held and row.referral.status != ReferralStatus.CANCELLED)


def _clinic_order(row: Row) -> tuple[bool, int, int, datetime]:
    states = {ReferralStatus.ANSWERED: 0, ReferralStatus.INFO_REQUESTED: 1}
    referral = row.referral
    return (
        not referral.critical,
        states.get(ReferralStatus(referral.status), 2),
        RANK[Priority(referral.priority)],
        referral.submitted_at or referral.created_at,
    )


async def rows(
    session: AsyncSession,
    wanted: ColumnElement[bool],
    order: Sequence[Any] = _READING_ORDER,
    limit: int = PAGE,
) -> list[Row]:
    """Referrals with their people and studies, three statements whatever their number."""
    found = (
        await session.exec(
            select(Referral, Patient, Account.full_name)
            .join(Patient, col(Patient.id) == col(Referral.patient_id))
            .outerjoin(Account, col(Account.id) == col(Referral.reader_id))
            .where(wanted)
            .order_by(*order)
            .limit(limit)
        )
    ).all()
    ids = [referral.id for referral, _, _ in found]
    studies = (await session.exec(select(Study).where(col(Study.referral_id).in_(ids)))).all() if ids else []
    of: dict[UUID, list[Study]] = {}
    for study in studies:
        of.setdefault(study.referral_id, []).append(study)  # type: ignore[arg-type]
    return [Row(referral, patient, reader or "", tuple(of.get(referral.id, ()))) for referral, patient, reader in found]


async def row_of(session: AsyncSession, referral: Referral) -> Row:
    """One referral as a line."""
    return (await rows(session, col(Referral.id) == referral.id))[0]


async def history(session: AsyncSession, referral_id: UUID) -> Sequence[ReferralEvent]:
    """Oldest first."""
    found = select(ReferralEvent).where(ReferralEvent.referral_id == referral_id)
    return (await session.exec(found.order_by(col(ReferralEvent.at), col(ReferralEvent.id)))).all()


async def has_consent(session: AsyncSession, referral: Referral) -> bool:
    """Whether the newest word of the patient on this question is yes."""
    newest = (
        select(Consent.given)
        .where(
            Consent.patient_id == referral.patient_id,
            Consent.purpose == Purpose.SECOND_OPINION,
            Consent.subject_id == referral.id,
        )
        .order_by(col(Consent.at).desc(), col(Consent.id).desc())
        .limit(1)
    )
    return bool((await session.exec(newest)).first())


async def completeness_of(session: AsyncSession, row: Row) -> list[completeness.Item]:
    referral = row.referral
    return completeness.items(
        completeness.Question(
            question=referral.question,
            history=referral.history,
            reason_code=referral.reason_code,
            callback_phone=referral.callback_phone,
            stat_reason=referral.stat_reason,
            is_stat=referral.priority == Priority.STAT,
            images=row.images,
            expected_images=row.expected,
            consent=await has_consent(session, referral),
        )
    )


async def reading_units(session: AsyncSession) -> list[UUID]:
    """Organisations in which specialists hold their role: where a question can go."""
    today = clock.now().date()
    grants = select(RoleGrant.organisation_id).where(
        RoleGrant.role == Role.SPECIALIST, or_(col(RoleGrant.valid_to).is_(None), col(RoleGrant.valid_to) > today)
    )
    found = select(Organisation.id).where(col(Organisation.id).in_(grants)).order_by(Organisation.code)
    return list(await session.exec(found))


async def readers_of(session: AsyncSession, organisation_id: UUID) -> list[Account]:
    """Specialists of a reading unit, by name."""
    return await people(session, Role.SPECIALIST, organisation_id)


async def people(session: AsyncSession, role: Role, organisation_id: UUID | None = None) -> list[Account]:
    """Active holders of a role, in one organisation or anywhere."""
    today = clock.now().date()
    grants = select(RoleGrant.account_id).where(
        RoleGrant.role == role, or_(col(RoleGrant.valid_to).is_(None), col(RoleGrant.valid_to) > today)
    )
    if organisation_id is not None:
        grants = grants.where(RoleGrant.organisation_id == organisation_id)
    found = select(Account).where(col(Account.id).in_(grants), col(Account.active).is_(True)).order_by(Account.full_name)
    return list(await session.exec(found))


async def operations(session: AsyncSession, actor: Actor, now: datetime) -> dict[str, list[Row]]:
    """What a coordinator watches. late: past due and not answered. stuck: images that do not come on.

    unread: answers that no clinic acknowledged. held: studies that wait for a person. unassigned: nobody reads.
    """
    if not access.holds(actor, Action.SEE_OPERATIONS):
        raise Forbidden()
    units = None if access.province_wide(actor, Action.SEE_OPERATIONS) else access.units_for(actor, Action.SEE_OPERATIONS)
    live: ColumnElement[bool] = col(Referral.status).not_in(
        (ReferralStatus.CLOSED, ReferralStatus.CANCELLED, ReferralStatus.ACKNOWLEDGED)
    )
    if units is not None:
        live = and_(live, or_(col(Referral.from_organisation_id).in_(units), col(Referral.to_organisation_id).in_(units)))
    found = await rows(session, live, limit=1000)
    waiting = (StudyState.RECEIVING, StudyState.CHECKING)
    audit.record(session, actor, "operations.read", "", shown=len(found))
    return {
        "late": [r for r in found if r.referral.status in IN_WORK and r.referral.due_at and r.referral.due_at < now],
        "unassigned": [r for r in found if r.referral.status == ReferralStatus.SUBMITTED],
        "unread": [r for r in found if r.referral.status == ReferralStatus.ANSWERED],
        "held": [r for r in found if r.held],
        "stuck": [r for r in found if any(s.state in waiting and now - s.last_instance_at > STUCK_AFTER for s in r.studies)],
        "reading": [r for r in found if r.referral.status in (ReferralStatus.ASSIGNED, ReferralStatus.INFO_REQUESTED)],
    }
