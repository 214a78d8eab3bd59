"""Vietnamese phone numbers: as people write them in, as E.164 out."""

import re

from telehealth.identity.errors import BadPhone

MOBILE = re.compile(r"\+84[35789]\d{8}")
"""Mobile numbers since 2018: nine digits after the country code."""
DECORATION = re.compile(r"[\s.\-()]")


def normal(text: str) -> str:
    """`0912 345 678`, `84912345678`, `+84 (0)912.345.678` -> +84912345678. Raises BadPhone for anything else."""
    digits = DECORATION.sub("", text.strip().replace("(0)", ""))
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    elif digits.startswith("0"):
        digits = "+84" + digits[1:]
    elif digits.startswith("84") and len(digits) == 11:
        digits = "+" + digits
    if not MOBILE.fullmatch(digits):
        raise BadPhone()
    return digits


def masked(phone: str) -> str:
    """Enough to recognise one's own number: ******678."""
    return "*" * 6 + phone[-3:]
