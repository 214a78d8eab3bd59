"""Why a file is not taken: one code each, a status for machines (PS3.18, 10.5.3; PS3.7, C) and a sentence for people."""

from dataclasses import dataclass
from enum import StrEnum

from telehealth.core.i18n import gettext

CANNOT_UNDERSTAND = 0xC000
OUT_OF_RESOURCES = 0xA700
MISMATCH = 0xA900
PROCESSING_FAILURE = 0x0110
DUPLICATE_INSTANCE = 0x0111
SYNTAX_NOT_SUPPORTED = 0xC122


class Code(StrEnum):
    EMPTY = "empty"
    NOT_DICOM = "not_dicom"
    BAD_META = "bad_meta"
    UNKNOWN_TRANSFER_SYNTAX = "unknown_transfer_syntax"
    TRUNCATED = "truncated"
    BAD_LENGTH = "bad_length"
    BAD_ELEMENT = "bad_element"
    BAD_ORDER = "bad_order"
    TOO_DEEP = "too_deep"
    TOO_MANY_ELEMENTS = "too_many_elements"
    MISSING_UID = "missing_uid"
    BAD_UID = "bad_uid"
    DICOMDIR = "dicomdir"
    BAD_PIXELS = "bad_pixels"
    BOMB = "bomb"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"
    CONFLICT = "conflict"
    SERIES_CONFLICT = "series_conflict"
    PATIENT_CONFLICT = "patient_conflict"
    FILED_ELSEWHERE = "filed_elsewhere"
    WRONG_STUDY = "wrong_study"


@dataclass(frozen=True)
class Reason:
    failure_reason: int
    sentence: str


REASONS: dict[Code, Reason] = {
    Code.EMPTY: Reason(CANNOT_UNDERSTAND, "The file is empty"),
    Code.NOT_DICOM: Reason(CANNOT_UNDERSTAND, "This is not a DICOM file"),
    Code.BAD_META: Reason(CANNOT_UNDERSTAND, "The header at the start of the DICOM file is missing or broken"),
    Code.UNKNOWN_TRANSFER_SYNTAX: Reason(SYNTAX_NOT_SUPPORTED, "The images are packed in a way that we do not know"),
    Code.TRUNCATED: Reason(CANNOT_UNDERSTAND, "The file ends too early; please copy or send it again"),
    Code.BAD_LENGTH: Reason(CANNOT_UNDERSTAND, "A part of the file claims a length that cannot be true"),
    Code.BAD_ELEMENT: Reason(CANNOT_UNDERSTAND, "A part of the file cannot be understood"),
    Code.BAD_ORDER: Reason(CANNOT_UNDERSTAND, "Parts of the file stand twice or in the wrong order"),
    Code.TOO_DEEP: Reason(CANNOT_UNDERSTAND, "Parts of the file are nested too deeply"),
    Code.TOO_MANY_ELEMENTS: Reason(OUT_OF_RESOURCES, "The file has too many parts"),
    Code.MISSING_UID: Reason(MISMATCH, "The file does not say which study, series or image it is"),
    Code.BAD_UID: Reason(MISMATCH, "An identifier (UID) in the file is not valid"),
    Code.DICOMDIR: Reason(MISMATCH, "This is the index of a CD, not an image; it is not needed"),
    Code.BAD_PIXELS: Reason(CANNOT_UNDERSTAND, "The image is not as large as the file says"),
    Code.BOMB: Reason(OUT_OF_RESOURCES, "Unpacked, the file would be far too large"),
    Code.TOO_LARGE: Reason(OUT_OF_RESOURCES, "The file is larger than the limit"),
    Code.UNREADABLE: Reason(CANNOT_UNDERSTAND, "The content of the file cannot be read"),
    Code.CONFLICT: Reason(DUPLICATE_INSTANCE, "Another image with the same identifier is here already; this one was set aside"),
    Code.SERIES_CONFLICT: Reason(MISMATCH, "Its series belongs to another study here; the file was set aside"),
    Code.PATIENT_CONFLICT: Reason(MISMATCH, "Its study is here under another patient; the file was set aside"),
    Code.FILED_ELSEWHERE: Reason(MISMATCH, "Its study is already filed under another patient or by another clinic"),
    Code.WRONG_STUDY: Reason(MISMATCH, "The file belongs to another study than the one it was sent to"),
}


@dataclass(frozen=True)
class Refusal:
    """The answer to one file that was not taken. detail: where and what, without patient data.

    sop_class, sop_uid: as far as they could be read, for the answer's FailedSOPSequence.
    """

    code: Code
    detail: str = ""
    sop_class: str = ""
    sop_uid: str = ""

    @property
    def failure_reason(self) -> int:
        return REASONS[self.code].failure_reason

    @property
    def sentence(self) -> str:
        """In the reader's language."""
        return gettext(REASONS[self.code].sentence)


class Refused(Exception):
    """How the walk and the rules below give up on a file; the door turns it into its `refusal`."""

    def __init__(self, code: Code, detail: str = "", *, sop_class: str = "", sop_uid: str = "") -> None:
        super().__init__(f"{code.value}: {detail}")
        self.refusal = Refusal(code, detail, sop_class, sop_uid)
