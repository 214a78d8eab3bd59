"""A signed version as a DICOM SR: Measurement Report (TID 1500) with the text sections beside it (highdicom).

The same version always gives the same bytes and the same SOP Instance UID, so that making it twice stores it once.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from highdicom import sr
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import UID, generate_uid
from pydicom.valuerep import PersonName

SECTIONS = (  # key in the content, heading, content item (DCID 7001, 7002)
    ("findings", codes.DCM.Findings, codes.DCM.Finding),
    ("impression", codes.DCM.Impressions, codes.DCM.Impression),
    ("recommendation", codes.DCM.Recommendations, codes.DCM.Recommendation),
)
HOUNSFIELD = Code("[hnsf'U]", "UCUM", "Hounsfield unit")
CRITICAL = Code("CRITICAL", "99TELEHEALTH", "Critical finding")
YES, NO = Code("373066001", "SCT", "Yes"), Code("373067005", "SCT", "No")
PIXELS = Code("{pixels}", "UCUM", "pixels")
NO_UNIT = Code("1", "UCUM", "no units")
PIXEL_UNITS = {"HU": HOUNSFIELD}
MEASURES = {  # name in a mark -> (concept, unit; None: the unit of the pixel values)
    "length_mm": (Code("410668003", "SCT", "Length"), Code("mm", "UCUM", "millimeter")),
    "length_px": (Code("410668003", "SCT", "Length"), PIXELS),
    "angle_deg": (Code("1483009", "SCT", "Angle"), Code("deg", "UCUM", "degree")),
    "area_mm2": (Code("42798000", "SCT", "Area"), Code("mm2", "UCUM", "square millimeter")),
    "area_px": (Code("42798000", "SCT", "Area"), PIXELS),
    "mean": (Code("373098007", "SCT", "Mean"), None),
    "std": (Code("386136009", "SCT", "Standard Deviation"), None),
    "min": (Code("255605001", "SCT", "Minimum"), None),
    "max": (Code("56851009", "SCT", "Maximum"), None),
}
IDENTITY = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
)
SR_SERIES_NUMBER = 9000
CENTRE = 0.5
"""Our points count from the centre of the first pixel, SCOORD from its corner (PS3.3, C.18.6.1.1)."""


def make_sr(content: str, version_id: str, study: Dataset, evidence: Sequence[Dataset]) -> tuple[bytes, str]:
    """(Part 10 file, SOP Instance UID). content: the signed canonical JSON.

    study: PatientName and the like as the study itself has them. evidence: headers of the images that marks lie on,
    at least one of the study.
    """
    facts = json.loads(content)
    at = datetime.fromisoformat(facts["signed_at"]).astimezone(ZoneInfo(facts["zone"]))
    uid = _uid(version_id, "sr")
    document = sr.ComprehensiveSR(
        evidence=evidence,
        content=_report(facts, version_id, {str(e.SOPInstanceUID): e for e in evidence})[0],
        series_instance_uid=_uid(facts["report_id"], "series"),
        series_number=SR_SERIES_NUMBER,
        sop_instance_uid=uid,
        instance_number=facts["version"],
        manufacturer="Telehealth",
        institution_name=facts["referral"]["reading_unit"][:64],
        is_complete=True,
        is_final=True,
        is_verified=True,
        verifying_observer_name=person_name(facts["signer"]["name"]),
        verifying_organization=facts["referral"]["reading_unit"][:64],
        performed_procedure_codes=None,
    )
    _describe(document, study, at)
    buffer = BytesIO()
    document.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue(), uid


def _uid(*parts: str) -> str:
    return str(generate_uid(entropy_srcs=["telehealth-report", *parts]))


def person_name(full_name: str) -> PersonName:
    """A whole Vietnamese name as DICOM writes one: family^given middle. `Lê Quang Minh` -> Lê^Minh^Quang."""
    family, *rest = full_name.split() or [""]
    return PersonName("^".join(part for part in (family, rest[-1] if rest else "", " ".join(rest[:-1])) if part))


def _describe(document: Dataset, study: Dataset, at: datetime) -> None:
    """Patient and study as the study's other instances have them, in UTF-8; every date is that of the signature."""
    document.SpecificCharacterSet = "ISO_IR 192"
    for element in study:
        document[element.tag] = element
    document.SeriesDescription = "Bao cao / Report"
    day, clock = at.strftime("%Y%m%d"), at.strftime("%H%M%S")
    document.InstanceCreationDate = document.ContentDate = document.SeriesDate = day
    document.InstanceCreationTime = document.ContentTime = document.SeriesTime = clock
    for equipment in document.get("ContributingEquipmentSequence", [])[-1:]:
        equipment.ContributionDateTime = day + clock
    for observer in document.get("VerifyingObserverSequence", []):
        observer.VerificationDateTime = at.strftime("%Y%m%d%H%M%S")


