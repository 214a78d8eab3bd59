"""What a clinic's gateway promises about its own disk."""

from hashlib import sha256
from io import BytesIO

import pydicom

from imaging.dicom.synthetic import ct_volume
from imaging.gateway.config import GatewayConfig
from imaging.gateway.queue import open_queue
from imaging.gateway.status import Link, page
from imaging.gateway.watcher import Watcher
from tests.imaging.pipeline.conftest import PATIENT

FILES = ct_volume(PATIENT, slices=3, size=64)


def changed(content: bytes, **facts: object) -> bytes:
    """The same image as another instance with other facts."""
    data = pydicom.dcmread(BytesIO(content))
    for name, value in facts.items():
        setattr(data, name, value)
    data.SOPInstanceUID += ".9"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    out = BytesIO()
    data.save_as(out)
    return out.getvalue()


def names(queue) -> list[str]:
    return [entry.name for entry in queue.waiting(100)]


def test_the_urgent_leaves_first_then_planning_images_then_series_in_order(tmp_path):
    urgent = changed(FILES[0], RequestedProcedurePriority="STAT", SeriesNumber=7)
    scout = changed(FILES[1], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], SeriesNumber=8)
    with open_queue(tmp_path) as queue:
        for name, content in (("3", FILES[2]), ("1", FILES[0]), ("scout", scout), ("2", FILES[1]), ("urgent", urgent)):
            queue.put(name, [content])
        queue.put("broken", [b"not an image"])
        assert names(queue) == ["urgent", "scout", "1", "2", "3", "broken"]


def test_what_was_accepted_is_there_after_a_power_cut(tmp_path):
    with open_queue(tmp_path) as queue:
        queue.put("1", [FILES[0]])
        digest = sha256(FILES[1]).hexdigest()
        queue.path(digest).parent.mkdir(exist_ok=True)
        queue.path(digest).write_bytes(FILES[1])  # renamed, but the row was not written any more
        (queue.temp / "half").write_bytes(b"half")
    with open_queue(tmp_path) as queue:
        assert [entry.sha256 for entry in queue.waiting(9)] == [sha256(FILES[0]).hexdigest(), digest]
        assert list(queue.temp.iterdir()) == []


def test_nothing_is_deleted_before_the_province_has_it(tmp_path):
    with open_queue(tmp_path) as queue:
        good, bad = queue.put("good", [FILES[0]]), queue.put("bad", [b"x"])
        assert queue.path(good).read_bytes() == FILES[0]
        queue.answered(good, "stored", "", taken=True)
        queue.answered(bad, "refused", "not_dicom", taken=False)
        assert (queue.path(good).exists(), queue.path(bad).read_bytes()) == (False, b"x")
        assert queue.put("good again", [FILES[0]]) == good
        assert queue.waiting(9) == []


def test_a_watched_folder_gives_each_file_once_when_it_has_stopped_growing(tmp_path):
    disc = tmp_path / "disc"
    (disc / "DICOM").mkdir(parents=True)
    (disc / "DICOM" / "1").write_bytes(FILES[0][:2000])
    (disc / "viewer.exe").write_bytes(b"MZ")
    with open_queue(tmp_path / "gateway") as queue:
        watcher = Watcher(disc, queue)
        assert watcher.look() == 0
        (disc / "DICOM" / "1").write_bytes(FILES[0])
        assert [watcher.look() for _ in range(3)] == [0, 1, 0]
        assert names(queue) == ["DICOM/1"]
        assert (disc / "DICOM" / "1").read_bytes() == FILES[0]


def test_the_status_page_and_the_sheet_say_what_waits(tmp_path):
    config = GatewayConfig("http://x", "t", tmp_path)
    with open_queue(tmp_path) as queue:
        for name, content in enumerate(FILES):
            queue.put(str(name), [content])
        queue.answered(queue.waiting(1)[0].sha256, "stored", "", taken=True)
        status, sheet = page("status.html", config, queue, Link()), page("sheet.html", config, queue, Link())
    assert "1 trên 3 tệp" in status
    assert "Mất kết nối với tỉnh" in status
    assert "Phiếu bàn giao" in sheet
    assert "<script" not in status + sheet
