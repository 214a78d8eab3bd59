"""Status codes of DIMSE (PS3.7, C; PS3.4), and which one a refusal of ours becomes."""

from imaging.dicom.refusals import Refusal
from telehealth.core.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, TooLarge, Unavailable

SUCCESS = 0x0000
PENDING = 0xFF00
PENDING_UNSUPPORTED_KEYS = 0xFF01
CANCELLED = 0xFE00
PROCESSING_FAILURE = 0x0110
NO_SUCH_INSTANCE = 0x0112
CLASS_NOT_SUPPORTED = 0x0122
NO_SUCH_ACTION = 0x0123
NOT_AUTHORIZED = 0x0124
UNRECOGNIZED_OPERATION = 0x0211
OUT_OF_RESOURCES = 0xA700
CANNOT_COUNT = 0xA701
CANNOT_SUBOPERATE = 0xA702
UNKNOWN_DESTINATION = 0xA801
IDENTIFIER_MISMATCH = 0xA900
SOME_FAILED = 0xB000
CANNOT_UNDERSTAND = 0xC000

OF: dict[type[DomainError], int] = {
    Forbidden: NOT_AUTHORIZED,
    NotFound: NO_SUCH_INSTANCE,
    Conflict: PROCESSING_FAILURE,
    Invalid: CANNOT_UNDERSTAND,
    TooLarge: OUT_OF_RESOURCES,
    Unavailable: OUT_OF_RESOURCES,
}


def of(error: DomainError | Refusal) -> int:
    """The status for a refusal: a file's own (A7xx, A9xx, Cxxx, 01xx), or that of the error's kind."""
    if isinstance(error, Refusal):
        return error.failure_reason
    return next((OF[kind] for kind in type(error).__mro__ if kind in OF), PROCESSING_FAILURE)


def is_warning(status: int) -> bool:
    return status & 0xF000 == 0xB000 or status in (0x0001, 0x0107, 0x0116)
