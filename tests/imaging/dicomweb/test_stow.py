"""STOW-RS: what the answer says of each instance, and when a whole message is refused."""

import pytest
from sqlmodel import select

from imaging.store.models import Instance, NameWord
from tests import dicom_samples
from tests.dicom_samples import file_of, image
from tests.imaging.dicomweb.test_dicomweb import BOUNDARY, HEADERS, message, store

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def reasons(body, tag: str) -> list[int]:
    return [one["00081197"]["Value"][0] for one in body.get(tag, {}).get("Value", [])]


async def test_stored_failed_and_nameless_instances_have_their_own_lists(sign_in, province):
    clinic = await sign_in(province.technician)
    answer = await store(clinic, file_of(image()), b"junk", file_of(image(sop_uid="1.2.3.4.5.7", patient_id="P2")))
    body = answer.json()
    assert answer.status_code == 202
    assert [one["00081155"]["Value"] for one in body["00081199"]["Value"]] == [["1.2.3.4.5.6"]]
    url = body["00081199"]["Value"][0]["00081190"]["Value"][0]
    assert (await clinic.get(url, headers={"Accept": "application/dicom"})).status_code == 200
    assert (reasons(body, "00081198"), reasons(body, "0008119A")) == ([0xA900], [0xC000])
    assert body["00081190"]["Value"] == ["http://testserver/dicomweb/studies/1.2.3.4"]


async def test_a_cleared_preamble_is_told_as_a_warning(sign_in, province):
    body = (await store(await sign_in(province.technician), dicom_samples.polyglot())).json()
    assert body["00081199"]["Value"][0]["00081196"] == {"vr": "US", "Value": [0xB000]}


async def test_several_studies_in_one_message_have_no_common_address(sign_in, province):
    clinic = await sign_in(province.technician)
    other = image(sop_uid="1.2.4.1.1", study_uid="1.2.4", series_uid="1.2.4.1")
    answer = await store(clinic, file_of(image()), file_of(other))
    assert (answer.status_code, "00081190" in answer.json()) == (200, False)


async def test_instances_of_another_study_are_refused_at_a_studys_address(sign_in, province):
    clinic = await sign_in(province.technician)
    other = image(sop_uid="1.2.4.1.1", study_uid="1.2.4", series_uid="1.2.4.1")
    answer = await store(clinic, file_of(image()), file_of(other), study="/1.2.3.4")
    assert (answer.status_code, reasons(answer.json(), "00081198")) == (202, [0xA900])


async def test_of_a_message_that_breaks_off_nothing_is_kept(sign_in, province, session):
    clinic = await sign_in(province.technician)
    cut = message(file_of(image()), file_of(image(sop_uid="1.2.3.4.5.7")))[:-400]
    assert (await clinic.post("/dicomweb/studies", content=cut, headers=HEADERS)).status_code == 400
    assert (await session.exec(select(Instance))).all() == []


async def test_parts_of_another_kind_are_refused_one_by_one(sign_in, province):
    clinic = await sign_in(province.technician)
    mixed = message(file_of(image())).replace(
        f"--{BOUNDARY}--".encode(), f"--{BOUNDARY}\r\nContent-Type: text/plain\r\n\r\nhello\r\n--{BOUNDARY}--".encode()
    )
    answer = await clinic.post("/dicomweb/studies", content=mixed, headers=HEADERS)
    assert (answer.status_code, reasons(answer.json(), "0008119A")) == (202, [0xC000])


async def test_a_file_beyond_the_limit_is_413_and_the_rest_of_the_message_is_judged(sign_in, province, monkeypatch):
    clinic = await sign_in(province.technician)
    monkeypatch.setattr("imaging.store.receive.largest", lambda: 2000)
    large = file_of(image(sop_uid="1.2.3.4.5.7", pixels=bytes(4096)))
    assert (await store(clinic, large)).status_code == 413
    assert (await store(clinic, large, file_of(image()))).status_code == 202


async def test_the_words_of_a_name_are_found_by_index(sign_in, province, session):
    await store(await sign_in(province.technician), file_of(image()))
    assert sorted((await session.exec(select(NameWord.word))).all()) == ["hoa", "nguyen", "thi"]


async def test_where_compressed_frames_stand_is_known_from_the_row(sign_in, province, session):
    clinic = await sign_in(province.technician)
    names = ("JPEG2000.dcm", "MR_small_RLE.dcm")
    contents = {path.name: path.read_bytes() for path in dicom_samples.shipped() if path.name in names}
    assert (await store(clinic, *contents.values())).status_code == 200
    rows = (await session.exec(select(Instance))).all()
    assert len(rows) == len(contents)
    whole = {len(content): content for content in contents.values()}
    for row in rows:
        assert row.frame_table is not None
        start, end = (int.from_bytes(row.frame_table[at : at + 8], "little") for at in (0, 8))
        assert whole[row.size][start : start + 4] == b"\xfe\xff\x00\xe0"
        assert whole[row.size][end : end + 4] == b"\xfe\xff\xdd\xe0"
