from uuid import UUID

import pytest

from imaging.dicom.burned_in import BurnedIn, judge, worst
from imaging.pipeline.priors import Compared, priors
from imaging.pipeline.routing import subspecialty


def header(**values: str) -> dict:
    return {tag.removeprefix("t"): {"vr": "CS", "Value": [value]} for tag, value in values.items()}


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        (header(t00280301="YES", t00080060="CT"), BurnedIn.CERTAIN),
        (header(t00280301="NO", t00080060="US"), BurnedIn.NO),
        (header(t00080060="US"), BurnedIn.POSSIBLE),
        (header(t00080060="CT", t00080008="DERIVED"), BurnedIn.NO),
        (header(t00080060="CT", t00080064="WSD"), BurnedIn.POSSIBLE),
        (header(t00080016="1.2.840.10008.5.1.4.1.1.7.4"), BurnedIn.POSSIBLE),
        (header(t00080016="1.2.840.10008.5.1.4.1.1.104.1"), BurnedIn.CERTAIN),
        ({}, BurnedIn.NO),
    ],
)
def test_text_in_pixels_is_suspected_from_the_header(facts, verdict):
    assert judge(facts) is verdict


def test_a_study_is_as_suspect_as_its_worst_image():
    assert worst([BurnedIn.NO, BurnedIn.CERTAIN, BurnedIn.POSSIBLE]) is BurnedIn.CERTAIN
    assert worst([]) is BurnedIn.NO


def compared(number: int, date: str, modality: str, part: str) -> Compared:
    return Compared(UUID(int=number), date, frozenset({modality}), frozenset({part}))


def test_the_same_part_by_the_same_machine_comes_first_and_later_studies_never():
    new = compared(0, "20260301", "CT", "CHEST")
    others = [
        compared(1, "20250101", "CR", "HAND"),
        compared(2, "20240101", "CT", "CHEST"),
        compared(3, "20250601", "CR", "CHEST"),
        compared(4, "20250701", "CT", "HEAD"),
        compared(5, "20260401", "CT", "CHEST"),
        compared(6, "20250201", "CT", "CHEST"),
    ]
    assert [one.int for one in priors(new, others)] == [6, 2, 3, 4, 1]


@pytest.mark.parametrize(
    ("modality", "texts", "wanted"),
    [
        ("MG", [""], "breast"),
        ("CT", ["Sọ não không cản quang"], "neuro"),
        ("CR", ["CHEST", "Phổi thẳng"], "chest"),
        ("US", ["Siêu âm thai 12 tuần"], "obstetric"),
        ("CT", ["Ổ bụng có thuốc"], "abdominal"),
        ("DX", ["KNEE"], "musculoskeletal"),
        ("OT", [""], ""),
    ],
)
def test_a_study_is_sent_to_the_eyes_it_wants(modality, texts, wanted):
    assert subspecialty(frozenset({modality}), texts) == wanted
