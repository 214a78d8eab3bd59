"""UPS-RS over the reading tasks of the pages: one row, one lock, two ways to it. Rows are given to `imaging.dicomweb.ups`."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import and_, col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dicom.person_names import person_name
from imaging.dicom.uids import is_uid
from imaging.dicomweb import ups
from imaging.dicomweb.ups import ALL_WORKITEMS, BadWorkitem, Model, State, Workitem, matches
from imaging.store.models import StudyState
from telehealth.core import audit, clock
from telehealth.core.actor import Actor, Role
from telehealth.core.errors import Forbidden, NotFound
from telehealth.core.names import fold
from telehealth.identity import access
from telehealth.identity.access import Action
from telehealth.identity.models import Organisation
from telehealth.patients import queries as patient_queries
from telehealth.patients import service as patients
from telehealth.patients.models import Patient
from telehealth.referrals import asking, queries, reading
from telehealth.referrals.errors import AlreadyDone, NoReadingUnit, NotSigned, WorkitemExists, WrongTransaction
from telehealth.referrals.lifecycle import IN_WORK, ReferralStatus
from telehealth.referrals.models import Priority, Referral, UpsSubscription, UpsWorkitem
from telehealth.referrals.queries import Row
from telehealth.referrals.reading import LOCK_AFTER_ANSWER
from telehealth.referrals.schemas import ReferralIn

STATES = {
    ReferralStatus.SUBMITTED: State.SCHEDULED,
    ReferralStatus.ASSIGNED: State.IN_PROGRESS,
    ReferralStatus.INFO_REQUESTED: State.IN_PROGRESS,
    ReferralStatus.ANSWERED: State.COMPLETED,
    ReferralStatus.ACKNOWLEDGED: State.COMPLETED,
    ReferralStatus.CLOSED: State.COMPLETED,
    ReferralStatus.CANCELLED: State.CANCELED,
}
"""A draft is nobody's work yet."""
PRIORITIES = {Priority.STAT: "HIGH", Priority.URGENT: "MEDIUM", Priority.ROUTINE: "LOW"}
SEXES = {"male": "M", "female": "F", "other": "O"}
PAGE = 200


# --- reads


async def search(session: AsyncSession, actor: Actor, keys: Mapping[str, str], base: str) -> list[Workitem]:
    """Workitems that the actor may see, in the order in which they are to be read."""
    found = await queries.rows(session, and_(_visible(actor), *_narrowed(keys)), limit=PAGE)
    names = await _names(session, [row.referral.id for row in found])
    items = [await _workitem(session, row, names.get(row.referral.id), base) for row in found]
    audit.record(session, actor, "workitem.searched", "", keys=sorted(keys), count=len(items))
    return [item for item in items if matches(item, keys)]


async def retrieve(session: AsyncSession, actor: Actor, uid: str, base: str) -> Workitem:
    """Raises NotFound for an unknown and for a foreign workitem alike."""
    referral, name = await _find(session, uid)
    referral = await queries.see(session, actor, referral.id)
    return await _workitem(session, await queries.row_of(session, referral), name, base)


def _visible(actor: Actor) -> ColumnElement[bool]:
    """The question's parties, as `queries.scope_of` names them."""
    if not access.holds(actor, Action.SEE_REFERRAL):
        raise Forbidden()
    if access.province_wide(actor, Action.SEE_REFERRAL):
        return col(Referral.id).is_not(None)
    pool = and_(
        col(Referral.to_organisation_id).in_(actor.grants.get(Role.SPECIALIST, frozenset())), col(Referral.status).in_(IN_WORK)
    )
    units = access.units_for(actor, Action.SEE_REFERRAL)
    own = or_(Referral.reader_id == actor.account_id, Referral.created_by == actor.account_id)
    return or_(pool, col(Referral.from_organisation_id).in_(units), own)


def _narrowed(keys: Mapping[str, str]) -> Iterator[ColumnElement[bool]]:
    """What the database can already leave out, so that a page of rows is not filled with others; `matches` has the last word."""
    asked = keys.get(ups.STATE)
    yield col(Referral.status).in_([status for status, state in STATES.items() if asked in (None, state.value)])
    if code := keys.get(ups.ACCESSION):
        yield col(Referral.code) == code
    if level := keys.get(ups.PRIORITY):
        yield col(Referral.priority).in_([priority for priority, name in PRIORITIES.items() if name == level])
    if words := [word.rstrip("*") for word in fold(keys.get(ups.PATIENT_NAME, "")).split()]:
        named = (col(Patient.name_fold).contains(word, autoescape=True) for word in words)
        yield col(Referral.patient_id).in_(select(Patient.id).where(*named))


def first_uid(referral_id: UUID) -> str:
    """The workitem's name until its first performer gives it back (PS3.5, B.2)."""
    return f"2.25.{referral_id.int}"


