"""The page's message types are those of the protocol."""

from signaling.typescript import TARGET, render


def test_the_committed_types_are_the_protocol():
    assert TARGET.read_text() == render(), "run: python -m signaling.typescript"
