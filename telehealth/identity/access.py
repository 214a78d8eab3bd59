"""Who may do what: the role matrix of the product as a table, and one function that reads it.

Every door asks here: pages, JSON, DICOMweb, WebSocket, worker. What a role does not list it may not do.
"""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from telehealth.core.actor import Actor, Role
from telehealth.core.errors import Forbidden, NotFound


class Action(StrEnum):
    BOOK = "book"
    """Book, move and cancel an appointment."""
    OVERRIDE_CUTOFF = "override_cutoff"
    SET_AVAILABILITY = "set_availability"
    SEE_APPOINTMENT = "see_appointment"
    ADMIT = "admit"
    """Admit to a visit and end it."""
    ENTER_CALL = "enter_call"
    REGISTER_PATIENT = "register_patient"
    SEE_PATIENT = "see_patient"
    CREATE_REFERRAL = "create_referral"
    SUBMIT_REFERRAL = "submit_referral"
    SUBMIT_STAT = "submit_stat"
    SEE_REFERRAL = "see_referral"
    CANCEL_REFERRAL = "cancel_referral"
    UPLOAD_IMAGES = "upload_images"
    PROPOSE_IDENTITY = "propose_identity"
    RESOLVE_IDENTITY = "resolve_identity"
    SEE_IMAGES = "see_images"
    WITHDRAW_STUDY = "withdraw_study"
    SEE_IMAGE_INDEX = "see_image_index"
    """That a study exists and how far it is, without pixels."""
    SHARE_COPY = "share_copy"
    """Give a copy of images without names away, for teaching or a second look."""
    CLAIM = "claim"
    """Claim, release, decline a reading task."""
    ASSIGN = "assign"
    ANNOTATE = "annotate"
    WRITE_REPORT = "write_report"
    SIGN_REPORT = "sign_report"
    SEE_REPORT = "see_report"
    ACKNOWLEDGE = "acknowledge"
    READ_AUDIT = "read_audit"
    MANAGE_PEOPLE = "manage_people"
    SEE_OPERATIONS = "see_operations"
    """Counts of what is late, stuck, unread; no clinical content."""


class Reach(StrEnum):
    """How far a role's permission goes."""

    OWN = "own"
    """Only where the person is a party."""
    UNIT = "unit"
    """Everything of the organisations in which the role is held."""
    PROVINCE = "province"


P, T, D, S, C, M, U = (
    Role.PATIENT,
    Role.TECHNICIAN,
    Role.REFERRING_DOCTOR,
    Role.SPECIALIST,
    Role.COORDINATOR,
    Role.ADMINISTRATOR,
    Role.AUDITOR,
)
OWN, UNIT, PROVINCE = Reach.OWN, Reach.UNIT, Reach.PROVINCE

MATRIX: dict[Action, dict[Role, Reach]] = {
    Action.BOOK: {P: OWN, T: UNIT, D: UNIT, S: OWN, C: PROVINCE, M: UNIT},
    Action.OVERRIDE_CUTOFF: {D: UNIT, S: OWN, C: PROVINCE, M: UNIT},
    Action.SET_AVAILABILITY: {S: OWN, C: UNIT, M: UNIT},
    Action.SEE_APPOINTMENT: {P: OWN, T: UNIT, D: UNIT, S: OWN, C: PROVINCE, M: UNIT},
    Action.ADMIT: {D: OWN, S: OWN},
    Action.ENTER_CALL: {P: OWN, T: OWN, D: OWN, S: OWN},
    Action.REGISTER_PATIENT: {P: OWN, T: UNIT, D: UNIT, C: PROVINCE},
    Action.SEE_PATIENT: {P: OWN, T: UNIT, D: UNIT, S: OWN, C: PROVINCE},
    Action.CREATE_REFERRAL: {T: UNIT, D: UNIT, S: OWN, C: PROVINCE},
    Action.SUBMIT_REFERRAL: {D: UNIT, S: OWN, C: PROVINCE},
    Action.SUBMIT_STAT: {D: UNIT, S: OWN, C: PROVINCE},
    Action.SEE_REFERRAL: {T: UNIT, D: UNIT, S: OWN, C: PROVINCE},
    Action.CANCEL_REFERRAL: {D: UNIT, C: PROVINCE},
    Action.UPLOAD_IMAGES: {T: UNIT, D: UNIT, S: OWN},
    Action.PROPOSE_IDENTITY: {T: UNIT},
    Action.RESOLVE_IDENTITY: {D: UNIT, C: PROVINCE},
    Action.SEE_IMAGES: {P: OWN, T: UNIT, D: UNIT, S: OWN},
    Action.SEE_IMAGE_INDEX: {P: OWN, T: UNIT, D: UNIT, S: OWN, C: PROVINCE},
    Action.WITHDRAW_STUDY: {C: PROVINCE, M: UNIT},
    Action.SHARE_COPY: {D: UNIT, S: OWN},
    Action.CLAIM: {S: OWN},
    Action.ASSIGN: {C: PROVINCE},
    Action.ANNOTATE: {S: OWN},
    Action.WRITE_REPORT: {S: OWN},
    Action.SIGN_REPORT: {S: OWN},
    Action.SEE_REPORT: {P: OWN, T: UNIT, D: UNIT, S: OWN},
    Action.ACKNOWLEDGE: {D: UNIT},
    Action.READ_AUDIT: {P: OWN, M: UNIT, U: PROVINCE},
    Action.MANAGE_PEOPLE: {M: UNIT},
    Action.SEE_OPERATIONS: {C: PROVINCE, M: UNIT},
}
"""`PRODUCT.md` 5.3 for the roles that exist so far. OWN of a specialist is the question put to the own reading unit
while it is open, or what this person answered; the subject's `scope_of` says so by listing parties and reading units."""


