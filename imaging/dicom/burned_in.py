"""May the pixels themselves hold text about the patient? From the header alone, so it says `possible` when in doubt.

Source: PS3.3, C.7.6.1 (Burned In Annotation 0028,0301), C.8.6.1 (Conversion Type 0008,0064); PS3.15, E.3.1.
"""

from enum import StrEnum
from typing import Any


class BurnedIn(StrEnum):
    NO = ""
    POSSIBLE = "possible"
    CERTAIN = "certain"


DRAWN_ON = frozenset({"US", "IVUS", "ES", "OT", "XC", "GM", "SM", "OP", "SC", "DOC", "BDUS", "ECG"})
"""Modalities whose devices write into the picture, or whose pictures are photographs of something written."""
CAPTURES = ("1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1")
"""Secondary capture (all forms) and ultrasound."""
DOCUMENTS = ("1.2.840.10008.5.1.4.1.1.104", "1.2.840.10008.5.1.4.1.1.77.1.1.1", "1.2.840.10008.5.1.4.1.1.77.1.4.1")
"""Encapsulated documents and video."""
FROM_ELSEWHERE = frozenset({"DF", "DV", "SD", "SI", "SYN", "WSD", "DRW"})
"""Conversion types: digitised film, a workstation's screen, a drawing."""
REDRAWN = frozenset({"SECONDARY", "SCREEN SAVE", "DERIVED PRINT"})


def judge(header: dict[str, Any]) -> BurnedIn:
    """header: an instance as DICOM JSON (PS3.18 F)."""
    said = _first(header, "00280301").upper()
    sop_class = _first(header, "00080016")
    if said == "YES" or sop_class.startswith(DOCUMENTS):
        return BurnedIn.CERTAIN
    if said == "NO":
        return BurnedIn.NO
    suspect = (
        _first(header, "00080060").upper() in DRAWN_ON
        or sop_class.startswith(CAPTURES)
        or _first(header, "00080064").upper() in FROM_ELSEWHERE
        or not REDRAWN.isdisjoint(str(one).upper() for one in header.get("00080008", {}).get("Value") or [])
    )
    return BurnedIn.POSSIBLE if suspect else BurnedIn.NO


def worst(found: list[BurnedIn]) -> BurnedIn:
    """Of a study: the most certain of its instances."""
    order = (BurnedIn.NO, BurnedIn.POSSIBLE, BurnedIn.CERTAIN)
    return max(found, key=order.index, default=BurnedIn.NO)


def _first(header: dict[str, Any], tag: str) -> str:
    values = header.get(tag, {}).get("Value") or [""]
    return str(values[0] or "")
