"""How calls went, for the coordinator: each call with its end, its cause and what was measured. No clinical content."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import true
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from signaling.statistics import service as statistics
from signaling.statistics.models import CallLeg
from telehealth.consultations.lifecycle import VisitState
from telehealth.consultations.models import Visit
from telehealth.core import audit, clock
from telehealth.core.actor import Actor
from telehealth.core.errors import Forbidden
from telehealth.identity import access
from telehealth.identity.access import Action
from telehealth.scheduling.models import Appointment, Practitioner

SPAN = timedelta(days=30)
MOST = 500
LOOK_S = 2
SLOW_JOIN_MS = 5_000
MUCH_LOSS = 0.05
MUCH_FROZEN = 0.03
"""Of the time: more than this a person notices."""

Trouble = Literal["slow_join", "loss", "frozen", "sound_only", "relayed", "unmeasured"]


@dataclass(frozen=True)
class Call:
    """One visit's call. Figures are the worst of its connections; None where nothing was measured."""

    visit_id: UUID
    specialist: str
    began_at: datetime
    zone: str
    state: str
    outcome: str
    cause: str
    join_ms: int | None
    rtt_ms: float | None
    loss: float | None
    frozen: float | None
    sound_only: float | None
    paths: tuple[str, ...]
    megabytes: float

    @property
    def troubles(self) -> frozenset[Trouble]:
        return frozenset(name for name, holds in TROUBLES.items() if holds(self))


TROUBLES: dict[Trouble, Callable[[Call], bool]] = {
    "slow_join": lambda call: (call.join_ms or 0) > SLOW_JOIN_MS,
    "loss": lambda call: (call.loss or 0) > MUCH_LOSS,
    "frozen": lambda call: (call.frozen or 0) > MUCH_FROZEN,
    "sound_only": lambda call: (call.sound_only or 0) > 0,
    "relayed": lambda call: any(path not in ("", "direct") for path in call.paths),
    "unmeasured": lambda call: call.rtt_ms is None,
}


@dataclass(frozen=True)
class Calls:
    """causes and troubles: how many calls each figure opens."""

    calls: list[Call]
    causes: dict[str, int]
    troubles: dict[Trouble, int]


async def calls_of_late(session: AsyncSession, actor: Actor) -> Calls:
    """The calls of the last thirty days, the newest first; an administrator's own units only. Raises Forbidden."""
    if not access.holds(actor, Action.SEE_OPERATIONS):
        raise Forbidden()
    units = access.units_for(actor, Action.SEE_OPERATIONS)
    everywhere = access.province_wide(actor, Action.SEE_OPERATIONS)
    rows = await session.exec(
        select(Visit, Appointment, Practitioner)
        .join(Appointment, col(Appointment.id) == col(Visit.appointment_id))
        .join(Practitioner, col(Practitioner.id) == col(Appointment.practitioner_id))
        .where(col(Appointment.start_at) > clock.now() - SPAN)
        .where(col(Visit.state) != VisitState.SCHEDULED)
        .where(true() if everywhere else col(Appointment.organisation_id).in_(units))
        .order_by(col(Appointment.start_at).desc())
        .limit(MOST)
    )
    found = list(rows)
    legs: dict[UUID, list[CallLeg]] = {}
    for leg in await statistics.legs_of(session, [visit.room for visit, _, _ in found]):
        legs.setdefault(leg.room, []).append(leg)
    audit.record(session, actor, "operations.read", "", shown=len(found))
    calls = [_call(visit, appointment, who, legs.get(visit.room, [])) for visit, appointment, who in found]
    return Calls(
        calls,
        dict(Counter(call.cause for call in calls if call.cause).most_common()),
        {name: sum(name in call.troubles for call in calls) for name in TROUBLES},
    )


def _call(visit: Visit, appointment: Appointment, who: Practitioner, legs: Sequence[CallLeg]) -> Call:
    measured = [leg for leg in legs if leg.looks]
    return Call(
        visit_id=visit.id,
        specialist=f"{who.title} {who.full_name}".strip(),
        began_at=appointment.start_at,
        zone=appointment.zone,
        state=visit.state,
        outcome=visit.outcome or "",
        cause=visit.cause,
        join_ms=max((leg.join_ms for leg in measured if leg.join_ms is not None), default=None),
        rtt_ms=max((leg.rtt_ms for leg in measured), default=None),
        loss=max((max(leg.loss_in, leg.loss_out) for leg in measured), default=None),
        frozen=max((leg.frozen_ms / (1000 * LOOK_S * leg.looks) for leg in measured), default=None),
        sound_only=max((leg.sound_only_looks / leg.looks for leg in measured), default=None),
        paths=tuple(sorted({leg.path for leg in measured if leg.path})),
        megabytes=sum(leg.received_bytes + leg.sent_bytes for leg in measured) / 1e6,
    )