async def _find(session: AsyncSession, uid: str) -> tuple[Referral, UpsWorkitem | None]:
    name = (await session.exec(select(UpsWorkitem).where(UpsWorkitem.uid == uid[:64]))).first()
    referral_id = name.referral_id if name else _referral_of(uid)
    referral = await session.get(Referral, referral_id) if referral_id else None
    if referral is None or referral.status not in STATES:
        raise NotFound()
    if name is None and (await _names(session, [referral.id])).get(referral.id):
        raise NotFound()  # it has another name
    return referral, name


def _referral_of(uid: str) -> UUID | None:
    number = uid.removeprefix("2.25.")
    return UUID(int=int(number)) if is_uid(uid) and number.isdigit() and int(number) < 2**128 else None


async def _names(session: AsyncSession, referral_ids: Sequence[UUID]) -> dict[UUID, UpsWorkitem]:
    """Referral -> its present workitem, where one has a row."""
    rows = select(UpsWorkitem).where(
        col(UpsWorkitem.referral_id).in_(referral_ids), col(UpsWorkitem.given_back_because).is_(None)
    )
    return {row.referral_id: row for row in await session.exec(rows)}


async def _workitem(session: AsyncSession, row: Row, name: UpsWorkitem | None, base: str) -> Workitem:
    referral, patient = row.referral, row.patient
    numbers = await patient_queries.numbers_of(session, patient.id)
    given_back = name.given_back_because if name else None
    born = patient.birth_date
    return Workitem(
        uid=name.uid if name else first_uid(referral.id),
        state=STATES[ReferralStatus(referral.status)] if given_back is None else State.CANCELED,
        priority=PRIORITIES[Priority(referral.priority)],
        label=f"Second opinion {referral.code}",
        comment=referral.question,
        accession_number=referral.code,
        patient_name=person_name(patient.full_name),
        patient_id=next(iter(numbers.values()), str(patient.id)[:8]),
        birth_date=born.strftime("%Y%m%d") if born and not patient.birth_year_only else "",
        sex=SEXES.get(patient.sex, ""),
        start_at=referral.submitted_at or referral.created_at,
        due_at=referral.due_at,
        modified_at=referral.answered_at or referral.claimed_at or referral.submitted_at or referral.created_at,
        performer=row.reader_name if given_back is None else "",
        studies=tuple((s.uid, f"{base}/studies/{s.uid}") for s in row.studies if s.state == StudyState.AVAILABLE),
        progress=name.progress if name else None,
        progress_text=name.progress_text if name else "",
        cancel_reason=given_back or referral.cancelled_reason,
    )


# --- verbs


async def question_of(session: AsyncSession, actor: Actor, dataset: Model) -> ReferralIn:
    """What a new workitem asks, for a person of the actor's whose Patient ID is one of our numbers. Raises BadWorkitem.

    The reading unit is the code of the Scheduled Station Geographic Location; unsaid where there is one only.
    """
    if not access.holds(actor, Action.CREATE_REFERRAL):
        raise Forbidden()
    people = await patients.with_number(session, actor, ups.text(dataset, ups.PATIENT_ID))
    if len(people) != 1:
        raise BadWorkitem("Patient ID")
    question = ups.text(dataset, ups.COMMENT) or ups.text(dataset, ups.LABEL)
    priority = {"HIGH": Priority.URGENT}.get(ups.text(dataset, ups.PRIORITY), Priority.ROUTINE)  # STAT is said by telephone
    unit = await _reading_unit(session, ups.text(dataset, ups.STATION_PLACE, ups.CODE_VALUE))
    return ReferralIn(patient_id=people[0], to_organisation_id=unit, question=question[:8000], priority=priority)


async def _reading_unit(session: AsyncSession, code: str) -> UUID:
    units = await queries.reading_units(session)
    if code:
        units = list(
            await session.exec(select(Organisation.id).where(Organisation.code == code, col(Organisation.id).in_(units)))
        )
    if len(units) != 1:
        raise NoReadingUnit()
    return units[0]


async def create(session: AsyncSession, actor: Actor, uid: str, given: ReferralIn, *, consent: bool) -> UpsWorkitem:
    """A question, sent at once, under the name that its author gave it. Raises WorkitemExists, ConsentMissing and asking's."""
    if uid and ((await session.exec(select(UpsWorkitem).where(UpsWorkitem.uid == uid))).first() or await _is_first(session, uid)):
        raise WorkitemExists()
    referral = await asking.create(session, actor, given)
    await asking.submit(session, actor, referral.id, consent=consent)
    name = UpsWorkitem(uid=uid or first_uid(referral.id), referral_id=referral.id)
    session.add(name)
    await session.flush()
    return name


async def _is_first(session: AsyncSession, uid: str) -> bool:
    referral_id = _referral_of(uid)
    return referral_id is not None and await session.get(Referral, referral_id) is not None


