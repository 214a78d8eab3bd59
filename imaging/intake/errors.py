"""What may be refused around an upload as a whole; a single file's refusal is an answer, not an error."""

from telehealth.core.errors import Conflict, Invalid, TooLarge, Unavailable


class UploadFinished(Conflict):
    code = "upload-finished"
    title = "This upload is finished; please begin a new one"


class TooManyFiles(Invalid):
    code = "too-many-files"
    title = "There are too many files in one upload"


class OtherOffset(Conflict):
    """facts: offset, where the file goes on."""

    code = "other-offset"
    title = "The file goes on at another place"


class DamagedOnTheWay(Invalid):
    """What arrived is not what was announced: nothing of it is kept, sending begins at its start."""

    code = "damaged-on-the-way"
    title = "The file was damaged on the way and is sent anew"


class TooMuchWaiting(TooLarge):
    """facts: limit in bytes."""

    code = "too-much-waiting"
    title = "Your unit has too many unfinished uploads; finish or remove some first"


class Silent(Unavailable):
    """Nothing arrived for a minute: what came is kept."""

    code = "silent"
    title = "Nothing has arrived for a while; please go on"


class Superseded(Conflict):
    """The sender has come back on another connection: this one is dead, what came on it is kept."""

    code = "superseded"
    title = "The file goes on in another request"
