"""What may be refused around a report."""

from telehealth.core.errors import Conflict, Invalid


class DraftMoved(Conflict):
    """facts: draft_revision, the newest one."""

    code = "draft-moved"
    title = "The draft was changed on another page; your text is still here"


class AlreadySigned(Conflict):
    code = "already-signed"
    title = "This report is signed and does not change any more"


class NotSigned(Conflict):
    code = "not-signed"
    title = "This report is not signed yet"


class CitedByReport(Conflict):
    code = "cited-by-report"
    title = "A signed report rests on this study, so it stays"


class ReportIncomplete(Invalid):
    """facts: missing, the names of the sections."""

    code = "report-incomplete"
    title = "Findings and impression are needed before signing"


class ReasonMissing(Invalid):
    code = "reason-missing"
    title = "Please say why the report is corrected"
