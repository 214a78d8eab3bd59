import pytest

from imaging.dicom.legacy_vietnamese import TCVN3, VNI, Spelling, spellings


def written(code: dict[str, str], name: str) -> str:
    """A name as a machine with that font would have sent it, read as Latin-1."""
    back = {meant: sent for sent, meant in sorted(code.items(), key=lambda pair: pair[0].isupper(), reverse=True)}
    return "".join(back.get(letter, letter) for letter in name)


NAMES = [
    "Nguyễn^Thị^Hoà",
    "Trần^Văn^Đức",
    "Lê^Quang^Thắng",
    "Đặng^Thị^Mỹ^Duyên",
    "Hoàng^Hữu^Phước",
    "Vũ^Đình^Hiếu",
    "Bùi^Thuỳ^Linh",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("code", "table"), [("tcvn3", TCVN3), ("vni", VNI)])
def test_what_an_old_font_wrote_is_proposed_as_it_was_meant(name, code, table):
    sent = written(table, name)
    assert sent != name
    assert all(ord(letter) < 256 for letter in sent)
    assert Spelling(code, name) in spellings(sent)


@pytest.mark.parametrize("name", [*NAMES, "NGUYEN^THI^HOA", "Müller^Hans", "François^René", "Bà^Tú", ""])
def test_a_name_that_is_fine_or_foreign_is_left_alone(name):
    assert spellings(name) == []


def test_capitals_stay_capitals():
    assert Spelling("vni", "NGUYỄN^THỊ^HOÀ") in spellings("NGUYEÃN^THÒ^HOAØ")
