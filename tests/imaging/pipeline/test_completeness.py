import numpy as np
import pytest

from imaging.pipeline.completeness import Placed, findings, missing_slices

AXIAL, CORONAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


@pytest.mark.parametrize(
    ("places", "missing"),
    [
        ([0, 5, 10, 15, 20], 0),
        ([0, 5, 15, 20, 25], 1),
        ([0, 5, 20, 25, 30], 2),
        ([0, 0, 5, 5, 10, 10, 15, 15], 0),
        ([0, 50, 51], 0),
    ],
)
def test_a_hole_in_the_usual_step_counts_as_missing_slices(places, missing):
    assert missing_slices(np.array(places, float)) == missing


def test_two_directions_in_one_series_are_said_once():
    images = [Placed("1", way, (0.0, float(i), float(i))) for way in (AXIAL, CORONAL) for i in range(5)]
    assert findings(images, None, 10) == [{"code": "mixed_orientations", "series_uid": "1", "count": 2}]


def test_images_without_a_place_say_nothing():
    assert findings([Placed("1"), Placed("1")], None, 2) == []
