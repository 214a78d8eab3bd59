import imagecodecs
import numpy as np
import openjpeg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.dicom.htj2k import NotOffered, encode, levels_for


def picture(rows: int, columns: int, bits: int, signed: bool) -> np.ndarray:
    y, x = np.mgrid[0:rows, 0:columns]
    wave = (np.sin(x / 30) * np.cos(y / 40) + 1) * 2 ** (bits - 1) + np.random.default_rng(0).normal(0, 3, (rows, columns))
    values = np.clip(wave, 0, 2**bits - 1).astype(np.int32)
    values[0, 0], values[-1, -1] = 0, 2**bits - 1  # the ends of the range as well
    kind = "u1" if bits == 8 else "u2"
    return (values - 2 ** (bits - 1)).astype("i2" if bits > 8 else "i1") if signed else values.astype(kind)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [10, 11, 12, 13, 14, 15, 16])
def test_two_decoders_give_back_every_value_and_the_codestream_says_bits_stored(bits, signed):
    pixels = picture(200, 150, bits, signed)
    encoded = encode(pixels, bits)
    for again in (openjpeg.decode(encoded.codestream), imagecodecs.htj2k_decode(encoded.codestream)):
        assert again.dtype == pixels.dtype
        assert np.array_equal(again, pixels)
    said = openjpeg.get_parameters(encoded.codestream)
    assert (said["precision"], said["is_signed"]) == (bits, signed)


@settings(max_examples=30, deadline=None)
@given(
    bits=st.integers(10, 16),
    rows=st.integers(1, 90),
    columns=st.integers(1, 90),
    signed=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_noise_of_any_size_survives(bits, rows, columns, signed, seed):
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    pixels = np.random.default_rng(seed).integers(low, high, (rows, columns), endpoint=True).astype("i2" if signed else "u2")
    assert np.array_equal(imagecodecs.htj2k_decode(encode(pixels, bits).codestream), pixels)


def test_the_bytes_up_to_a_levels_end_are_that_level_exactly():
    pixels = picture(512, 512, 12, False)
    encoded = encode(pixels, 12)
    levels = len(encoded.ends) - 1
    for level, end in enumerate(encoded.ends):
        skip = levels - level
        cut = imagecodecs.htj2k_decode(encoded.codestream[:end] + b"\xff\xd9", skipres=skip, resilient=True)
        whole = imagecodecs.htj2k_decode(encoded.codestream, skipres=skip)
        assert cut.shape == (-(-512 >> skip), -(-512 >> skip))
        assert np.array_equal(cut, whole)
    assert encoded.ends[-1] + 2 == len(encoded.codestream)


@pytest.mark.parametrize(("side", "levels"), [(512, 5), (3000, 6), (64, 5), (5000, 7)])
def test_the_coarsest_level_is_small(side, levels):
    assert levels_for(side, 10) == levels
    assert side >> levels <= 64


@pytest.mark.parametrize(
    ("pixels", "bits", "why"),
    [
        (np.full((8, 8), 4096, np.uint16), 12, "beyond-bits-stored"),
        (np.full((8, 8), -2049, np.int16), 12, "beyond-bits-stored"),
        (np.zeros((8, 8), np.uint16), 8, "too-narrow"),
        (np.zeros((8, 8, 3), np.uint8), 8, "colour-or-wide"),
        (np.zeros((8, 8), np.uint32), 32, "colour-or-wide"),
    ],
)
def test_what_cannot_be_exact_is_not_offered(pixels, bits, why):
    with pytest.raises(NotOffered, match=why):
        encode(pixels, bits)
