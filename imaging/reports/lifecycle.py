"""The states of a report."""

from enum import StrEnum

from telehealth.core.lifecycle import advance

__all__ = ["REPORT", "SIGNED", "ReportEvent", "ReportStatus", "advance"]


class ReportStatus(StrEnum):
    """FHIR DiagnosticReport.status; `amended` is not used: say which kind."""

    DRAFT = "draft"
    PRELIMINARY = "preliminary"
    FINAL = "final"
    APPENDED = "appended"
    CORRECTED = "corrected"
    ENTERED_IN_ERROR = "entered-in-error"


class ReportEvent(StrEnum):
    SAVE = "save"
    MARK_PRELIMINARY = "mark_preliminary"
    SIGN = "sign"
    CORRECT = "correct"


_S, _E = ReportStatus, ReportEvent
REPORT = {
    (_S.DRAFT, _E.SAVE): _S.DRAFT,
    (_S.DRAFT, _E.MARK_PRELIMINARY): _S.PRELIMINARY,
    (_S.DRAFT, _E.SIGN): _S.FINAL,
    (_S.PRELIMINARY, _E.SAVE): _S.PRELIMINARY,
    (_S.PRELIMINARY, _E.MARK_PRELIMINARY): _S.PRELIMINARY,
    (_S.PRELIMINARY, _E.SIGN): _S.FINAL,
    (_S.FINAL, _E.CORRECT): _S.CORRECTED,
    (_S.CORRECTED, _E.CORRECT): _S.CORRECTED,
}
"""Once signed it never goes back to a draft."""

SIGNED = (_S.FINAL, _S.APPENDED, _S.CORRECTED)