@dataclass(frozen=True)
class Scope:
    """To whom a thing belongs, as its subject sees it.

    patients: the persons it is about. accounts: the parties to it. units: the organisations that own it.
    reading_units: the organisations whose specialists count as parties right now.
    """

    patients: frozenset[UUID] = frozenset()
    accounts: frozenset[UUID] = frozenset()
    units: frozenset[UUID] = frozenset()
    reading_units: frozenset[UUID] = frozenset()


NOWHERE = Scope()


def may(actor: Actor, action: Action, scope: Scope = NOWHERE) -> bool:
    """Whether some role of the actor reaches this far. The system itself may do everything it does."""
    if actor.is_system:
        return True
    return any(_reaches(actor, role, reach, scope) for role, reach in MATRIX[action].items() if actor.has(role))


def _reaches(actor: Actor, role: Role, reach: Reach, scope: Scope) -> bool:
    match reach:
        case Reach.PROVINCE:
            return True
        case Reach.UNIT:
            return not scope.units.isdisjoint(actor.grants[role])
        case Reach.OWN if role is Role.PATIENT:
            return not scope.patients.isdisjoint(actor.patients)
        case Reach.OWN:
            return actor.account_id in scope.accounts or not scope.reading_units.isdisjoint(actor.grants[role])


def holds(actor: Actor, action: Action) -> bool:
    """Whether the action is open to the actor at all, for menus and list pages."""
    return actor.is_system or any(actor.has(role) for role in MATRIX[action])


def province_wide(actor: Actor, action: Action) -> bool:
    """Whether a list for this action needs no filter."""
    return actor.is_system or any(reach is PROVINCE and actor.has(role) for role, reach in MATRIX[action].items())


def units_for(actor: Actor, action: Action) -> frozenset[UUID]:
    """The organisations whose things the actor reaches by UNIT: the filter of a list."""
    reached = (actor.grants[role] for role, reach in MATRIX[action].items() if reach is UNIT and actor.has(role))
    return frozenset().union(*reached)


def ensure(actor: Actor, action: Action, scope: Scope = NOWHERE, *, hidden: bool = False) -> None:
    """Raises Forbidden; with `hidden`, NotFound: a foreign id is as unknown as one that does not exist."""
    if may(actor, action, scope):
        return
    raise NotFound() if hidden and not holds_here(actor, scope) else Forbidden()


def holds_here(actor: Actor, scope: Scope) -> bool:
    """Whether the actor has any business with the thing, so that a refusal may admit that it exists."""
    return (
        actor.account_id in scope.accounts
        or not scope.patients.isdisjoint(actor.patients)
        or not scope.units.isdisjoint(actor.units)
        or not scope.reading_units.isdisjoint(actor.grants.get(Role.SPECIALIST, ()))
    )
