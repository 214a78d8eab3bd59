"""Who acts. A frozen value, the second argument of every verb."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID


class Role(StrEnum):
    PATIENT = "patient"
    TECHNICIAN = "technician"
    """Technician or nurse of a clinic."""
    REFERRING_DOCTOR = "referring_doctor"
    SPECIALIST = "specialist"
    COORDINATOR = "coordinator"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


STAFF = frozenset(Role) - {Role.PATIENT}


@dataclass(frozen=True)
class Actor:
    """account_id: None for the system itself and for nobody.

    grants: for each role the organisations it reaches, whole subtrees already spread out.
    homes: the organisations in which roles are held directly: where this person works.
    patients: the people this account may act for (itself and its proxies).
    """

    account_id: UUID | None
    name: str
    grants: Mapping[Role, frozenset[UUID]] = field(default_factory=lambda: MappingProxyType({}))
    homes: frozenset[UUID] = frozenset()
    patients: frozenset[UUID] = frozenset()
    language: str = "vi"
    session_id: UUID | None = None
    second_factor_at: datetime | None = None
    is_system: bool = False

    @property
    def roles(self) -> frozenset[Role]:
        return frozenset(self.grants)

    @property
    def units(self) -> frozenset[UUID]:
        """Every organisation in which this person holds some role."""
        return frozenset().union(*self.grants.values())

    def has(self, *roles: Role) -> bool:
        return not self.roles.isdisjoint(roles)


SYSTEM = Actor(account_id=None, name="system", is_system=True)
"""Sweeps, pipeline steps and time limits act under this name."""
