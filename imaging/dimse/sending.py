"""Sending stored instances (PS3.4, C.4.2 and C.4.3): as they stand in the file, or unpacked where the peer takes no other."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.filebase import DicomFileLike
from pydicom.filewriter import write_dataset

from imaging.dicom import part10, sandbox
from imaging.dicom.errors import Undecodable
from imaging.dicom.read import quiet
from imaging.dicom.uids import DEFLATED_LE, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from imaging.dimse.association import Association, Context
from imaging.dimse.command import Command, Element, Field
from imaging.dimse.negotiation import COMMAND_SYNTAXES
from imaging.store.models import Instance
from telehealth.core.blobs import blobs

PIECE = 1024**2
HEAD = 64 * 1024
MEDIUM = 0
"""Priority of a C-STORE (PS3.7, 9.3.1.1)."""


class NoWay(Exception):
    """The peer accepted no context in which this instance can be sent."""


@dataclass(frozen=True)
class Order:
    """Who asked for it, for the C-STORE's move originator; cancels: whose C-CANCEL may come in between (C-GET)."""

    originator: str = ""
    message_id: int = 0
    cancels: int | None = None


async def send(association: Association, instance: Instance, order: Order) -> tuple[int, bool]:
    """One C-STORE sub-operation. Returns (its status, whether the operation was cancelled). Raises NoWay, Undecodable."""
    context = _context(association, instance)
    command: Command = {
        Element.FIELD: Field.C_STORE,
        Element.AFFECTED_SOP_CLASS: instance.sop_class,
        Element.AFFECTED_INSTANCE: instance.sop_uid,
        Element.PRIORITY: MEDIUM,
    }
    if order.originator:
        command |= {Element.MOVE_ORIGINATOR: order.originator, Element.MOVE_MESSAGE_ID: order.message_id}
    if context.syntax == instance.transfer_syntax:
        return await association.ask(context, command, _as_stored(instance), order.cancels)
    with tempfile.TemporaryDirectory(prefix="dimse-") as folder:
        plain = await _unpacked(instance, Path(folder) / "data-set", context.syntax)
        return await association.ask(context, command, _pieces(plain), order.cancels)


def _context(association: Association, instance: Instance) -> Context:
    """As stored if the peer takes that, else native little endian."""
    offered = {one.syntax: one for one in association.asking(instance.sop_class)}
    for syntax in (instance.transfer_syntax, *COMMAND_SYNTAXES):
        if syntax in offered:
            return offered[syntax]
    raise NoWay


def syntaxes_for(instances: Iterable[Instance]) -> dict[str, list[tuple[str, ...]]]:
    """SOP class -> the contexts to ask a peer for: each stored syntax by itself, and the native ones as the way out."""
    wanted: dict[str, list[tuple[str, ...]]] = {}
    for instance in instances:
        contexts = wanted.setdefault(instance.sop_class, [COMMAND_SYNTAXES])
        if (instance.transfer_syntax,) not in contexts:
            contexts.append((instance.transfer_syntax,))
    return wanted


async def _as_stored(instance: Instance) -> AsyncIterator[bytes]:
    """The data set's bytes behind the file head."""
    store = blobs()
    head = await store.read(instance.blob_key, 0, min(HEAD, instance.size))
    start = part10.data_set_offset(head)
    yield head[start:]
    for offset in range(len(head), instance.size, PIECE):
        yield await store.read(instance.blob_key, offset, min(PIECE, instance.size - offset))


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece


async def _unpacked(instance: Instance, to: Path, syntax: str) -> Path:
    """The data set in a native syntax. Pixels are decoded in the sandbox, a frame at a time. Raises Undecodable."""
    path = await blobs().local(instance.blob_key)
    pixels: bytes | None = None
    if instance.frames and instance.transfer_syntax not in (EXPLICIT_LE, IMPLICIT_LE, DEFLATED_LE):
        pixels = b"".join([await sandbox.native(path, number) for number in range(1, instance.frames + 1)])
    await asyncio.to_thread(_rewrite, path, to, syntax, pixels, instance.transfer_syntax == EXPLICIT_BE)
    return to


def _rewrite(path: Path, to: Path, syntax: str, pixels: bytes | None, swapped: bool) -> None:
    try:
        with quiet():
            dataset = pydicom.dcmread(path)
            if pixels is not None:
                _put_pixels(dataset, pixels, was_packed=not swapped)
            with to.open("wb") as file:
                out = DicomFileLike(file)
                out.is_little_endian, out.is_implicit_VR = True, syntax == IMPLICIT_LE
                write_dataset(out, dataset)
    except Exception as error:  # the library's own faults are as many as the world's files
        raise Undecodable(type(error).__name__) from None


def _put_pixels(dataset: Dataset, pixels: bytes, *, was_packed: bool) -> None:
    """Decoded frames, one after another; colours come out of the decoder as RGB, samples together."""
    if was_packed and dataset.get("SamplesPerPixel", 1) == 3:
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    elif dataset.get("SamplesPerPixel", 1) == 3:
        dataset.PlanarConfiguration = 0
    dataset.PixelData = pixels + b"\0" * (len(pixels) % 2)
    dataset["PixelData"].VR = "OB" if dataset.BitsAllocated <= 8 else "OW"
    dataset["PixelData"].is_undefined_length = False
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:
            delattr(dataset, keyword)
