"""The role matrix over DICOMweb: a foreign study is as unknown as one that does not exist, at every address, also by count."""

from datetime import date

import pytest

from imaging.dicom import synthetic
from tests.house.roles.doors import ANY_CLINIC, CLINIC, READERS
from tests.house.roles.scene import Scene, Thing

SERIES = "/dicomweb/studies/{uid}/series/{series}"
IMAGE = SERIES + "/instances/{image}"
READS = [
    "/dicomweb/studies/{uid}",
    "/dicomweb/studies/{uid}/metadata",
    "/dicomweb/studies/{uid}/thumbnail",
    "/dicomweb/studies/{uid}/series",
    "/dicomweb/studies/{uid}/instances",
    "/dicomweb/studies/{uid}/instances/{image}",
    SERIES,
    SERIES + "/metadata",
    SERIES + "/thumbnail",
    SERIES + "/instances",
    IMAGE,
    IMAGE + "/metadata",
    IMAGE + "/thumbnail",
    IMAGE + "/frames/1",
    IMAGE + "/rendered",
    IMAGE + "/frames/1/rendered",
]
SEARCHES = ["/dicomweb/studies", "/dicomweb/series", "/dicomweb/instances"]
NEIGHBOURS = {"other_doctor", "other_technician", "hospital_nurse", "far_specialist", "patient_account", "other_patient_account"}
"""The same roles elsewhere, and the patient before the release: they must not even learn that there is a study."""
OFFICES = {"coordinator", "administrator", "clinic_administrator", "hospital_administrator", "auditor"}
NOBODYS = {"uid": "1.2.826.9.1", "series": "1.2.826.9.2", "image": "1.2.826.9.3"}


@pytest.fixture(scope="package")
async def pictures(scene: Scene) -> Thing:
    """A question with a real CT, open for reading."""
    return await scene.pictures()


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # the rule decides, not a condition in SQL
@pytest.mark.parametrize("address", READS)
async def test_images_are_read_by_the_clinic_and_the_reading_unit_alone(scene: Scene, pictures: Thing, address: str):
    came_in, unlike_unknown, refused = set(), {}, set()
    for name, client in scene.clients.items():
        answer = await client.get(address.format_map(pictures))
        if answer.status_code == 200:
            came_in.add(name)
        elif name in NEIGHBOURS:
            unknown = await client.get(address.format_map(pictures | NOBODYS))
            if (answer.status_code, answer.content) != (unknown.status_code, unknown.content) or answer.status_code != 404:
                unlike_unknown[name] = (answer.status_code, unknown.status_code)
        elif answer.status_code in (403, 404):
            refused.add(name)
    assert (came_in, unlike_unknown, refused) == (CLINIC | READERS, {}, OFFICES)


@pytest.mark.parametrize("address", SEARCHES)
async def test_searches_count_what_one_may_see(scene: Scene, pictures: Thing, address: str):
    """Neighbours get the answer of an empty archive, whatever they ask for; offices are not answered at all."""
    asked = ["", "?PatientName=*", "?PatientID=BN1", "?StudyInstanceUID={uid}", "?limit=1&offset=0", "?includefield=all"]
    found = {}
    for name in NEIGHBOURS:
        for query in asked:
            answer = await scene.clients[name].get(address + query.format_map(pictures))
            if (answer.status_code, answer.content) != (200, b"[]"):
                found[name, query] = (answer.status_code, answer.text[:100])
    assert found == {}
    assert {(await scene.clients[name].get(address)).status_code for name in OFFICES} == {403}
    for name in CLINIC | READERS:
        answer = await scene.clients[name].get(address + "?StudyInstanceUID={uid}".format_map(pictures))
        assert {row["0020000D"]["Value"][0] for row in answer.json()} == {pictures["uid"]}, name


BOUNDARY = "bIen"
HEADERS = {"Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'}


def one_image(code: str) -> bytes:
    """The first slice of a made-up CT; another code is another study."""
    person = synthetic.PatientFacts("Trần Văn Đức", "BN2", date(1959, 3, 2), "male")
    return synthetic.ct_volume(person, code, slices=1, size=64)[0]


async def push(scene: Scene, name: str, content: bytes):
    head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = head + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    return await scene.clients[name].post("/dicomweb/studies", content=body, headers=HEADERS)


async def test_clinics_push_images_and_nobody_else(scene: Scene):
    answers = {name: (await push(scene, name, one_image(f"of {name}"))).status_code for name in scene.clients}
    assert {name for name, status in answers.items() if status == 200} == ANY_CLINIC
    assert {status for name, status in answers.items() if name not in ANY_CLINIC} == {403}


async def test_a_clinic_cannot_push_into_another_clinics_study(scene: Scene):
    """Not the same bytes either: who guesses a UID learns nothing of the patient and takes nothing over."""
    content = one_image("of one clinic")
    assert (await push(scene, "technician", content)).status_code == 200
    stranger = await push(scene, "other_technician", content)
    assert stranger.status_code == 409
    assert "BN2" not in stranger.text
    searched = await scene.clients["other_technician"].get("/dicomweb/studies?PatientID=BN2")
    mine = await scene.clients["technician"].get("/dicomweb/studies?PatientID=BN2")
    assert len(searched.json()) < len(mine.json())
