"""Earlier studies worth a look beside a new one, the most comparable first. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

MOST = 12


@dataclass(frozen=True)
class Compared:
    """date: DICOM DA, so text sorts as time. parts: body parts examined, upper case."""

    id: UUID
    date: str
    modalities: frozenset[str]
    parts: frozenset[str]


def priors(of: Compared, others: Iterable[Compared]) -> list[UUID]:
    """The same part of the body by the same kind of machine, then the same part, the same machine, the rest; newest first."""
    earlier = [one for one in others if one.id != of.id and one.date <= of.date]
    newest_first = sorted(earlier, key=lambda one: one.date, reverse=True)
    return [one.id for one in sorted(newest_first, key=lambda one: _distance(of, one))][:MOST]


def _distance(of: Compared, other: Compared) -> int:
    same_part = not of.parts.isdisjoint(other.parts)
    same_machine = not of.modalities.isdisjoint(other.modalities)
    return {(True, True): 0, (True, False): 1, (False, True): 2, (False, False): 3}[same_part, same_machine]
