"""A film taken by phone, as the archive has it."""

from datetime import date
from io import BytesIO

import numpy as np
import pydicom
from PIL import Image

from imaging.dicom import preflight
from imaging.dicom.photograph import Depicted, as_dicom, baseline

WHOSE = Depicted("Nguyễn Thị Hoà", date(1959, 3, 2), "female", "question 1")


def jpeg(mode: str = "RGB", **how: object) -> bytes:
    gradient = np.linspace(0, 255, 40 * 60, dtype=np.uint8).reshape(40, 60)
    exif = Image.Exif()
    exif[0x010F] = "A phone of somebody"
    out = BytesIO()
    Image.fromarray(gradient).convert(mode).save(out, "JPEG", exif=exif, **how)
    return out.getvalue()


def test_a_photograph_becomes_an_image_with_the_same_pixels(tmp_path):
    for mode in ("RGB", "L"):
        picture = baseline(jpeg(mode))
        assert picture is not None
        assert (picture.rows, picture.columns) == (40, 60)
        path = tmp_path / "photo.dcm"
        path.write_bytes(as_dicom(picture, WHOSE))
        preflight.check(path)
        data = pydicom.dcmread(path)
        assert str(data.PatientName).startswith("Nguyễn")
        shown = np.asarray(Image.open(BytesIO(pydicom.encaps.get_frame(data.PixelData, 0))))
        assert np.array_equal(shown, np.asarray(Image.open(BytesIO(jpeg(mode)))))


def test_what_the_camera_wrote_beside_the_picture_is_left_out():
    original = jpeg()
    picture = baseline(original)
    assert b"A phone of somebody" in original
    assert b"A phone of somebody" not in as_dicom(picture, WHOSE)


def test_the_same_photograph_is_the_same_file_for_one_question_only():
    picture = baseline(jpeg())
    assert as_dicom(picture, WHOSE) == as_dicom(picture, WHOSE)
    other = pydicom.dcmread(BytesIO(as_dicom(picture, Depicted(WHOSE.name, WHOSE.birth_date, WHOSE.sex, "question 2"))))
    mine = pydicom.dcmread(BytesIO(as_dicom(picture, WHOSE)))
    assert other.SOPInstanceUID != mine.SOPInstanceUID
    assert other.StudyInstanceUID != mine.StudyInstanceUID


def test_pictures_that_dicom_does_not_take_as_they_are_stay_documents():
    whole = jpeg()
    assert baseline(jpeg(progressive=True)) is None
    assert baseline(b"\xff\xd8\xff\xe0 no picture") is None
    assert all(baseline(whole[:end]) is None for end in range(0, len(whole) - 2, 7))
