"""DICOMDIR, the index of a medium (PS3.3, F; PS3.10, 8): made from the headers of what is on it."""

import io
import tempfile
import warnings
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet

from imaging.dicom.read import quiet

LONGEST_VALUE = 1024
"""Longer ones are of no use in an index."""
NEEDED = {
    "PatientID": "NONE",
    "PatientName": "",
    "StudyID": "1",
    "StudyDate": "19000101",
    "StudyTime": "000000",
    "StudyDescription": "",
    "AccessionNumber": "",
    "Modality": "OT",
}
"""What a directory record must have (type 1 or 2) and files of the world often lack: the index says so, no file is changed."""


def name_of(series: int, image: int) -> str:
    """Both from 0. As `FileSet` names them: eight characters a step, so that every reader of media can open them."""
    return f"PT000000/ST000000/SE{series:06}/IM{image:06}"


class Directory:
    """Collects headers, then gives the file."""

    def __init__(self) -> None:
        self.headers: dict[str, tuple[str, Dataset]] = {}
        self.series: dict[str, int] = {}

    def add(self, name: str, source: Path | bytes) -> None:
        """name: where the file stands on the medium."""
        with quiet():
            opened = io.BytesIO(source) if isinstance(source, bytes) else source
            header = pydicom.dcmread(opened, stop_before_pixels=True)
        for tag in list(header.keys()):
            element = header.get_item(tag)
            if tag.is_private or len(getattr(element, "value", None) or b"") > LONGEST_VALUE:
                del header[tag]
        for keyword, value in NEEDED.items():
            if not header.get(keyword):
                setattr(header, keyword, value)
        header.SeriesNumber = header.get("SeriesNumber") or self.series.setdefault(header.SeriesInstanceUID, len(self.series) + 1)
        header.InstanceNumber = header.get("InstanceNumber") or len(self.headers) + 1
        self.headers[str(header.SOPInstanceUID)] = name, header

    def content(self) -> bytes:
        """The bytes of DICOMDIR. CPU work of about 3 ms a file: not for the event loop."""
        with tempfile.TemporaryDirectory() as folder, quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            medium = FileSet()
            for _, header in self.headers.values():
                medium.add(header)
            medium.write(Path(folder) / "medium")
            index = pydicom.dcmread(Path(folder) / "medium" / "DICOMDIR")
            medium._stage["t"].cleanup()  # a folder of its own, which pydicom 3.0 leaves to the collector
        for record in index.DirectoryRecordSequence:
            if "ReferencedFileID" in record:
                name, _ = self.headers[str(record.ReferencedSOPInstanceUIDInFile)]
                record.ReferencedFileID = name.split("/")  # as long as before: records point at each other by bytes
        out = io.BytesIO()
        index.save_as(out, enforce_file_format=True)
        return out.getvalue()
