"""What a file is before anybody reads it as DICOM, and the sentence for every answer. Pure."""

from pathlib import PurePosixPath

from imaging.dicom.refusals import REASONS as DICOM_REASONS
from imaging.dicom.refusals import Code
from telehealth.core.i18n import gettext

ZIP_START = b"PK\x03\x04"
EMPTY_ZIP_START = b"PK\x05\x06"
HEAD_BYTES = 132
"""Enough to know a kind: the DICOM mark ends at 132."""

BESIDES = frozenset({"dicomdir", "thumbs.db", ".ds_store", "desktop.ini", "autorun.inf", "lockfile", "version"})
PROGRAMS = frozenset({".exe", ".dll", ".inf", ".ini", ".bat", ".msi", ".jar", ".chm", ".ico", ".htm", ".html", ".css", ".js"})
STARTS: dict[bytes, str] = {
    b"\xd0\xcf\x11\xe0": "office_document",
    b"Rar!": "other_archive",
    b"7z\xbc\xaf": "other_archive",
    b"\x1f\x8b": "other_archive",
}

DOCUMENTS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF", "application/pdf"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG", "image/png"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
)
"""Offset, bytes there, media type: what browsers show by themselves."""
NO_BROWSER_SHOWS = (b"heic", b"heix", b"mif1", b"msf1", b"avif")
ALONE = {"application/pdf": "pdf", "image": "plain_picture", "video": "video_alone"}

REASONS: dict[str, str] = {
    "besides": "Not an image: it only comes along with a CD",
    "pdf": "This is a PDF, not a DICOM image",
    "office_document": "This is an Office document (such as Word), not a DICOM image",
    "plain_picture": "This is a plain picture (JPEG or PNG), not a DICOM image",
    "video_alone": "A video is taken only with a referral",
    "heic": "This kind of photo cannot be shown everywhere; please send it as JPEG",
    "document_in_folder": "A picture or document inside a folder is not taken; choose it by itself if it belongs to the referral",
    "other_archive": "Only zip archives can be unpacked here",
    "zip_encrypted": "The zip is protected with a password; please send it without one",
    "zip_broken": "The zip is damaged; please make it or copy it again",
    "zip_bomb": "Unpacked, this would be far too large",
    "zip_too_many": "There are too many files in the zip",
    "zip_inside_zip": "A zip inside a zip is not unpacked; please send it by itself",
    "zip_link": "This is only a link to another file",
    "zip_unknown_packing": "The zip is packed in a way that we do not know",
    "not_for_you": "The study belongs to somebody else; the file was not taken",
}


def kind_of(name: str, head: bytes) -> tuple[str, str]:
    """(`dicom`, ""), (`zip`, ""), (`document`, media type), (`ignored`, code) or (`refused`, code).

    The DICOM mark outweighs every name.
    """
    if head[128:132] == b"DICM" and not _is_besides(name):
        return "dicom", ""
    if _is_besides(name):
        return "ignored", "besides"
    if not head:
        return "refused", Code.EMPTY.value
    if head.startswith((ZIP_START, EMPTY_ZIP_START)):
        return "zip", ""
    for start, code in STARTS.items():
        if head.startswith(start):
            return "refused", code
    if head[4:8] == b"ftyp" and head[8:12] in NO_BROWSER_SHOWS:
        return "refused", "heic"
    for offset, mark, media_type in DOCUMENTS:
        if head[offset:].startswith(mark):
            return "document", media_type
    return "dicom", ""  # no mark, but perhaps still one: the preflight judges


def without_question(media_type: str) -> str:
    """Why a document that belongs to no referral is refused."""
    return ALONE.get(media_type) or ALONE[media_type.partition("/")[0]]


def _is_besides(name: str) -> bool:
    last = PurePosixPath(name.replace("\\", "/"))
    return last.name.casefold() in BESIDES or last.suffix.casefold() in PROGRAMS or "__MACOSX" in last.parts


def sentence(code: str) -> str:
    """The answer in the reader's language; empty for no code."""
    if not code:
        return ""
    if code in REASONS:
        return gettext(REASONS[code])
    return gettext(DICOM_REASONS[Code(code)].sentence) if code in set(Code) else code
