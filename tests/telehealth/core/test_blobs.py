"""Objects by content on a disk."""

import os
import time

from telehealth.core.blobs import FORGOTTEN_S, Disk, content_key, put_bytes


async def test_what_is_put_twice_is_there_once_and_nothing_stays_behind(tmp_path):
    disk = Disk(tmp_path)
    first = await put_bytes(disk, "dicom", b"content")
    assert await put_bytes(disk, "dicom", b"content") == first
    assert await disk.read(first[0]) == b"content"
    assert first[0] == content_key("dicom", first[1])
    assert list(disk.temp.iterdir()) == []


async def test_keys_of_other_forms_have_folders_of_their_own(tmp_path):
    disk = Disk(tmp_path)
    staged = disk.staging()
    staged.write_bytes(b"piece")
    await disk.put("parcel/one/0", staged)
    assert [folder.name for folder in (tmp_path / "parcel").iterdir()] == ["one"]


def test_staged_files_of_a_killed_process_are_swept_after_a_day(tmp_path):
    disk = Disk(tmp_path)
    old, fresh = disk.staging(), disk.staging()
    for file in (old, fresh):
        file.touch()
    long_ago = time.time() - FORGOTTEN_S - 1
    os.utime(old, (long_ago, long_ago))
    Disk(tmp_path)
    assert (old.exists(), fresh.exists()) == (False, True)