async def change_state(session: AsyncSession, actor: Actor, uid: str, state: State, transaction: str, reason: str = "") -> None:
    """Claim, give back, or say that it is done (PS3.4, CC.1.1). Raises AlreadyDone where it is in that state already."""
    referral, name = await _seen(session, actor, uid)
    now = _state(referral, name)
    if now in (State.COMPLETED, State.CANCELED):
        raise AlreadyDone(state=now.value, same=state is now)
    if state is State.IN_PROGRESS:
        await _claim(session, actor, referral, name, transaction)
        return
    name = _held(referral, name, transaction)
    if state is State.COMPLETED:
        raise NotSigned()  # only a signed answer ends a question, and that needs its reader's second factor
    await reading.decline(session, actor, referral.id, reason)
    name.given_back_because, name.transaction_uid = reason, ""
    session.add_all([name, UpsWorkitem(uid=f"2.25.{name.id.int}", referral_id=referral.id)])
    await session.flush()


async def _claim(session: AsyncSession, actor: Actor, referral: Referral, name: UpsWorkitem | None, transaction: str) -> None:
    """By the lock of the pages. A workstation gives no signs of life, so it holds the question for hours."""
    if _state(referral, name) is State.IN_PROGRESS and not (name and name.transaction_uid == transaction):
        raise WrongTransaction()
    referral = await reading.claim(session, actor, referral.id)
    referral.lock_until = clock.now() + LOCK_AFTER_ANSWER
    name = name or UpsWorkitem(uid=first_uid(referral.id), referral_id=referral.id)
    name.transaction_uid = transaction
    session.add_all([referral, name])
    await session.flush()


async def update(
    session: AsyncSession, actor: Actor, uid: str, transaction: str, progress: int | None, progress_text: str
) -> None:
    """The performer tells how far it is; a sign of life as well."""
    referral, name = await _seen(session, actor, uid)
    if _state(referral, name) is not State.IN_PROGRESS:
        raise AlreadyDone(state=_state(referral, name).value, same=False)
    name = _held(referral, name, transaction)
    await reading.heartbeat(session, actor, referral.id)
    referral.lock_until = clock.now() + LOCK_AFTER_ANSWER
    name.progress, name.progress_text = name.progress if progress is None else progress, progress_text or name.progress_text
    session.add_all([referral, name])
    await session.flush()


async def request_cancellation(session: AsyncSession, actor: Actor, uid: str, reason: str) -> None:
    """The clinic takes the question back; whoever reads it is told."""
    referral, name = await _seen(session, actor, uid)
    now = _state(referral, name)
    if now in (State.COMPLETED, State.CANCELED):
        raise AlreadyDone(state=now.value, same=now is State.CANCELED)
    await asking.cancel(session, actor, referral.id, reason)


async def _seen(session: AsyncSession, actor: Actor, uid: str) -> tuple[Referral, UpsWorkitem | None]:
    referral, name = await _find(session, uid)
    access.ensure(actor, Action.SEE_REFERRAL, queries.scope_of(referral), hidden=True)
    return referral, name


def _state(referral: Referral, name: UpsWorkitem | None) -> State:
    given_back = name is not None and name.given_back_because is not None
    return State.CANCELED if given_back else STATES[ReferralStatus(referral.status)]


def _held(referral: Referral, name: UpsWorkitem | None, transaction: str) -> UpsWorkitem:
    """The name, if this is its performer's key. Raises WrongTransaction; a claim from a page has no key."""
    is_held = referral.status in (ReferralStatus.ASSIGNED, ReferralStatus.INFO_REQUESTED)
    if name is None or not is_held or not transaction or name.transaction_uid != transaction:
        raise WrongTransaction()
    return name


# --- subscriptions


async def subscribe(session: AsyncSession, actor: Actor, uid: str, ae_title: str, *, deletion_lock: bool) -> None:
    """To one workitem, or to all with the well-known UID. The same again changes the lock only."""
    if uid != ALL_WORKITEMS:
        await _seen(session, actor, uid)
    elif not access.holds(actor, Action.SEE_REFERRAL):
        raise Forbidden()
    assert actor.account_id is not None
    row = await _subscription(session, actor, uid, ae_title)
    row = row or UpsSubscription(account_id=actor.account_id, ae_title=ae_title, workitem_uid=uid)
    row.deletion_lock, row.suspended = deletion_lock, False
    session.add(row)
    await session.flush()
    audit.record(session, actor, "workitem.subscribed", uid, ae_title=ae_title)


async def unsubscribe(session: AsyncSession, actor: Actor, uid: str, ae_title: str) -> None:
    """Raises NotFound where there was none."""
    row = await _subscription(session, actor, uid, ae_title)
    if row is None:
        raise NotFound()
    await session.delete(row)
    audit.record(session, actor, "workitem.unsubscribed", uid, ae_title=ae_title)


async def suspend(session: AsyncSession, actor: Actor, ae_title: str) -> None:
    """No further workitems for a global subscription. Raises NotFound where there was none."""
    row = await _subscription(session, actor, ALL_WORKITEMS, ae_title)
    if row is None:
        raise NotFound()
    row.suspended = True
    session.add(row)


async def _subscription(session: AsyncSession, actor: Actor, uid: str, ae_title: str) -> UpsSubscription | None:
    rows = select(UpsSubscription).where(
        UpsSubscription.account_id == actor.account_id,
        UpsSubscription.ae_title == ae_title,
        UpsSubscription.workitem_uid == uid,
    )
    return (await session.exec(rows)).first()
