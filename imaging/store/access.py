"""To whom a study belongs, and the same as an SQL filter. Foreign studies are as unknown as ones that do not exist."""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, String, and_, cast, false, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlmodel import col

from imaging.store.models import Study, StudyState
from telehealth.core.actor import Actor, Role
from telehealth.identity import access
from telehealth.identity.access import Action, Scope

SHOWN = (StudyState.AVAILABLE,)
"""States in which readers and patients may see pixels; the sending unit sees its own from the first instance on."""


class Filed(Protocol):
    """A study's row, or as much of it as says to whom it belongs."""

    @property
    def organisation_id(self) -> UUID: ...
    @property
    def patient_id(self) -> UUID | None: ...
    @property
    def reading_unit_id(self) -> UUID | None: ...
    @property
    def reader_ids(self) -> Sequence[str]: ...
    @property
    def open_for_reading(self) -> bool: ...
    @property
    def state(self) -> str: ...
    @property
    def released_to_patient_at(self) -> Any: ...


def scope_of(study: Filed) -> Scope:
    """The study's scope, from its own row alone: imaging does not know referrals."""
    if study.state == StudyState.WITHDRAWN:
        return Scope()
    shown = study.state in SHOWN
    released = shown and study.patient_id is not None and study.released_to_patient_at is not None
    return Scope(
        patients=frozenset({study.patient_id}) if released and study.patient_id else frozenset(),
        accounts=frozenset(UUID(one) for one in study.reader_ids) if shown else frozenset(),
        units=frozenset({study.organisation_id}),
        reading_units=frozenset({study.reading_unit_id})
        if shown and study.open_for_reading and study.reading_unit_id
        else frozenset(),
    )


def ensure(actor: Actor, study: Study, action: Action = Action.SEE_IMAGES) -> None:
    """Raises NotFound for a foreign study, Forbidden where only the action is foreign."""
    access.ensure(actor, action, scope_of(study), hidden=True)


def visible(actor: Actor, action: Action = Action.SEE_IMAGES) -> ColumnElement[bool]:
    """`scope_of` as a condition on Study rows, for lists and searches."""
    there = col(Study.state) != StudyState.WITHDRAWN
    if access.province_wide(actor, action):
        return there
    ways: list[ColumnElement[bool]] = []
    shown = col(Study.state).in_(SHOWN)
    if units := access.units_for(actor, action):
        ways.append(col(Study.organisation_id).in_(units))
    listed = access.MATRIX[action]
    if Role.PATIENT in listed and actor.patients:
        ways.append(and_(shown, col(Study.patient_id).in_(actor.patients), col(Study.released_to_patient_at).is_not(None)))
    if Role.SPECIALIST in listed and actor.has(Role.SPECIALIST):
        reading = and_(col(Study.open_for_reading), col(Study.reading_unit_id).in_(actor.grants[Role.SPECIALIST]))
        named = cast(col(Study.reader_ids), String).like(f'%"{actor.account_id}"%')
        ways.append(and_(shown, or_(reading, named)))
    return and_(there, or_(*ways)) if ways else false()


@lru_cache
def _dialect(name: str) -> Dialect:
    return (postgresql if name == "postgresql" else sqlite).dialect(paramstyle="qmark")  # type: ignore[no-any-return]


def visible_sql(actor: Actor, dialect: str) -> tuple[str, list[Any]]:
    """`visible` for a hand-written statement over `study`: (condition, its values)."""
    if actor.is_system:
        return "1 = 1", []
    return _visible_sql(actor.account_id, frozenset(actor.grants.items()), actor.patients, dialect)


@lru_cache(2048)
def _visible_sql(
    account_id: UUID | None, grants: frozenset[tuple[Role, frozenset[UUID]]], patients: frozenset[UUID], dialect: str
) -> tuple[str, list[Any]]:
    """Kept by what the condition is made of, because making it costs more than most searches."""
    actor = Actor(account_id=account_id, name="", grants=MappingProxyType(dict(grants)), patients=patients)
    compiled = visible(actor).compile(dialect=_dialect(dialect), compile_kwargs={"render_postcompile": True})
    values = [compiled.params[name] for name in compiled.positiontup or ()]
    return str(compiled), [str(value) if isinstance(value, StrEnum) else value for value in values]
