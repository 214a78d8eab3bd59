"""The scanner says what the walk and the library say, or hands over: over every shipped file and thousands of broken ones."""

import io
import random

import pydicom
import pytest

from imaging.dicom import json_model, preflight, read, scanner
from imaging.dicom.refusals import Refused
from tests import dicom_samples
from tests.dicom_samples import element, file_of, image

LAYOUT = ("values", "pixel_offset", "pixel_length", "fragment_starts", "fragments_end", "offset_table", "first_fragment")


def library(content: bytes) -> str:
    with read.quiet():
        dataset = pydicom.dcmread(io.BytesIO(content))
        read._mend_character_set(dataset)
        return json_model.to_json(dataset)


def verdict(content: bytes) -> str:
    """`same`, `refused` or `handed over`; anything else fails."""
    refusal = layout = None
    try:
        layout = preflight.check_bytes(content)
    except Refused as refused:
        refusal = refused.refusal
    try:
        found = scanner.scan(content)
    except scanner.HandOver:
        return "handed over"
    except Refused as refused:
        assert refused.refusal == refusal  # noqa: PT017 the same refusal from both
        return "refused"
    assert layout is not None, refusal
    assert [getattr(found.layout, name) for name in LAYOUT] == [getattr(layout, name) for name in LAYOUT]
    assert json_model.text_of(found.model) == library(content)
    return "same"


def test_every_shipped_file_is_read_as_the_library_reads_it_and_most_need_no_library():
    verdicts = [verdict(path.read_bytes()) for path in dicom_samples.shipped()]
    assert verdicts.count("same") > 4 * (len(verdicts) - verdicts.count("same") - verdicts.count("refused"))


@pytest.mark.parametrize("seed", range(4))
def test_broken_files_are_never_read_differently(seed):
    chance = random.Random(seed)
    originals = [content for path in dicom_samples.shipped() if len(content := path.read_bytes()) < 60_000]
    verdicts = {verdict(mutated(chance, chance.choice(originals))) for _ in range(400)}
    assert verdicts == {"same", "refused", "handed over"}


def mutated(chance: random.Random, content: bytes) -> bytes:
    """A few bytes changed, removed, doubled or cut off, mostly where the header is."""
    broken = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(min(132, len(broken) - 1), max(min(len(broken), 3000), 134))
        match chance.randrange(5):
            case 0 | 1:
                broken[at : at + 1] = bytes([chance.randrange(256)])
            case 2:
                broken[at : at + 2] = chance.choice((b"\\ ", b"  ", b"\0\0", b"\xff\xff", b"\xc3\xa9", b"=^", b"1e"))
            case 3:
                del broken[at : at + chance.choice((1, 2, 4))]
            case _:
                broken[at:at] = chance.choice((b"\\", b"\0", b"  ", bytes(4)))
    return bytes(broken[: chance.randrange(140, len(broken))] if chance.random() < 0.1 else broken)


@pytest.mark.parametrize(
    "tail",
    [
        element(0x10, 0x4000, b"LT", "Bệnh nhân ".encode()),
        element(0x18, 0x50, b"DS", b"1.50\\ 2e1 "),
        element(0x11, 0x10, b"LO", b"NOBODY") + element(0x11, 0x1001, b"UN", bytes(65)),
        element(0x18, 0x1088, b"IS", b"-7\\8"),
        element(0x18, 0x9087, b"FD", bytes(8) + b"\0\0\0\0\0\0\xf0\x7f"),
    ],
)
def test_values_of_many_kinds_are_read_without_the_library(tail):
    assert verdict(file_of(with_element(tail))) == "same"


def with_element(tail: bytes) -> bytes:
    """The plain image with one more run of elements between groups 0010 and 0020."""
    whole = image()
    at = whole.index(element(0x20, 0x0D, b"UI", b"1.2.3.4"))
    return whole[:at] + tail + whole[at:]