def _report(facts: dict[str, Any], version_id: str, images: dict[str, Dataset]) -> sr.MeasurementReport:
    observer = sr.ObserverContext(
        observer_type=codes.DCM.Person,
        observer_identifying_attributes=sr.PersonObserverIdentifyingAttributes(
            name=person_name(facts["signer"]["name"]), organization_name=facts["referral"]["reading_unit"][:64]
        ),
    )
    groups = [group for mark in facts["measurements"] if (group := _group(mark, version_id, images))]
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_person_context=observer),
        procedure_reported=Code("363679005", "SCT", "Imaging"),
        imaging_measurements=[_judged(facts), *groups],
        title=codes.DCM.ImagingMeasurementReport,
        language_of_content_item_and_descendants=sr.LanguageOfContentItemAndDescendants(Code("vi", "RFC5646", "Vietnamese")),
        referenced_images=None,
    )
    root = report[0]
    for key, heading, concept in SECTIONS:
        if facts[key].strip():
            root.ContentSequence.append(_section(heading, concept, facts[key]))
    key_images = [images[mark["sop_uid"]] for mark in facts["key_images"] if mark["sop_uid"] in images]
    for image in {str(i.SOPInstanceUID): i for i in key_images}.values():
        root.ContentSequence.append(_key_image(image))
    return report


def _section(heading: Code, concept: Code, text: str) -> sr.ContainerContentItem:
    container = sr.ContainerContentItem(name=heading, relationship_type=sr.RelationshipTypeValues.CONTAINS)
    item = sr.TextContentItem(name=concept, value=text, relationship_type=sr.RelationshipTypeValues.CONTAINS)
    container.ContentSequence = sr.ContentSequence([item])
    return container


def _judged(facts: dict[str, Any]) -> sr.MeasurementsAndQualitativeEvaluations:
    """The reader's judgement of the whole study, so that programs find a critical answer without reading prose."""
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=UID(_uid(facts["report_id"], "judged")), identifier="report"),
        qualitative_evaluations=[sr.QualitativeEvaluation(name=CRITICAL, value=YES if facts["critical"] else NO)],
    )


def _key_image(image: Dataset) -> sr.ImageContentItem:
    return sr.ImageContentItem(
        name=codes.DCM.KeyImages,
        referenced_sop_class_uid=image.SOPClassUID,
        referenced_sop_instance_uid=image.SOPInstanceUID,
        relationship_type=sr.RelationshipTypeValues.CONTAINS,
    )


def _group(mark: dict[str, Any], version_id: str, images: dict[str, Dataset]) -> sr.MeasurementsAndQualitativeEvaluations | None:
    """One mark as a measurement group (TID 1501); None for marks without numbers or whose image is not at hand."""
    image = images.get(mark["sop_uid"])
    measured = [(key, value) for key, value in mark["measurements"].items() if key in MEASURES and isinstance(value, int | float)]
    if image is None or not measured:
        return None
    identifier = sr.TrackingIdentifier(uid=UID(_uid(mark["mark_id"], version_id)), identifier=mark["label"] or mark["kind"])
    unit = PIXEL_UNITS.get(str(mark["measurements"].get("unit", "")), NO_UNIT)
    place = _place(mark, image)
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=identifier,
        measurements=[
            sr.Measurement(
                name=MEASURES[key][0], value=float(value), unit=MEASURES[key][1] or unit, referenced_coordinates=[place]
            )
            for key, value in measured
        ],
    )


def _place(mark: dict[str, Any], image: Dataset) -> sr.CoordinatesForMeasurement:
    points = [(column + CENTRE, row + CENTRE) for column, row in mark["points"]]
    frames = [mark["frame"]] if int(image.get("NumberOfFrames") or 1) > 1 else None
    return sr.CoordinatesForMeasurement(
        graphic_type=sr.GraphicTypeValues.POLYLINE if len(points) > 1 else sr.GraphicTypeValues.POINT,
        graphic_data=np.array(points, dtype=float),
        source_image=sr.SourceImageForMeasurement(
            referenced_sop_class_uid=image.SOPClassUID,
            referenced_sop_instance_uid=image.SOPInstanceUID,
            referenced_frame_numbers=frames,
        ),
    )


def read_header(file: Any) -> Dataset:
    """An image's header for `evidence`."""
    return dcmread(file, stop_before_pixels=True)


def identity_of(image: Dataset) -> Dataset:
    """How the study's own files name patient and study: an SR beside them must say the same."""
    identity = Dataset()
    for keyword in IDENTITY:
        if keyword in image:
            value = image[keyword].value
            # decoded text, so that it is written again in the SR's own character set
            setattr(identity, keyword, str(value) if isinstance(value, PersonName) else value)
    return identity
