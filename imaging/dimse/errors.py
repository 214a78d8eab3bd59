"""What may be refused around nodes."""

from telehealth.core.errors import Conflict, Invalid


class BadNode(Invalid):
    """facts: part, the field that is wrong."""

    code = "bad-dicom-node"
    title = "Title, addresses, rights or account of the device are not right"


class NodeExists(Conflict):
    code = "dicom-node-exists"
    title = "A device with this AE title is known already"
