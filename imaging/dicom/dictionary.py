"""Which kind of value stands under a tag, for data sets that do not say (PS3.6; implicit VR, and UN in explicit)."""

from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import get_private_entry

KINDS: dict[int, bytes] = {tag: entry[0].encode() for tag, entry in DicomDictionary.items()}
"""Tag -> VR; several letters where the standard leaves a choice, such as `US or SS`. Repeating groups are not listed."""


def private_kind(tag: int, creator: str) -> bytes:
    """The VR of a vendor's element whose block `creator` has reserved; UN where nobody knows."""
    try:
        return bytes(get_private_entry(tag, creator)[0], "ascii")
    except KeyError:
        return b"UN"
