"""What a 12-digit personal number (CCCD) says about its holder. Source: Circular 59/2021/TT-BCA, annex.

Three digits of the province of birth registration, one of century and sex, two of the birth year, six at random.
Desks and memories err, so a contradiction is a warning and never a refusal.
"""

LENGTH = 12
CENTURY_AND_SEX = {str(2 * i + s): (1900 + 100 * i, sex) for i in range(5) for s, sex in enumerate(("male", "female"))}
"""0 man and 1 woman born 1900–1999, 2 and 3 born 2000–2099, and so on."""
HIGHEST_PROVINCE = 96

WARNINGS: dict[str, str] = {
    "number_not_12_digits": "A personal ID number has 12 digits",
    "number_unknown_province": "The first three digits of the ID number are no province",
    "number_other_birth_year": "The birth year in the ID number is another one",
    "number_other_sex": "The sex in the ID number is another one",
}
"""Code -> English sentence, translated where it is shown."""


def warnings_about(number: str, birth_year: int | None, sex: str) -> tuple[str, ...]:
    """Codes of `WARNINGS` for a number as typed (spaces allowed); none for an empty one."""
    digits = plain(number)
    if not digits:
        return ()
    if len(digits) != LENGTH or not digits.isascii() or not digits.isdigit():
        return ("number_not_12_digits",)
    century, number_sex = CENTURY_AND_SEX[digits[3]]
    doubts = {
        "number_unknown_province": not 1 <= int(digits[:3]) <= HIGHEST_PROVINCE,
        "number_other_birth_year": birth_year is not None and birth_year != century + int(digits[4:6]),
        "number_other_sex": sex in ("male", "female") and sex != number_sex,
    }
    return tuple(code for code, holds in doubts.items() if holds)


def plain(number: str) -> str:
    """Without the spaces, dots and dashes that people write."""
    return "".join(c for c in number if c not in " .-\u00a0").upper()
