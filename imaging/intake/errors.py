"""What may be refused around an upload as a whole; a single file's refusal is an answer, not an error."""

from telehealth.core.errors import Conflict, Invalid


class UploadFinished(Conflict):
    code = "upload-finished"
    title = "This upload is finished; please begin a new one"


class TooManyFiles(Invalid):
    code = "too-many-files"
    title = "There are too many files in one upload"
