"""One rule for searching Vietnamese names, whoever asks."""

import pytest

from telehealth.core.names import NamePattern, fold, spelled

NAME = "Nguyễn^Thị^Hoà"


@pytest.mark.parametrize(
    "typed",
    [
        "Nguyễn^Thị^Hoà",
        "Nguyễn Thị Hoà",
        "nguyen thi hoa",
        "HOÀ NGUYỄN",
        "Hòa^Nguyễn",  # the newer place of the tone
        "hoa",
        "Nguy*",
        "*guy*",
        "h?a",
        "Nguy*Hoà",
        "NGUYỄN^THỊ*",
    ],
)
def test_a_name_is_found_however_it_is_typed(typed):
    assert NamePattern.of(typed).finds(NAME)


@pytest.mark.parametrize("typed", ["ho", "Trần", "hoan", "Nguyễn Văn Hoà", "h?"])
def test_what_is_not_in_the_name_does_not_find_it(typed):
    assert not NamePattern.of(typed).finds(NAME)


def test_fuzzy_words_may_go_on():
    assert NamePattern.of("ho ng", fuzzy=True).finds(NAME)


def test_marks_that_were_typed_rank_first():
    names = ["Nguyễn^Thị^Hoa", "Nguyễn^Thị^Hóa", "Nguyễn^Thị^Hòa", "Nguyễn^Thị^Hoà"]
    pattern = NamePattern.of("hoà")
    assert [pattern.closeness(name) for name in names] == [0, 0, 1, 1]
    assert [NamePattern.of("hoa").closeness(name) for name in names] == [0, 0, 0, 0]


def test_letters_of_their_own_are_marks_too():
    assert NamePattern.of("Đức").closeness("Trần^Văn^Đức") == 1
    assert NamePattern.of("Đức").closeness("Tran^Van^Duc") == 0
    assert fold("Đức") == "duc"
    assert spelled("QUỐC") == spelled("quốc")
