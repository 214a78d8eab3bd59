"""The structured report as other programs read it."""

from io import BytesIO

import highdicom
import pytest
from pydicom import dcmread

from imaging.dicom import synthetic
from imaging.reports import sr
from imaging.reports.canonical import canonical

PERSON = synthetic.PatientFacts("Nguyễn Thị Hoà", "BN1")


@pytest.fixture(scope="module")
def images():
    return [dcmread(BytesIO(file)) for file in synthetic.ct_volume(PERSON, "HC-1", slices=2, size=64)]


def content(images, **more) -> str:
    mark = {"sop_uid": str(images[1].SOPInstanceUID), "series_uid": str(images[1].SeriesInstanceUID), "frame": 1}
    drawn = [
        mark
        | {
            "mark_id": "a",
            "kind": "length",
            "points": [[1, 1], [5, 5]],
            "label": "Ổ máu tụ",
            "measurements": {"length_mm": 24.5},
        },
        mark
        | {
            "mark_id": "b",
            "kind": "ellipse",
            "points": [[1, 1], [9, 9]],
            "label": "",
            "measurements": {"mean": 61.5, "unit": "HU"},
        },
    ]
    facts = {
        "report_id": "r",
        "version": 1,
        "critical": True,
        "zone": "Asia/Ho_Chi_Minh",
        "signed_at": "2026-11-23T11:00:00+00:00",
    }
    facts |= {
        "findings": "Ổ tăng tỉ trọng.",
        "impression": "Xuất huyết não.",
        "recommendation": "",
        "signer": {"name": "Lê Quang Minh"},
    }
    facts |= {"referral": {"reading_unit": "Bệnh viện Đa khoa tỉnh"}, "measurements": drawn, "key_images": [mark]}
    return canonical(facts | more)


def test_measurements_text_and_names_come_back(images):
    made, uid = sr.make_sr(content(images), "v", sr.identity_of(images[0]), images)
    plain = dcmread(BytesIO(made))
    assert (str(plain.PatientName), plain.SpecificCharacterSet, plain.SOPInstanceUID) == ("Nguyễn^Hoà^Thị", "ISO_IR 192", uid)
    assert plain.StudyInstanceUID == images[0].StudyInstanceUID
    document = highdicom.sr.srread(BytesIO(made))
    groups = document.content.get_image_measurement_groups()
    measured = [(m.name.value, m.value, m.unit.value) for group in groups for m in group.get_measurements()]
    assert measured == [("410668003", 24.5, "mm"), ("373098007", 61.5, "[hnsf'U]")]
    assert groups[0].get_qualitative_evaluations()[0].value.meaning == "Yes"
    texts = [i.ContentSequence[0].TextValue for i in plain.ContentSequence if i.ValueType == "CONTAINER" and _is_text(i)]
    assert texts == ["Ổ tăng tỉ trọng.", "Xuất huyết não."]


def _is_text(item) -> bool:
    return bool(item.ContentSequence) and item.ContentSequence[0].ValueType == "TEXT"


def test_the_same_version_always_gives_the_same_bytes(images):
    identity = sr.identity_of(images[0])
    assert sr.make_sr(content(images), "v", identity, images) == sr.make_sr(content(images), "v", identity, images)


def test_a_report_without_marks_is_a_document_too(images):
    made, _ = sr.make_sr(content(images, measurements=[], key_images=[]), "v", sr.identity_of(images[0]), images[:1])
    assert highdicom.sr.srread(BytesIO(made)).CompletionFlag == "COMPLETE"


def test_a_whole_name_becomes_family_given_middle():
    assert str(sr.person_name("Lê Quang Minh")) == "Lê^Minh^Quang"
