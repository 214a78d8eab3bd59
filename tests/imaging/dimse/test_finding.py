"""C-FIND by findscu: every level, Vietnamese names in any spelling, nothing of other clinics."""

import re

import pytest

from tests.imaging.dimse.conftest import dcmtk
from tests.imaging.dimse.test_storing import sample

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


async def store(door, *paths):
    code, said = await dcmtk("storescu", "-aet", "CT1", "-aec", "TELEHEALTH", "127.0.0.1", str(door.port), *paths)
    assert code == 0, said


async def find(door, title, *keys, model="-S", program="findscu"):
    """The answers' text as findscu prints them, one string an answer."""
    given = [part for key in keys for part in ("-k", key)]
    code, said = await dcmtk(program, "-v", model, "-aet", title, "-aec", "TELEHEALTH", "127.0.0.1", str(door.port), *given)
    assert code == 0, said
    return re.split(r"Find Response: \d+", said)[1:]


@pytest.fixture
async def two_people(door, add_node, tmp_path):
    await add_node("CT1")
    hoa = [sample(tmp_path, f"{n}.dcm", sop_uid=f"1.2.3.4.5.{n}") for n in (1, 2)]
    duc = sample(
        tmp_path, "d.dcm", study_uid="1.2.9", series_uid="1.2.9.1", sop_uid="1.2.9.1.1", name="Trần^Văn^Đức", patient_id="P2"
    )
    await store(door, *hoa, duc)


@pytest.mark.parametrize("typed", ["Nguyễn^Thị^Hoà", "nguyen thi hoa", "HOA*", "Nguyễn^Thị^Hòa", "thị nguyễn", "Hoà^Nguyễn"])
async def test_a_vietnamese_name_is_found_in_any_spelling(door, two_people, typed):
    [found] = await find(door, "CT1", "QueryRetrieveLevel=STUDY", f"PatientName={typed}", "StudyInstanceUID")

    assert "Nguyễn^Thị^Hoà" in found
    assert "ISO_IR 192" in found
    assert "[1.2.3.4\0]" in found


@pytest.mark.parametrize(
    ("level", "keys", "count"),
    [
        ("STUDY", ["StudyInstanceUID"], 2),
        ("STUDY", ["StudyDate=20260101-20260131", "StudyInstanceUID"], 2),
        ("STUDY", ["StudyDate=20270101-", "StudyInstanceUID"], 0),
        ("SERIES", ["StudyInstanceUID=1.2.3.4", "SeriesInstanceUID", "Modality=CT"], 1),
        ("IMAGE", ["StudyInstanceUID=1.2.3.4", "SeriesInstanceUID=1.2.3.4.5", "SOPInstanceUID"], 2),
    ],
)
async def test_every_level_answers(door, two_people, level, keys, count):
    assert len(await find(door, "CT1", f"QueryRetrieveLevel={level}", *keys)) == count


async def test_the_patient_level_answers_each_person_once(door, two_people):
    found = await find(door, "CT1", "QueryRetrieveLevel=PATIENT", "PatientID", "PatientName", model="-P")

    assert len(found) == 2


async def test_another_clinic_finds_nothing(door, two_people, add_node, province):
    await add_node("OTHER", organisation_id=province.other_clinic.id, account_id=province.other_doctor.id)

    assert await find(door, "OTHER", "QueryRetrieveLevel=STUDY", "PatientName=*", "StudyInstanceUID=1.2.3.4") == []


async def test_a_node_without_the_right_may_not_ask(door, add_node):
    await add_node("CT1", rights=["store"])

    code, said = await dcmtk(
        "findscu", "-S", "-aet", "CT1", "-aec", "TELEHEALTH", "127.0.0.1", str(door.port), "-k", "QueryRetrieveLevel=STUDY"
    )

    assert "No Acceptable Presentation Contexts" in said, code
