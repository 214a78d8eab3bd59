"""QIDO-RS (PS3.18, 10.6): from query strings to a Search, from rows to DICOM JSON."""

import json
import re
from collections.abc import Iterable
from typing import Any

from pydicom.datadict import tag_for_keyword

from imaging.dicom.json_model import with_addresses
from imaging.store.errors import BadSearch
from imaging.store.models import Instance, Series, Study
from imaging.store.queries import KEYS, PAGE, Search

Model = dict[str, Any]


def tag_of(name: str) -> str:
    """`PatientName`, `00100010` -> 00100010; sequences by their last step. Raises BadSearch for what is neither."""
    last = name.rpartition(".")[2]
    if re.fullmatch(r"[0-9A-Fa-f]{8}", last):
        return last.upper()
    tag = tag_for_keyword(last)
    if tag is None:
        raise BadSearch("an attribute is not known")
    return f"{tag:08X}"


def parse(query: Iterable[tuple[str, str]], **fixed: str) -> tuple[Search, list[str]]:
    """(the search, tags that were asked for and are not supported). fixed: tag -> value from the path."""
    keys: dict[str, str] = {}
    include: set[str] = set()
    unsupported: list[str] = []
    page = {"limit": PAGE, "offset": 0}
    for name, value in query:
        if name in page:
            page[name] = _whole(value)
        elif name == "includefield":
            include.update("all" if one == "all" else tag_of(one) for one in value.split(",") if one)
        elif name != "fuzzymatching":
            tag = tag_of(name)
            if tag in KEYS:
                keys[tag] = value
            else:
                unsupported.append(tag)
    keys |= fixed
    return Search(keys, frozenset(include), min(page["limit"], PAGE), page["offset"]), unsupported


def _whole(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise BadSearch("limit and offset are whole numbers")
    return int(value)


def _put(model: Model, tag: str, vr: str, value: Any) -> None:
    """An empty value stands as an attribute without Value."""
    model[tag] = {"vr": vr} if value in ("", None, []) else {"vr": vr, "Value": value if isinstance(value, list) else [value]}


def study_model(study: Study, base: str) -> Model:
    model: Model = {}
    _put(model, "00080005", "CS", "ISO_IR 192")
    _put(model, "00080020", "DA", study.study_date)
    _put(model, "00080030", "TM", study.study_time)
    _put(model, "00080050", "SH", study.accession_number)
    _put(model, "00080056", "CS", "ONLINE")
    _put(model, "00080061", "CS", [one for one in study.modalities.split("\\") if one])
    _put(model, "00080090", "PN", _person(study.referring_physician))
    _put(model, "00081030", "LO", study.description)
    _put(model, "00081190", "UR", f"{base}/studies/{study.uid}")
    _put(model, "00100010", "PN", _person(study.dicom_patient_name))
    _put(model, "00100020", "LO", study.dicom_patient_id)
    _put(model, "00100030", "DA", study.dicom_birth_date)
    _put(model, "00100040", "CS", study.dicom_sex)
    _put(model, "0020000D", "UI", study.uid)
    _put(model, "00200010", "SH", study.study_id)
    _put(model, "00201206", "IS", study.series_count)
    _put(model, "00201208", "IS", study.instance_count)
    return model


def _person(name: str) -> dict[str, str] | None:
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), name.split("="), strict=False)
    return {group: text for group, text in groups if text} or None


def series_model(study: Study, series: Series, base: str) -> Model:
    model = study_model(study, base)
    _put(model, "00080060", "CS", series.modality)
    _put(model, "00080021", "DA", series.series_date)
    _put(model, "00080031", "TM", series.series_time)
    _put(model, "0008103E", "LO", series.description)
    _put(model, "00081190", "UR", f"{base}/studies/{study.uid}/series/{series.uid}")
    _put(model, "00180015", "CS", series.body_part)
    _put(model, "0020000E", "UI", series.uid)
    _put(model, "00200011", "IS", series.number)
    _put(model, "00200060", "CS", series.laterality)
    _put(model, "00201209", "IS", series.instance_count)
    return model


def instance_url(study: Study, series: Series, instance: Instance, base: str) -> str:
    return f"{base}/studies/{study.uid}/series/{series.uid}/instances/{instance.sop_uid}"


def instance_model(study: Study, series: Series, instance: Instance, base: str, include: frozenset[str] = frozenset()) -> Model:
    """include: further tags out of the instance's own metadata."""
    model = series_model(study, series, base)
    _put(model, "00080016", "UI", instance.sop_class)
    _put(model, "00080018", "UI", instance.sop_uid)
    _put(model, "00081190", "UR", instance_url(study, series, instance, base))
    _put(model, "00083002", "UI", instance.transfer_syntax)
    _put(model, "00200013", "IS", instance.number)
    if instance.frames:
        _put(model, "00280008", "IS", instance.frames)
        _put(model, "00280010", "US", instance.rows)
        _put(model, "00280011", "US", instance.columns)
        _put(model, "00280100", "US", instance.bits_allocated)
    if include:
        own = metadata_model(study, series, instance, base)
        model |= {tag: value for tag, value in own.items() if tag not in model and ("all" in include or tag in include)}
    return dict(sorted(model.items()))


def metadata_model(study: Study, series: Series, instance: Instance, base: str) -> Model:
    model: Model = json.loads(metadata_text(study, series, instance, base))
    return model


def metadata_text(study: Study, series: Series, instance: Instance, base: str) -> str:
    """The stored DICOM JSON with real addresses, and which transfer syntax the file has."""
    text = with_addresses(instance.metadata_json, instance_url(study, series, instance, base))
    syntax = f'"00083002":{{"vr":"UI","Value":["{instance.transfer_syntax}"]}}'
    return text[:-1] + ("," if len(text) > 2 else "") + syntax + "}"
