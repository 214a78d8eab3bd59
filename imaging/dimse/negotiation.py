"""Which presentation contexts we accept, and for whom. Pure."""

from collections.abc import Iterable

from imaging.dicom.uids import EXPLICIT_LE, IMPLICIT_LE, SYNTAXES
from imaging.dimse.association import Context
from imaging.dimse.models import Right
from imaging.dimse.pdu import Accepted, Proposed, Roles

VERIFICATION = "1.2.840.10008.1.1"
PATIENT_FIND, PATIENT_MOVE, PATIENT_GET = (f"1.2.840.10008.5.1.4.1.2.1.{n}" for n in (1, 2, 3))
STUDY_FIND, STUDY_MOVE, STUDY_GET = (f"1.2.840.10008.5.1.4.1.2.2.{n}" for n in (1, 2, 3))
WORKLIST_FIND = "1.2.840.10008.5.1.4.31"
COMMITMENT = "1.2.840.10008.1.20.1"
COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"

RIGHT_FOR: dict[str, Right | None] = {
    VERIFICATION: None,
    PATIENT_FIND: Right.QUERY,
    STUDY_FIND: Right.QUERY,
    PATIENT_MOVE: Right.RETRIEVE,
    STUDY_MOVE: Right.RETRIEVE,
    PATIENT_GET: Right.RETRIEVE,
    STUDY_GET: Right.RETRIEVE,
    WORKLIST_FIND: Right.WORKLIST,
    COMMITMENT: Right.STORE,
}
"""What a node must be allowed for each service that is not storage."""

STORAGE = ("1.2.840.10008.5.1.4.1.1.", "1.2.840.10008.5.1.4.34.", "1.2.840.10008.5.1.4.43.", "1.2.840.10008.5.1.4.45.")
NOT_STORAGE = ("1.2.840.10008.5.1.4.34.4", "1.2.840.10008.5.1.4.34.5", "1.2.840.10008.5.1.4.34.6")
"""Unified procedure steps live among the radiotherapy objects."""
COMMAND_SYNTAXES = (EXPLICIT_LE, IMPLICIT_LE)
STORED_SYNTAXES = (EXPLICIT_LE, IMPLICIT_LE, *(uid for uid in SYNTAXES if uid not in (EXPLICIT_LE, IMPLICIT_LE)))
"""Everything that the store takes; where a peer offers several in one context, the plainest."""

ACCEPTED, NO_REASON, NO_ABSTRACT, NO_SYNTAX = 0, 2, 3, 4


def is_storage(abstract: str) -> bool:
    return abstract.startswith(STORAGE) and not abstract.startswith(NOT_STORAGE)


def negotiate(
    proposed: Iterable[Proposed], roles: Roles, rights: frozenset[Right]
) -> tuple[list[Accepted], Roles, list[Context]]:
    """(answers, answered roles, what may be used).

    Storage in the reversed role, for C-GET, is open to whom retrieving is; without a role asked for we take instances.
    """
    answers: list[Accepted] = []
    usable: list[Context] = []
    answered: Roles = {}
    for one in proposed:
        context, result = _judged(one, roles.get(one.abstract), rights)
        answers.append(Accepted(one.id, result, context.syntax if context else one.syntaxes[0]))
        if context:
            usable.append(context)
            if one.abstract in roles:
                answered[one.abstract] = (context.we_serve, context.we_ask)
    return answers, answered, usable


def _judged(one: Proposed, role: tuple[bool, bool] | None, rights: frozenset[Right]) -> tuple[Context | None, int]:
    storage = is_storage(one.abstract)
    if not storage and one.abstract not in RIGHT_FOR:
        return None, NO_ABSTRACT
    they_ask, they_serve = role or (True, False)
    right = Right.STORE if storage else RIGHT_FOR[one.abstract]
    we_serve = they_ask and (right is None or right in rights)
    we_ask = storage and they_serve and Right.RETRIEVE in rights
    if not we_serve and not we_ask:
        return None, 1 if role else NO_REASON
    supported = STORED_SYNTAXES if storage else COMMAND_SYNTAXES
    syntax = next((uid for uid in supported if uid in one.syntaxes), None)
    if syntax is None:
        return None, NO_SYNTAX
    return Context(one.id, one.abstract, syntax, we_serve, we_ask), ACCEPTED
