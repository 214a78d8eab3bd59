"""Marks keep their author and version, measure by the image's own calibration, and are nobody else's business."""

import io
from hashlib import sha256
from uuid import uuid4

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from sqlmodel import select

from imaging.dicom import measurement
from imaging.reports.models import Annotation
from imaging.store.models import Instance, Series, Study, StudyState
from telehealth.core.audit import AuditEntry
from telehealth.core.blobs import blobs, content_key
from telehealth.core.db import session_scope

BOX = np.s_[20:40, 10:30]
INSIDE = [[12.0, 22.0], [27.0, 37.0]]
SPACING = [0.8, 0.5]


def small_ct() -> Dataset:
    """64 × 64, -1000 HU of air with a box of 60 HU at rows 20 to 39 and columns 10 to 29; 0.8 mm by 0.5 mm."""
    stored = np.zeros((64, 64), dtype=np.uint16)
    stored[BOX] = 1060
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.Modality, dataset.PixelSpacing = "CT", SPACING
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [-10, -20, 5], [1, 0, 0, 0, 1, 0]
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = -1000, 1, "HU"
    dataset.PixelData = stored.tobytes()
    return dataset


@pytest.fixture
async def ct(engine, province) -> Dataset:
    """A small CT on the shelf, open to the hospital's specialists."""
    dataset = small_ct()
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    digest = sha256(buffer.getvalue()).hexdigest()
    staged = blobs().staging()
    staged.write_bytes(buffer.getvalue())
    await blobs().put(content_key("dicom", digest), staged)
    async with session_scope(engine) as session:
        study = Study(
            uid=dataset.StudyInstanceUID,
            organisation_id=province.clinic.id,
            patient_id=province.patient.id,
            reading_unit_id=province.hospital.id,
            open_for_reading=True,
            state=StudyState.AVAILABLE,
        )
        session.add(study)
        await session.flush()
        series = Series(uid=dataset.SeriesInstanceUID, study_id=study.id, modality="CT")
        session.add(series)
        await session.flush()
        del dataset.PixelData
        session.add(
            Instance(
                sop_uid=dataset.SOPInstanceUID,
                study_id=study.id,
                series_id=series.id,
                sop_class=CTImageStorage,
                transfer_syntax=ExplicitVRLittleEndian,
                frames=1,
                sha256=digest,
                received_sha256=digest,
                size=len(buffer.getvalue()),
                blob_key=content_key("dicom", digest),
                metadata_json=dataset.to_json(),
            )
        )
    return dataset


def drawn(ct: Dataset, kind: str = "length", points=((0, 0), (30, 40)), **more) -> dict:
    return {
        "series_uid": ct.SeriesInstanceUID,
        "sop_uid": ct.SOPInstanceUID,
        "kind": kind,
        "points": [list(point) for point in points],
        **more,
    }


def address(ct: Dataset, mark_id=None) -> str:
    return f"/api/v1/studies/{ct.StudyInstanceUID}/marks" + (f"/{mark_id}" if mark_id else "")


async def test_a_mark_comes_back_with_author_version_and_the_servers_own_length(sign_in, province, ct):
    reader, mark_id = await sign_in(province.specialist), uuid4()

    saved = await reader.put(address(ct, mark_id), json=drawn(ct))
    listed = (await reader.get(address(ct))).json()["marks"]

    assert saved.status_code == 200
    assert [saved.json()] == listed
    mark = listed[0]
    assert (mark["mark_id"], mark["version"], mark["author_name"], mark["mine"]) == (str(mark_id), 1, "Lê Quang Minh", True)
    assert mark["measurements"] == {"length_mm": round((15**2 + 32**2) ** 0.5, 3), "calibrated": True}
    assert mark["points_mm"] == [[-10.0, -20.0, 5.0], [5.0, 12.0, 5.0]]


async def test_the_mean_of_a_box_is_in_hounsfield_units(sign_in, province, ct):
    reader = await sign_in(province.specialist)

    box = (await reader.put(address(ct, uuid4()), json=drawn(ct, "rectangle", INSIDE))).json()["measurements"]
    oval = (await reader.put(address(ct, uuid4()), json=drawn(ct, "ellipse", INSIDE))).json()["measurements"]

    assert box == {"area_mm2": 90.0, "calibrated": True, "mean": 60.0, "std": 0.0, "min": 60.0, "max": 60.0, "unit": "HU"}
    assert (oval["mean"], oval["area_mm2"]) == (60.0, pytest.approx(90 * np.pi / 4, abs=0.001))


async def test_a_change_is_the_next_version_and_saving_twice_is_one(sign_in, province, ct, session):
    reader, mark_id = await sign_in(province.specialist), uuid4()
    body = drawn(ct)

    answers = [
        await reader.put(address(ct, mark_id), json=body),
        await reader.put(address(ct, mark_id), json=body),
        await reader.put(address(ct, mark_id), json=body | {"label": "khối", "expected_version": 1}),
    ]

    assert [(answer.status_code, answer.json()["version"]) for answer in answers] == [(200, 1), (200, 1), (200, 2)]
    rows = (await session.exec(select(Annotation).where(Annotation.mark_id == mark_id))).all()
    assert sorted((row.version, row.current) for row in rows) == [(1, False), (2, True)]


