"""Whose eyes does a study want? A table of rules, the first that fits decides. Pure."""

from dataclasses import dataclass

from telehealth.core.names import fold


@dataclass(frozen=True)
class Rule:
    """modalities and words: empty means any. words are looked for in body part and descriptions, folded, as whole words."""

    subspecialty: str
    modalities: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()


def _rule(subspecialty: str, modalities: str = "", words: str = "") -> Rule:
    return Rule(subspecialty, frozenset(modalities.split()), frozenset(words.split()))


RULES = (
    _rule("breast", "MG"),
    _rule("breast", "", "breast vu mammo"),
    _rule("cardiac", "ECG XA IVUS"),
    _rule("cardiac", "", "heart cardiac coronary echo tim mach"),
    _rule("obstetric", "US", "fetal fetus obstetric thai san uterus pregnancy"),
    _rule("neuro", "", "brain head skull so nao cspine spine cot song lspine tspine"),
    _rule("chest", "", "chest lung thorax nguc phoi"),
    _rule("abdominal", "", "abdomen pelvis liver kidney bung gan than chau"),
    _rule("musculoskeletal", "", "knee hip shoulder elbow wrist hand foot ankle leg arm extremity khop xuong goi vai"),
    _rule("dental", "IO PX"),
    _rule("nuclear", "NM PT"),
)


def subspecialty(modalities: frozenset[str], texts: list[str]) -> str:
    """Empty where no rule fits."""
    said = set(fold(" ".join(texts)).split())
    for rule in RULES:
        if (not rule.modalities or rule.modalities & modalities) and (not rule.words or rule.words & said):
            return rule.subspecialty
    return ""
