from datetime import date

import pytest

from telehealth.core import i18n
from telehealth.patients.matching import REASONS, PersonFacts, Verdict, compare
from telehealth.patients.numbers import WARNINGS

HOA = PersonFacts("Nguyễn Thị Hoà", date(1959, 3, 2), sex="female", identifiers=frozenset({("national_id", "024159001234")}))


def theirs(name="NGUYEN^THI^HOA", birth=date(1959, 3, 2), year_only=False, sex="female", ids=()):
    return PersonFacts(name, birth, year_only, sex, frozenset(ids))


@pytest.mark.parametrize(
    "name",
    [
        "NGUYEN^THI^HOA",
        "NGUYEN THI HOA",
        "Hoa^Nguyen^Thi",
        "Nguyễn Thị Hòa",
        "Nguyễn Thị Hoà",
        "NGUYENTHIHOA",
        "NGUYEN^THI^HOA=阮氏和",
    ],
)
def test_a_name_is_the_same_in_any_order_without_marks_and_with_either_tone_placement(name):
    assert compare(HOA, theirs(name)).verdict is Verdict.MATCH


def test_a_birth_year_alone_is_enough_beside_the_whole_name():
    match = compare(HOA, theirs(birth=date(1959, 1, 1), year_only=True, sex="unknown"))

    assert (match.verdict, match.reasons) == (Verdict.MATCH, ("name_same", "birth_year_same"))


def test_a_machine_that_writes_the_first_of_january_knew_only_the_year():
    assert compare(HOA, theirs(birth=date(1959, 1, 1))).reasons[1] == "birth_year_same"


def test_a_different_personal_number_is_another_person_whatever_else_agrees():
    match = compare(HOA, theirs(ids=[("national_id", "024159009999")]))

    assert (match.verdict, match.reasons[0]) == (Verdict.MISMATCH, "id_differs")


def test_an_insurance_number_may_change():
    ours = PersonFacts(HOA.name, HOA.birth_date, sex="female", identifiers=frozenset({("insurance", "A")}))

    assert compare(ours, theirs(ids=[("insurance", "B")])).verdict is Verdict.MATCH


def test_the_same_number_under_another_name_is_shown_to_a_person():
    assert compare(HOA, theirs("TRAN^VAN^DUC", ids=[("national_id", "024159001234")])).verdict is Verdict.LIKELY


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (theirs(birth=date(1959, 2, 3)), "birth_day_month_swapped"),
        (theirs(birth=date(1959, 7, 20)), "birth_date_near"),
        (theirs(birth=None), "birth_missing"),
        (theirs(sex="male"), "sex_differs"),
        (theirs("NGUYEN^HOA"), "name_partly"),
        (theirs("NGUYEN^T^HOA"), "name_partly"),
    ],
)
def test_one_slip_is_likely_and_says_which(other, reason):
    match = compare(HOA, other)

    assert match.verdict is Verdict.LIKELY
    assert reason in match.reasons


@pytest.mark.parametrize(
    "other",
    [
        theirs(birth=date(1962, 3, 2)),
        theirs("TRAN^VAN^DUC"),
        theirs("HOA"),
        theirs("", birth=date(1960, 1, 1)),
        theirs("", birth=None),
        theirs(birth=date(1959, 2, 3), sex="male"),
        theirs("NGUYEN^THI^HUE"),
    ],
)
def test_two_people_are_not_mixed(other):
    assert compare(HOA, other).verdict is Verdict.MISMATCH


def test_a_verdict_does_not_depend_on_who_is_asked():
    for other in (theirs(), theirs("NGUYEN^HOA"), theirs(sex="male"), theirs(birth=None)):
        assert compare(HOA, other).verdict is compare(other, HOA).verdict


def test_every_reason_has_a_sentence():
    seen = {r for o in (theirs(), theirs("", None, sex="male"), theirs("X Y")) for r in compare(HOA, o).reasons}

    assert seen <= REASONS.keys()


def test_every_reason_and_warning_has_its_vietnamese():
    assert {*REASONS.values(), *WARNINGS.values()} - i18n.catalog("vi").keys() == set()
