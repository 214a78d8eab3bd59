"""Are these two descriptions the same person? Pure; used for duplicates at the desk and for names in DICOM files.

A different strong number decides against everything else; a name alone never decides for it.
"""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from telehealth.core.names import fold

STRONG = frozenset({"national_id", "citizen_id"})
"""One person has one of each for life, so two different values are two people. Insurance and facility numbers change."""


class Verdict(StrEnum):
    MATCH = "match"
    LIKELY = "likely"
    """Nothing speaks against it, but a person should look."""
    MISMATCH = "mismatch"


@dataclass(frozen=True)
class PersonFacts:
    """What one source says. name: any order, DICOM's ^ too. birth_date: 1 January where birth_year_only.

    sex: male, female, other, unknown. identifiers: (system, value).
    """

    name: str
    birth_date: date | None = None
    birth_year_only: bool = False
    sex: str = "unknown"
    identifiers: frozenset[tuple[str, str]] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Match:
    """reasons: codes of `REASONS`, what decided first."""

    verdict: Verdict
    reasons: tuple[str, ...]


REASONS: dict[str, str] = {
    "id_same": "The personal ID number is the same",
    "id_differs": "The personal ID numbers differ",
    "name_same": "The name is the same",
    "name_partly": "A part of the name is the same",
    "name_differs": "The names differ",
    "name_missing": "There is no name to compare",
    "birth_date_same": "The date of birth is the same",
    "birth_year_same": "The year of birth is the same",
    "birth_day_month_swapped": "Day and month of birth are swapped",
    "birth_date_near": "The year of birth is the same, the day differs",
    "birth_differs": "The dates of birth differ",
    "birth_missing": "There is no date of birth to compare",
    "sex_same": "The sex is the same",
    "sex_differs": "The sex differs",
}
"""Code -> English sentence, translated where it is shown."""


def compare(ours: PersonFacts, theirs: PersonFacts) -> Match:
    """Whether `theirs` describes the person we know as `ours`, and why."""
    number, name, birth, sex = _numbers(ours, theirs), _names(ours.name, theirs.name), _births(ours, theirs), _sexes(ours, theirs)
    reasons = tuple(code for code in (number, name, birth, sex) if code)
    return Match(_verdict(number, name, birth, sex), reasons)


def _verdict(number: str, name: str, birth: str, sex: str) -> Verdict:
    if number == "id_differs":
        return Verdict.MISMATCH
    contradicted = birth in ("birth_differs", "birth_date_near", "birth_day_month_swapped") or sex == "sex_differs"
    if number == "id_same":
        sure = name in ("name_same", "name_partly") and not contradicted
        return Verdict.MATCH if sure else Verdict.LIKELY
    if name == "name_same":
        if birth in ("birth_date_same", "birth_year_same") and not contradicted:
            return Verdict.MATCH
        if birth == "birth_differs":
            return Verdict.MISMATCH
        # a slip in one field is common; two at once is another person
        slips = (birth in ("birth_date_near", "birth_day_month_swapped")) + (sex == "sex_differs")
        return Verdict.LIKELY if slips < 2 else Verdict.MISMATCH
    if name in ("name_partly", "name_missing") and birth == "birth_date_same" and sex != "sex_differs":
        return Verdict.LIKELY
    return Verdict.MISMATCH


def _numbers(ours: PersonFacts, theirs: PersonFacts) -> str:
    same = False
    for system in sorted(STRONG):
        mine = {value for of, value in ours.identifiers if of == system and value}
        other = {value for of, value in theirs.identifiers if of == system and value}
        if mine and other:
            if mine.isdisjoint(other):
                return "id_differs"
            same = True
    return "id_same" if same else ""


def _names(ours: str, theirs: str) -> str:
    mine = fold(ours).split()
    written = [fold(group).split() for group in theirs.split("=")]  # DICOM: alphabetic=ideographic=phonetic
    written = [words for words in written if words]
    if not mine or not written:
        return "name_missing"
    if any(_same_words(mine, words) for words in written):
        return "name_same"
    return "name_partly" if any(_partly(mine, words) for words in written) else "name_differs"


def _same_words(ours: list[str], theirs: list[str]) -> bool:
    """In any order, or written together as some machines do."""
    return sorted(ours) == sorted(theirs) or "".join(ours) == "".join(theirs)


def _partly(ours: list[str], theirs: list[str]) -> bool:
    """All words of the shorter one (two at least) are in the longer, a single letter standing for a word."""
    short, long = sorted((ours, theirs), key=len)
    if len(short) < 2:
        return False
    left = list(long)
    for word in sorted(short, key=len, reverse=True):
        found = next((w for w in left if w == word), None) or next(
            (w for w in left if 1 in (len(w), len(word)) and w[0] == word[0]), None
        )
        if found is None:
            return False
        left.remove(found)
    return any(len(word) > 1 and word in long for word in short)


def _births(ours: PersonFacts, theirs: PersonFacts) -> str:
    mine, other = ours.birth_date, theirs.birth_date
    if mine is None or other is None:
        return "birth_missing"
    # many machines write 1 January when the desk only knew the year
    year_only = ours.birth_year_only or theirs.birth_year_only or (1, 1) in ((mine.month, mine.day), (other.month, other.day))
    if mine == other and not (ours.birth_year_only or theirs.birth_year_only):
        return "birth_date_same"
    if mine.year != other.year:
        return "birth_differs"
    if year_only:
        return "birth_year_same"
    return "birth_day_month_swapped" if (mine.day, mine.month) == (other.month, other.day) else "birth_date_near"


def _sexes(ours: PersonFacts, theirs: PersonFacts) -> str:
    known = ("male", "female")
    if ours.sex not in known or theirs.sex not in known:
        return ""
    return "sex_same" if ours.sex == theirs.sex else "sex_differs"
