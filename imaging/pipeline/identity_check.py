"""Does the file's patient match the person the study is filed under? Pure; the rules are patients.matching's."""

import hashlib
import json
from datetime import date
from typing import Any

from telehealth.patients.matching import PersonFacts, compare
from telehealth.patients.models import IdentifierSystem

SEXES = {"M": "male", "F": "female", "O": "other"}
NATIONAL_ID_DIGITS, CITIZEN_ID_DIGITS = 12, 9


def person_in_file(name: str, patient_id: str, birth_date: str, sex: str) -> PersonFacts:
    """What a DICOM header says: PN, LO, DA, CS. A Patient ID counts as a personal number where it has its form."""
    return PersonFacts(
        name=name,
        birth_date=_date(birth_date),
        sex=SEXES.get(sex.strip().upper(), "unknown"),
        identifiers=frozenset(_numbers(patient_id.strip())),
    )


def _numbers(patient_id: str) -> list[tuple[str, str]]:
    if not (patient_id.isascii() and patient_id.isdigit()):
        return []
    systems = {NATIONAL_ID_DIGITS: IdentifierSystem.NATIONAL_ID.value, CITIZEN_ID_DIGITS: IdentifierSystem.CITIZEN_ID.value}
    system = systems.get(len(patient_id))
    # twelve digits of a hospital's own counter are no province, so no personal number
    if system == IdentifierSystem.NATIONAL_ID.value and not 1 <= int(patient_id[:3]) <= 96:
        return []
    return [(system, patient_id)] if system else []


def _date(text: str) -> date | None:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if len(text) == 8 else None
    except ValueError:
        return None


def check(ours: PersonFacts, theirs: PersonFacts) -> dict[str, Any]:
    """verdict, reasons (codes of patients.matching), and `about`: a digest of what was compared.

    A person's decision holds for what it was made about, and no longer when name or filing change.
    """
    match = compare(ours, theirs)
    return {"verdict": str(match.verdict), "reasons": list(match.reasons), "about": _digest(ours, theirs)}


def _digest(*people: PersonFacts) -> str:
    facts = [[p.name, str(p.birth_date), p.sex, sorted(p.identifiers)] for p in people]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
