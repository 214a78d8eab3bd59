"""The walk before any library."""

import time

import numpy as np
import pytest

from imaging.dicom import geometry, preflight, read, sandbox
from imaging.dicom.errors import Uncalibrated, Undecodable
from imaging.dicom.refusals import REASONS, Code, Refused
from telehealth.core.i18n import catalog
from tests import dicom_samples

HOSTILE = dicom_samples.hostile()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_by_its_code_at_once(name):
    content, code = HOSTILE[name]
    started = time.monotonic()
    with pytest.raises(Refused) as caught:
        preflight.check_bytes(content)
    assert not code or caught.value.refusal.code == code
    assert time.monotonic() - started < 2


def test_a_plain_image_passes_and_its_pixels_are_found():
    content = dicom_samples.file_of(dicom_samples.image())
    layout = preflight.check_bytes(content)
    assert layout.pixel_offset is not None
    assert content[layout.pixel_offset :][: layout.pixel_length] == bytes(range(16))


def test_every_refusal_has_a_status_and_words_in_both_languages():
    assert set(REASONS) == set(Code)
    assert all(reason.failure_reason and catalog("vi").get(reason.sentence) for reason in REASONS.values())


def test_a_length_uses_the_spacing_of_its_own_direction():
    line = np.array([[0.0, 0.0], [3.0, 4.0]])
    assert geometry.length_mm(line, (1.0, 1.0)) == 5.0
    assert geometry.length_mm(line, (0.5, 1.0)) == pytest.approx(13**0.5)
    with pytest.raises(Uncalibrated):
        geometry.length_mm(line, None)


def test_an_angle_is_measured_in_millimetres():
    corner = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    assert geometry.angle_deg(corner, (1.0, 1.0)) == pytest.approx(90)


def test_statistics_count_the_pixels_inside():
    values = np.arange(16, dtype=np.float64).reshape(4, 4)
    box = geometry.rectangle_statistics(values, np.array([[0.0, 0.0], [1.0, 1.0]]), (2.0, 2.0), "HU")
    assert (box.count, box.mean, box.minimum, box.maximum, box.area_mm2, box.unit) == (4, 2.5, 0.0, 5.0, 4.0, "HU")
    assert geometry.ellipse_statistics(values, np.array([[0.0, 0.0], [3.0, 3.0]]), None).area_mm2 is None


async def test_pixels_are_decoded_in_a_child_and_a_broken_file_costs_one_answer(tmp_path):
    broken, good = tmp_path / "broken", tmp_path / "good"
    broken.write_bytes(b"\xff" * 300)
    good.write_bytes(dicom_samples.file_of(dicom_samples.image()))
    with pytest.raises(Undecodable):
        await sandbox.render(broken)
    assert (await sandbox.render(good)).startswith(b"\x89PNG")
    assert await sandbox.native(good) == bytes(range(16))
    sandbox.close()


def test_utf_8_without_a_named_character_set_is_read_as_utf_8(tmp_path):
    path = tmp_path / "image"
    path.write_bytes(dicom_samples.file_of(dicom_samples.image()[len(dicom_samples.element(8, 5, b"CS", b"ISO_IR 192")) :]))
    assert read.examine(path, path.read_bytes())[1].patient_name == "Nguyễn^Thị^Hoà"
