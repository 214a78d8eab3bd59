"""How a visit ended and why, from who was present when. Technical trouble never makes a no-show."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import product

from telehealth.consultations.lifecycle import VisitStep


class VisitOutcome(StrEnum):
    COMPLETED = "completed"
    PATIENT_ABSENT = "patient_absent"
    PROVIDER_ABSENT = "provider_absent"
    TECHNICAL = "technical"
    EMERGENCY_TRANSFER = "emergency_transfer"


class Cause(StrEnum):
    """The words of the rule; pages say them in the reader's language."""

    SAID_GOODBYE = "said_goodbye"
    LINE_LOST = "line_lost"
    """They had met; the last meeting broke off and was never taken up again."""
    NO_MEDIA = "no_media"
    """Both were in the room, but no sound or picture ever came through."""
    PATIENT_NEVER_CAME = "patient_never_came"
    PATIENT_LINE_FAILED = "patient_line_failed"
    """The patient came to the door, but the line to the room never stood."""
    LOST_WHILE_WAITING = "lost_while_waiting"
    PROVIDER_NEVER_CAME = "provider_never_came"
    NOBODY_CAME = "nobody_came"
    NOT_ADMITTED = "not_admitted"
    MISSED_EACH_OTHER = "missed_each_other"
    TOO_SHORT = "too_short"
    """They met, but for less than a minute, and nobody ended the visit."""
    EMERGENCY_CALLED = "emergency_called"
    STATED = "stated"


SHORTEST = timedelta(seconds=60)
"""A visit that took place lasted so long, or the specialist ended it. Source: PRODUCT 5.2."""


@dataclass(frozen=True)
class Stretch:
    """One stretch of one person in the room, [start, end]; end None while it lasts. is_host: of the specialist's side."""

    is_host: bool
    admitted: bool
    start: datetime
    end: datetime | None
    because: str = ""
    media_connected: bool = False


def outcome_of(stretches: Sequence[Stretch], *, patient_tried: bool = False) -> tuple[VisitOutcome, Cause]:
    """What the stretches of a visit that is over say.

    patient_tried: the patient asked for a ticket to the room, whether or not the line stood afterwards.
    Only "the provider was there, the patient never came and never tried" is a no-show.
    """
    host = [s for s in stretches if s.is_host]
    guest = [s for s in stretches if not s.is_host]
    if meetings := _meetings(host, guest):
        return _after_meeting(meetings)
    if not guest:
        return _without_patient(bool(host), patient_tried)
    if not host:
        return VisitOutcome.PROVIDER_ABSENT, Cause.PROVIDER_NEVER_CAME
    if _last(guest).because == "lost":
        return VisitOutcome.TECHNICAL, Cause.LOST_WHILE_WAITING
    if any(_overlap(a, b) for a, b in product(host, guest)):
        return VisitOutcome.PROVIDER_ABSENT, Cause.NOT_ADMITTED
    return VisitOutcome.PROVIDER_ABSENT, Cause.MISSED_EACH_OTHER


def _without_patient(provider_came: bool, patient_tried: bool) -> tuple[VisitOutcome, Cause]:
    if patient_tried:
        return VisitOutcome.TECHNICAL, Cause.PATIENT_LINE_FAILED
    if provider_came:
        return VisitOutcome.PATIENT_ABSENT, Cause.PATIENT_NEVER_CAME
    return VisitOutcome.PROVIDER_ABSENT, Cause.NOBODY_CAME


def _after_meeting(meetings: Sequence[tuple[Stretch, Stretch]]) -> tuple[VisitOutcome, Cause]:
    if not any(a.media_connected or b.media_connected for a, b in meetings):
        return VisitOutcome.TECHNICAL, Cause.NO_MEDIA
    # the last meeting; of several that began at once, with the line that was taken up last
    host, guest = max(meetings, key=lambda pair: (max(pair[0].start, pair[1].start), pair[0].start, pair[1].start))
    # whoever left first ended the meeting; a goodbye of either closes it, however the other's line ended later
    first = min((s for s in (host, guest) if s.end), key=lambda s: s.end or s.start, default=None)
    if first is not None and first.because == "lost":
        return VisitOutcome.TECHNICAL, Cause.LINE_LOST
    if not any(s.because == "ended" for s in (host, guest)) and _together(meetings) < SHORTEST:
        return VisitOutcome.TECHNICAL, Cause.TOO_SHORT
    return VisitOutcome.COMPLETED, Cause.SAID_GOODBYE


def _together(meetings: Sequence[tuple[Stretch, Stretch]]) -> timedelta:
    """How long both were inside; one that still lasts counts as long enough."""
    return sum((_length(a, b) for a, b in meetings), timedelta())


def _length(a: Stretch, b: Stretch) -> timedelta:
    ends = [s.end for s in (a, b) if s.end]
    return min(ends) - max(a.start, b.start) if ends else SHORTEST


def _meetings(host: Iterable[Stretch], guest: Iterable[Stretch]) -> list[tuple[Stretch, Stretch]]:
    return [(a, b) for a, b in product(host, guest) if a.admitted and b.admitted and _overlap(a, b)]


def _overlap(a: Stretch, b: Stretch) -> bool:
    return (b.end is None or a.start <= b.end) and (a.end is None or b.start <= a.end)


def _last(stretches: Sequence[Stretch]) -> Stretch:
    return max(stretches, key=lambda s: s.start)


def step_of(stretches: Sequence[Stretch]) -> VisitStep | None:
    """What a visit that goes on is doing now: None where nobody has come yet."""
    if not stretches:
        return None
    here = [s for s in stretches if s.end is None and s.admitted]
    if any(s.is_host for s in here) and any(not s.is_host for s in here):
        return VisitStep.MEET
    host = [s for s in stretches if s.is_host]
    guest = [s for s in stretches if not s.is_host]
    return VisitStep.PART if _meetings(host, guest) else VisitStep.KNOCK
