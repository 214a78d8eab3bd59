"""A data set as DICOM JSON (PS3.18, F), big and opaque values replaced by a BulkDataURI."""

import json
import math
from typing import Any

from pydicom.dataset import Dataset

BULK_BYTES = 1024
"""Values longer than this stay in the file."""
PRIVATE_BULK_BYTES = 64
BULK_VRS = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))
PIXELS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))
PLACEHOLDER = '"BulkDataURI":"bulkdata:/'
"""Stored in place of the address, which only the door knows: see `with_addresses`."""


Model = dict[str, Any]
text_of = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def to_json(dataset: Dataset) -> str:
    """Text in UTF-8 whatever the file's character set was, so that (0008,0005) says ISO_IR 192."""
    model = _model(dataset, "")
    model["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    return text_of(dict(sorted(model.items())))


def with_addresses(metadata_json: str, instance_url: str) -> str:
    return metadata_json.replace(PLACEHOLDER, f'"BulkDataURI":"{instance_url}/bulkdata/')


def _model(dataset: Dataset, path: str) -> Model:
    model: Model = {}
    for tag in dataset.keys():  # noqa: SIM118 a data set iterates over elements
        if int(tag) >> 16 <= 2 or int(tag) & 0xFFFF == 0:
            continue
        name = f"{int(tag):08X}"
        try:
            model[name] = _element(dataset, tag, f"{path}{name}")
        except Exception:
            model[name] = {"vr": "UN"}
    return model


def _element(dataset: Dataset, tag: Any, path: str) -> Model:
    element = dataset[tag]
    if element.VR == "SQ":
        items = [_model(item, f"{path}.{index}.") for index, item in enumerate(element.value)]
        return {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
    vr = element.VR if len(element.VR) == 2 else "UN"
    if vr in BULK_VRS:
        size = len(element.value or b"")
        if int(tag) in PIXELS or size > (PRIVATE_BULK_BYTES if tag.is_private else BULK_BYTES):
            return {"vr": vr, "BulkDataURI": f"bulkdata:/{path}"}
    return _finite(element.to_json_dict(None, 2**31))


def _finite(model: Model) -> Model:
    """JSON has no NaN or infinity: such values become null."""
    if "Value" in model:
        model["Value"] = [None if isinstance(v, float) and not math.isfinite(v) else v for v in model["Value"]]
    return model
