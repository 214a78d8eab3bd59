"""The tus protocol as any client speaks it, and what it promises about bytes."""

import asyncio
import contextlib
import gzip
import hashlib
from base64 import b64encode
from datetime import timedelta

import pytest
from obstore.store import MemoryStore
from sqlmodel import select, update

from imaging.dicom.synthetic import ct_volume
from imaging.intake import parcels
from imaging.intake.models import Parcel, Upload, UploadFile
from imaging.store.models import Instance
from telehealth.core import clock
from telehealth.core.blobs import S3
from telehealth.core.blobs import blobs as own_blobs
from telehealth.core.db import session_scope
from telehealth.core.settings import Limits, settings
from tests.imaging.intake.tus_client import BYTES, TUS, announced, ask, begin, create, metadata, offset_of, patch
from tests.imaging.pipeline.conftest import PATIENT

FILES = ct_volume(PATIENT, slices=2, size=64)
CONTENT = FILES[0]


@pytest.fixture
async def technician(sign_in, province):
    return await sign_in(province.technician)


async def stored(engine) -> list[bytes]:
    async with session_scope(engine) as session:
        keys = (await session.exec(select(Instance.blob_key).order_by(Instance.number))).all()
    return [await own_blobs().read(key) for key in keys]


async def test_a_server_says_what_it_speaks_to_everybody(client):
    answer = await client.options("/api/v1/tus")
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert answer.headers["Tus-Extension"] == "creation,creation-with-upload,checksum,expiration,termination"
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha256,sha1,md5"
    assert int(answer.headers["Tus-Max-Size"]) >= 2 * 1024**3


async def test_a_file_in_three_pieces_arrives_bit_identical(technician, engine):
    url = await create(technician, len(CONTENT), filename="1.dcm")
    assert await offset_of(technician, url) == 0
    for start, end in ((0, 1000), (1000, 5000)):
        answer = await patch(technician, url, start, CONTENT[start:end])
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(end))
        assert answer.headers["Upload-Expires"].endswith("GMT")
    assert await offset_of(technician, url) == 5000
    last = await patch(technician, url, 5000, CONTENT[5000:])
    assert (last.status_code, last.headers["Upload-Verdict"]) == (204, "stored")
    assert await offset_of(technician, url) == len(CONTENT)
    assert await stored(engine) == [CONTENT]
    assert (await technician.get(url)).json()["verdict"] == "stored"


async def test_nothing_is_left_of_the_pieces_once_the_file_is_whole(technician, engine):
    url = await create(technician, len(CONTENT), filename="1.dcm")
    await patch(technician, url, 0, CONTENT[:1000])
    async with session_scope(engine) as session:
        [key, size] = (await session.exec(select(Parcel))).one().segments[0]
    assert (size, await own_blobs().read(key)) == (1000, CONTENT[:1000])
    await patch(technician, url, 1000, CONTENT[1000:])
    assert not (own_blobs().root / key).exists()


async def test_the_first_bytes_may_come_with_the_creation(technician, engine):
    headers = {**TUS, "Upload-Length": str(len(CONTENT)), "Upload-Metadata": metadata(filename="a"), "Content-Type": BYTES}
    some = await technician.post("/api/v1/tus", headers=headers, content=CONTENT[:700])
    assert (some.status_code, some.headers["Upload-Offset"]) == (201, "700")
    whole = await technician.post("/api/v1/tus", headers=headers, content=CONTENT)
    assert (whole.status_code, whole.headers["Upload-Verdict"]) == (201, "stored")


async def test_a_wrong_offset_is_refused_and_told(technician):
    url = await create(technician, len(CONTENT))
    answer = await patch(technician, url, 5, CONTENT[5:])
    assert (answer.status_code, answer.json()["type"], answer.json()["offset"]) == (409, "/problems/other-offset", 0)
    assert answer.headers["Tus-Resumable"] == "1.0.0"


