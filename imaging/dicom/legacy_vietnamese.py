"""Names in the byte codes of old Vietnamese fonts (TCVN3, VNI) that a file calls Latin-1 (ISO_IR 100): what was meant?

Only a proposal. A spelling is proposed where every word of it is a Vietnamese syllable and the text as sent has one
that is not; a person says yes, and the file stays as it is.
"""

import re
from dataclasses import dataclass
from unicodedata import normalize

TCVN3 = dict(
    zip(
        "¡¢£¤¥¦§¨©ª«¬\u00ad®µ¶·¸¹»¼½¾ÆÇÈÉÊËÌÎÏÐÑÒÓÔÕÖ×ØÜÝÞßáâãäåæçèéêëìíîïñòóôõö÷øùúûüýþ",
        "ĂÂÊÔƠƯĐăâêôơưđàảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ",
        strict=True,
    )
)
"""TCVN 5712:1993, third set: one byte a letter; capitals with a tone were a matter of the font."""

_TONES = {"ø": "\u0300", "ù": "\u0301", "û": "\u0309", "õ": "\u0303", "ï": "\u0323"}
_BREVE = {"ê": "", "é": "\u0301", "è": "\u0300", "ú": "\u0309", "ü": "\u0303", "ë": "\u0323"}
_ROOF = {"â": "", "á": "\u0301", "à": "\u0300", "å": "\u0309", "ã": "\u0303", "ä": "\u0323"}
_SINGLE = {"ñ": "đ", "ô": "ơ", "ö": "ư", "æ": "ỉ", "ó": "ĩ", "ò": "ị", "î": "ỵ", "ì": "ì", "í": "í"}


def _vni() -> dict[str, str]:
    """Letter and mark as two characters; `ô` and `ö` are letters of their own (ơ, ư) that take marks."""
    pairs = dict(_SINGLE)
    for letter in "aeouy":
        pairs |= {letter + mark: letter + tone for mark, tone in _TONES.items()}
    pairs |= {"a" + mark: "ă" + tone for mark, tone in _BREVE.items()}
    for letter, roofed in zip("aeo", "âêô", strict=True):
        pairs |= {letter + mark: roofed + tone for mark, tone in _ROOF.items()}
    for letter, horned in (("ô", "ơ"), ("ö", "ư")):
        pairs |= {letter + mark: horned + tone for mark, tone in _TONES.items()}
    capitals = {key.upper(): value.upper() for key, value in pairs.items()}
    mixed = {key[0].upper() + key[1:]: value.upper() for key, value in pairs.items() if len(key) == 2}
    return {key: normalize("NFC", value) for key, value in (pairs | mixed | capitals).items()}


VNI = _vni()

ONSET = "ngh|ng|nh|gh|gi|kh|ph|qu|th|tr|ch|[bcdđghklmnpqrstvx]"
NUCLEUS = (
    "uyê|iêu|yêu|uôi|ươi|ươu|oai|oay|oeo|uây|uyu|uya|oao|ia|iê|ya|yê|ua|uô|ưa|ươ|oa|oă|oe|uâ|uê|uy|uơ|ai|ao|au|ay|âu|ây|"
    "eo|êu|iu|oi|ôi|ơi|ui|ưi|ưu|[aăâeêioôơuưy]"
)
SYLLABLE = re.compile(f"({ONSET})?({NUCLEUS})(ch|ng|nh|[cmnpt])?")
TONE = re.compile("[\u0300\u0301\u0303\u0309\u0323]")


@dataclass(frozen=True)
class Spelling:
    """code: tcvn3 or vni. name: what was meant."""

    code: str
    name: str


def spellings(name: str) -> list[Spelling]:
    """What a name may have meant; empty for one that is fine as it is, or that no code explains. `^` stays."""
    if all(ord(letter) < 0x80 or ord(letter) > 0xFF for letter in name) or _is_vietnamese(name):
        return []
    found = [Spelling("tcvn3", _in_one_case(name, _by(TCVN3, name))), Spelling("vni", _in_one_case(name, _by(VNI, name)))]
    return [one for one in found if one.name != name and _is_vietnamese(one.name)]


def _by(code: dict[str, str], text: str) -> str:
    longest_first = sorted(code, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), lambda found: code[found[0]], text)


def _in_one_case(sent: str, meant: str) -> str:
    """Capitals throughout, where the plain letters were so."""
    plain = [letter for letter in sent if letter.isascii() and letter.isalpha()]
    return meant.upper() if len(plain) > 1 and all(letter.isupper() for letter in plain) else meant


def _is_vietnamese(name: str) -> bool:
    words = re.split(r"[\s^=]+", name.strip("^= "))
    return bool(words) and all(_is_syllable(word) for word in words)


def _is_syllable(word: str) -> bool:
    apart = normalize("NFD", word.casefold())
    return len(TONE.findall(apart)) <= 1 and SYLLABLE.fullmatch(normalize("NFC", TONE.sub("", apart))) is not None
