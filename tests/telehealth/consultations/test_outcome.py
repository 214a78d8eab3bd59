"""From presence to outcome: technical trouble and a waiting patient never make a no-show."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.consultations.lifecycle import VisitStep
from telehealth.consultations.outcome import Cause, Stretch, VisitOutcome, outcome_of, step_of

START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def host(start: float, end: float | None, because: str = "ended", media: bool = True) -> Stretch:
    return Stretch(True, True, at(start), None if end is None else at(end), because, media)


def guest(start: float, end: float | None, because: str = "ended", media: bool = True, admitted: bool = True) -> Stretch:
    return Stretch(False, admitted, at(start), None if end is None else at(end), because, media and admitted)


CASES = [
    ([host(0, 20), guest(1, 20)], False, "completed", "said_goodbye"),
    ([host(0, 20), guest(1, 5, "lost"), guest(6, 20)], True, "completed", "said_goodbye"),
    ([host(0, 20), guest(1, 5, "replaced"), guest(5, 20, "hung_up")], True, "completed", "said_goodbye"),
    ([host(0, 20), guest(1, 5, "lost")], True, "technical", "line_lost"),
    ([host(0, 5, "lost"), guest(1, 5, "lost")], True, "technical", "line_lost"),
    ([host(0, 20, media=False), guest(1, 20, media=False)], True, "technical", "no_media"),
    ([host(0, 0.5, "hung_up"), guest(0, 20, "hung_up")], True, "technical", "too_short"),
    ([host(0, 0.5, "ended"), guest(0, 0.5, "ended")], True, "completed", "said_goodbye"),
    ([host(0, 20)], False, "patient_absent", "patient_never_came"),
    ([host(0, 20)], True, "technical", "patient_line_failed"),
    ([guest(0, 20, "hung_up", admitted=False)], True, "provider_absent", "provider_never_came"),
    ([], False, "provider_absent", "nobody_came"),
    ([host(0, 20), guest(1, 19, "hung_up", admitted=False)], True, "provider_absent", "not_admitted"),
    ([host(10, 20), guest(0, 5, "hung_up", admitted=False)], True, "provider_absent", "missed_each_other"),
    ([host(10, 20), guest(0, 5, "lost", admitted=False)], True, "technical", "lost_while_waiting"),
]


@pytest.mark.parametrize(("stretches", "tried", "outcome", "cause"), CASES)
def test_each_story_has_its_outcome_and_cause(stretches, tried, outcome, cause):
    assert outcome_of(stretches, patient_tried=tried) == (VisitOutcome(outcome), Cause(cause))


def made(is_host: bool, admitted: bool, start: int, length: int, because: str, media: bool) -> Stretch:
    return Stretch(is_host, is_host or admitted, at(start), at(start + length), because, media)


stories = st.lists(
    st.builds(
        made,
        st.booleans(),
        st.booleans(),
        st.integers(0, 60),
        st.integers(0, 30),
        st.sampled_from(["hung_up", "lost", "ended", "replaced", "denied"]),
        st.booleans(),
    ),
    max_size=8,
)


@given(stories, st.booleans())
def test_a_no_show_needs_a_provider_and_a_patient_who_never_came_or_tried(stretches, tried):
    outcome, _ = outcome_of(stretches, patient_tried=tried)
    came = any(not s.is_host for s in stretches)
    provider = any(s.is_host for s in stretches)
    assert (outcome is VisitOutcome.PATIENT_ABSENT) == (provider and not came and not tried)


@given(stories, st.booleans())
def test_a_completed_visit_had_media(stretches, tried):
    if outcome_of(stretches, patient_tried=tried)[0] is VisitOutcome.COMPLETED:
        assert any(s.media_connected for s in stretches)


@given(stories, st.booleans())
def test_the_order_in_which_rows_are_read_does_not_matter(stretches, tried):
    forwards, backwards = (outcome_of(rows, patient_tried=tried) for rows in (stretches, stretches[::-1]))
    starts = [s.start for s in stretches]
    if len(set(starts)) == len(starts):
        assert forwards == backwards


def test_the_step_of_a_visit_that_goes_on():
    assert step_of([]) is None
    assert step_of([guest(0, None, admitted=False)]) is VisitStep.KNOCK
    assert step_of([host(0, None), guest(1, None)]) is VisitStep.MEET
    assert step_of([host(0, None), guest(1, 2, "lost")]) is VisitStep.PART