async def test_bytes_that_are_not_what_their_checksum_says_are_dropped(technician, engine):
    url = await create(technician, len(CONTENT))
    right = b64encode(hashlib.sha256(CONTENT[:500]).digest()).decode()
    wrong = await patch(technician, url, 0, CONTENT[1:501], **{"Upload-Checksum": f"sha256 {right}"})
    assert (wrong.status_code, await offset_of(technician, url)) == (460, 0)
    assert (await patch(technician, url, 0, CONTENT[:500], **{"Upload-Checksum": f"crc9 {right}"})).status_code == 400
    good = await patch(technician, url, 0, CONTENT[:500], **{"Upload-Checksum": f"sha256 {right}"})
    assert (good.status_code, await offset_of(technician, url)) == (204, 500)


async def test_a_file_that_is_not_what_was_announced_begins_anew(technician, engine):
    told = {"sha256": hashlib.sha256(CONTENT).hexdigest()}
    url = await create(technician, len(CONTENT), **told)
    await patch(technician, url, 0, bytes(1000))
    broken = await patch(technician, url, 1000, CONTENT[1000:])
    assert (broken.status_code, broken.json()["type"]) == (422, "/problems/damaged-on-the-way")
    assert await offset_of(technician, url) == 0
    assert (await patch(technician, url, 0, CONTENT)).headers["Upload-Verdict"] == "stored"
    assert await stored(engine) == [CONTENT]


async def test_what_is_packed_for_the_line_is_stored_as_it_was(technician, engine):
    packed = gzip.compress(CONTENT)
    told = {"encoding": "gzip", "size": str(len(CONTENT)), "sha256": hashlib.sha256(CONTENT).hexdigest()}
    url = await create(technician, len(packed), **told)
    await patch(technician, url, 0, packed[:3000])
    assert (await patch(technician, url, 3000, packed[3000:])).headers["Upload-Verdict"] == "stored"
    assert await stored(engine) == [CONTENT]


async def test_a_bomb_ends_at_the_size_that_was_announced(technician):
    packed = gzip.compress(bytes(64 * 1024**2))
    url = await create(technician, len(packed), encoding="gzip", size="5000")
    assert (await patch(technician, url, 0, packed)).json()["type"] == "/problems/damaged-on-the-way"


async def test_two_that_send_the_same_file_at_once_never_mix(technician, engine):
    url = await create(technician, len(CONTENT))
    answers = await asyncio.gather(*(patch(technician, url, 0, CONTENT[: 2000 + n]) for n in range(4)))
    assert {answer.status_code for answer in answers} <= {204, 409}
    offset = await offset_of(technician, url)
    assert (await patch(technician, url, offset, CONTENT[offset:])).status_code == 204
    assert await stored(engine) == [CONTENT]


@pytest.fixture
def elsewhere(monkeypatch, tmp_path) -> S3:
    """Several processes, which know nothing of each other's requests, on one bucket."""
    bucket = S3(MemoryStore(), tmp_path / "scratch")  # type: ignore[arg-type]
    monkeypatch.setattr("imaging.intake.tus.blobs", lambda: bucket)
    monkeypatch.setattr("imaging.intake.parcels.alone", lambda *_: contextlib.nullcontext())
    return bucket


async def test_processes_on_one_bucket_never_mix_a_file(technician, engine, elsewhere):
    url = await create(technician, len(CONTENT))
    answers = await asyncio.gather(*(patch(technician, url, 0, CONTENT[: 2000 + n]) for n in range(4)))
    assert sorted(answer.status_code for answer in answers) == [204, 409, 409, 409]
    offset = await offset_of(technician, url)
    assert (await patch(technician, url, offset, CONTENT[offset:])).headers["Upload-Verdict"] == "stored"
    async with session_scope(engine) as session:
        key = (await session.exec(select(Instance.blob_key))).one()
    assert await elsewhere.read(key) == CONTENT
    left = [item["path"] for page in elsewhere.store.list() for item in page]
    assert left == [key]  # no piece is left behind