async def test_an_old_page_does_not_overwrite_a_newer_version(sign_in, province, ct):
    first, second = await sign_in(province.specialist), await sign_in(province.other_specialist)
    mark_id = uuid4()
    await first.put(address(ct, mark_id), json=drawn(ct))
    await second.put(address(ct, mark_id), json=drawn(ct, label="hai", expected_version=1))

    late = await first.put(address(ct, mark_id), json=drawn(ct, label="ba", expected_version=1))

    assert (late.status_code, late.json()["type"], late.json()["version"]) == (409, "/problems/mark-changed", 2)


async def test_a_removed_mark_is_gone_from_the_list_and_kept_in_its_versions(sign_in, province, ct, session):
    reader, mark_id = await sign_in(province.specialist), uuid4()
    await reader.put(address(ct, mark_id), json=drawn(ct))

    removals = [await reader.delete(address(ct, mark_id), params={"expected_version": 1}) for _ in range(2)]

    assert [removal.status_code for removal in removals] == [204, 204]
    assert (await reader.get(address(ct))).json() == {"marks": []}
    rows = (await session.exec(select(Annotation).where(Annotation.mark_id == mark_id))).all()
    assert sorted((row.version, row.removed) for row in rows) == [(1, False), (2, True)]


@pytest.mark.parametrize(
    ("who", "reading", "writing"),
    [
        ("specialist", 200, 200),
        ("doctor", 200, 403),
        ("technician", 200, 403),
        ("other_doctor", 404, 404),
        ("patient_account", 404, 404),
        ("auditor", 403, 403),
    ],
)
async def test_readers_annotate_the_clinic_looks_others_know_nothing(sign_in, province, ct, who, reading, writing):
    person = await sign_in(province.accounts[who])

    seen = await person.get(address(ct))
    wrote = await person.put(address(ct, uuid4()), json=drawn(ct))

    assert (seen.status_code, wrote.status_code) == (reading, writing)


async def test_a_patient_sees_released_images_and_never_marks_them(sign_in, province, ct, engine):
    async with session_scope(engine) as session:
        study = (await session.exec(select(Study).where(Study.uid == ct.StudyInstanceUID))).one()
        study.released_to_patient_at = study.received_at
        session.add(study)
    patient = await sign_in(province.patient_account)

    assert (await patient.get(address(ct))).status_code == 200
    assert (await patient.put(address(ct, uuid4()), json=drawn(ct))).status_code == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"points": [[0, 0]]},
        {"points": [[0, 0], [1, "NaN"]]},
        {"frame": 2},
        {"frame": True},
        {"kind": "circle"},
        {"label": "x" * 201},
        {"expected_version": -1},
    ],
)
async def test_a_mark_that_cannot_be_is_refused_with_a_reason(sign_in, province, ct, wrong):
    reader = await sign_in(province.specialist)

    answer = await reader.put(address(ct, uuid4()), json=drawn(ct) | wrong)

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_the_id_of_a_mark_of_another_study_is_unknown_here(sign_in, province, ct, engine):
    reader, mark_id = await sign_in(province.specialist), uuid4()
    await reader.put(address(ct, mark_id), json=drawn(ct))
    async with session_scope(engine) as session:
        other = Study(
            uid=generate_uid(),
            organisation_id=province.clinic.id,
            reading_unit_id=province.hospital.id,
            open_for_reading=True,
            state=StudyState.AVAILABLE,
        )
        session.add(other)

    answer = await reader.delete(f"/api/v1/studies/{other.uid}/marks/{mark_id}", params={"expected_version": 1})

    assert answer.status_code == 404


async def test_every_look_and_every_change_is_audited(sign_in, province, ct, session):
    reader = await sign_in(province.specialist)
    await reader.put(address(ct, uuid4()), json=drawn(ct))
    await reader.get(address(ct))

    entries = (await session.exec(select(AuditEntry).where(AuditEntry.actor_id == province.specialist.id))).all()

    assert [(entry.act, entry.patient_id) for entry in entries] == [
        ("mark.saved", province.patient.id),
        ("marks.read", province.patient.id),
    ]


async def test_an_angle_is_measured_in_the_patient_not_in_pixels(sign_in, province, ct):
    reader = await sign_in(province.specialist)

    answer = await reader.put(address(ct, uuid4()), json=drawn(ct, "angle", [[10, 0], [0, 0], [10, 10]]))

    assert answer.json()["measurements"] == {"angle_deg": pytest.approx(np.degrees(np.arctan2(8, 5)), abs=0.01)}


def test_an_image_without_calibration_says_so_instead_of_guessing():
    assert measurement.spacing_of({"00280030": {"vr": "DS", "Value": [0, 0.5]}}) is None
    assert measurement.spacing_of({"00181164": {"vr": "DS", "Value": [0.2, 0.2]}}) is None


def test_an_ultrasound_region_in_centimetres_calibrates():
    region = {"00186024": {"Value": [3]}, "0018602C": {"Value": [0.05]}, "0018602E": {"Value": [0.04]}}

    assert measurement.spacing_of({"00186011": {"Value": [region]}}) == pytest.approx((0.4, 0.5))