async def test_a_file_given_up_is_forgotten_with_its_bytes(technician, engine):
    url = await create(technician, len(CONTENT))
    await patch(technician, url, 0, CONTENT[:1000])
    async with session_scope(engine) as session:
        [key, _] = (await session.exec(select(Parcel))).one().segments[0]
    assert (await technician.delete(url, headers=TUS)).status_code == 204
    assert (await technician.head(url, headers=TUS)).status_code == 404
    assert not (own_blobs().root / key).exists()


async def test_what_nobody_goes_on_with_expires(technician, engine):
    url = await create(technician, len(CONTENT))
    await patch(technician, url, 0, CONTENT[:1000])
    assert await parcels.forget_expired(engine, own_blobs()) == 0
    async with session_scope(engine) as session:
        await session.exec(update(Parcel).values(expires_at=clock.now() - timedelta(seconds=1)))
    assert await parcels.forget_expired(engine, own_blobs()) == 1
    assert (await technician.head(url, headers=TUS)).status_code == 404


async def test_a_unit_has_only_so_much_on_its_way(technician, monkeypatch):
    limited = settings().model_copy(update={"limits": Limits(waiting_bytes=10_000)})
    monkeypatch.setattr("imaging.intake.bounds.settings", lambda: limited)
    await create(technician, 9_000)
    headers = {**TUS, "Upload-Length": "2000"}
    refused = await technician.post("/api/v1/tus", headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (413, "/problems/too-much-waiting")


async def test_more_than_was_announced_is_refused(technician):
    url = await create(technician, 1000)
    assert (await patch(technician, url, 0, bytes(1001))).status_code == 413
    assert await offset_of(technician, url) == 0
    huge = await technician.post("/api/v1/tus", headers={**TUS, "Upload-Length": str(10**15 - 1)})
    assert huge.status_code == 413


async def test_other_versions_and_other_bodies_are_refused(technician):
    assert (await technician.post("/api/v1/tus", headers={"Upload-Length": "1"})).status_code == 412
    url = await create(technician, 1000)
    plain = await technician.patch(url, headers={**TUS, "Upload-Offset": "0", "Content-Type": "text/plain"}, content=b"x")
    assert plain.status_code == 415
    assert (await technician.post("/api/v1/tus", headers={**TUS, "Upload-Length": "many"})).status_code == 400


async def test_a_line_that_lets_only_post_through_is_enough(technician, engine):
    url = await create(technician, len(CONTENT))
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": BYTES, "X-HTTP-Method-Override": "PATCH"}
    assert (await technician.post(url, headers=headers, content=CONTENT)).headers["Upload-Verdict"] == "stored"


async def test_an_empty_file_is_answered_at_once(technician):
    answer = await technician.post(
        "/api/v1/tus", headers={**TUS, "Upload-Length": "0", "Upload-Metadata": metadata(filename="x")}
    )
    assert (answer.status_code, answer.headers["Upload-Verdict"], answer.headers["Upload-Reason"]) == (201, "refused", "empty")


async def test_strangers_neither_see_nor_continue_a_file(sign_in, province, technician, client):
    url = await create(technician, len(CONTENT))
    stranger = await sign_in(province.other_doctor)
    assert (await stranger.head(url, headers=TUS)).status_code == 404
    assert (await patch(stranger, url, 0, CONTENT)).status_code == 404
    assert (await client.head(url, headers=TUS)).status_code == 401
    colleague = await sign_in(province.doctor)
    assert (await patch(colleague, url, 0, CONTENT)).headers["Upload-Verdict"] == "stored"


async def test_a_stock_client_sends_for_a_question(sign_in, province, engine, referral):
    technician = await sign_in(province.technician)
    endpoint = f"/api/v1/referrals/{referral.id}/tus"
    for content in FILES:
        url = await create(technician, len(content), endpoint, filename="x.dcm")
        assert url.startswith("/api/v1/tus/")
        assert (await patch(technician, url, 0, content)).headers["Upload-Verdict"] == "stored"
    async with session_scope(engine) as session:
        assert [upload.referral_id for upload in await session.exec(select(Upload))] == [referral.id]
    stranger = await sign_in(province.other_doctor)
    assert (await stranger.post(endpoint, headers={**TUS, "Upload-Length": "5"})).status_code == 404


# asking first ---------------------------------------------------------------------------------------------------------


def of_series(index: int, **more: object) -> dict[str, object]:
    import io

    import pydicom

    head = pydicom.dcmread(io.BytesIO(FILES[index]), stop_before_pixels=True)
    uids = {"study_uid": head.StudyInstanceUID, "series_uid": head.SeriesInstanceUID, "sop_uid": head.SOPInstanceUID}
    return announced(f"{index}.dcm", FILES[index], **{name: str(uid) for name, uid in uids.items()}, modality="CT", **more)


async def test_what_is_here_and_partly_here_is_not_sent_again_from_another_computer(technician, sign_in, province, engine):
    files = [of_series(0), of_series(1)]
    told = await ask(technician, await begin(technician), files)
    assert [file["state"] for file in told["files"]] == ["wanted", "wanted"]
    await patch(technician, told["files"][0]["url"], 0, FILES[0])
    await patch(technician, told["files"][1]["url"], 0, FILES[1][:4000])

    colleague = await sign_in(province.doctor)
    again = await ask(colleague, await begin(colleague), files)
    assert [(file["state"], file["offset"]) for file in again["files"]] == [("here", len(FILES[0])), ("partly", 4000)]
    [series] = again["series"]
    assert (series["modality"], series["announced"], series["here"]) == ("CT", 2, 1)
    assert (series["bytes"], series["bytes_here"]) == (len(FILES[0]) + len(FILES[1]), len(FILES[0]) + 4000)
    await patch(colleague, again["files"][1]["url"], 4000, FILES[1][4000:])
    assert await stored(engine) == FILES


async def test_what_came_by_another_door_is_here_too(technician):
    upload = await begin(technician)
    await technician.post(f"{upload}/files", params={"name": "1"}, content=FILES[0])
    told = await ask(technician, await begin(technician), [of_series(0), of_series(1)])
    assert [file["state"] for file in told["files"]] == ["here", "wanted"]


async def test_other_units_learn_nothing_of_what_is_here(technician, sign_in, province):
    upload = await begin(technician)
    await technician.post(f"{upload}/files", params={"name": "1"}, content=FILES[0])
    stranger = await sign_in(province.other_doctor)
    told = await ask(stranger, await begin(stranger), [of_series(0)])
    assert told["files"][0]["state"] == "wanted"


async def test_announcing_twice_makes_one_file(technician, engine):
    upload = await begin(technician)
    first, second = [await ask(technician, upload, [of_series(0)]) for _ in range(2)]
    assert first["files"][0]["url"] == second["files"][0]["url"]
    async with session_scope(engine) as session:
        assert len((await session.exec(select(Parcel))).all()) == 1


async def test_a_file_that_was_not_taken_is_answered_without_being_sent_again(technician, engine):
    word = b"\xd0\xcf\x11\xe0" + bytes(500)
    told = await ask(technician, await begin(technician), [announced("x.doc", word)])
    await patch(technician, told["files"][0]["url"], 0, word)
    again = await ask(technician, await begin(technician), [announced("x.doc", word)])
    assert (again["files"][0]["state"], again["files"][0]["reason"]) == ("answered", "office_document")
    async with session_scope(engine) as session:
        assert len((await session.exec(select(UploadFile))).all()) == 1


async def test_a_study_counts_what_was_announced_and_is_looked_at_once_it_is_whole(technician, engine):
    from imaging.store.models import Study

    told = await ask(technician, await begin(technician), [of_series(0), of_series(1)])
    await patch(technician, told["files"][0]["url"], 0, FILES[0])
    async with session_scope(engine) as session:
        study = (await session.exec(select(Study))).one()
        assert (study.instance_count, study.expected_instances, study.state) == (1, 2, "receiving")
    await patch(technician, told["files"][1]["url"], 0, FILES[1])
    async with session_scope(engine) as session:
        study = (await session.exec(select(Study))).one()
        assert (study.instance_count, study.expected_instances, study.state) == (2, 2, "checking")
