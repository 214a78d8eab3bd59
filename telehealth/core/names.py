"""Vietnamese names as people search for them: any case, with or without marks, any order.

Two levels: `fold` forgets marks (a search without them must find), `spelled` keeps them (marks typed on purpose rank
first). `NamePattern` is the one rule of searching: QIDO, C-FIND, pages and API ask it, or say the same in SQL.
đ does not decompose in NFD; old and new tone placement (hoà, hòa) fold to the same letters.
"""

import re
import unicodedata
from dataclasses import dataclass


def fold(text: str) -> str:
    """Lower case without marks, single spaces; DICOM's ^ and = count as spaces. `Nguyễn^Thị^Hoà` -> `nguyen thi hoa`."""
    plain = text.replace("^", " ").replace("=", " ").casefold().replace("đ", "d")
    letters = (c for c in unicodedata.normalize("NFD", plain) if not unicodedata.combining(c))
    return " ".join("".join(letters).split())


def name_key(text: str) -> str:
    """The folded components in alphabetical order: the same for every order of the same name."""
    return " ".join(sorted(fold(text).split()))


def given_name(full_name: str) -> str:
    """The last word: how a Vietnamese person is called and sorted."""
    words = full_name.split()
    return words[-1] if words else ""


TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")
"""Huyền, sắc, ngã, hỏi, nặng. The other marks make letters of their own: ă, â, ê, ô, ơ, ư."""


def spelled(text: str) -> tuple[str, ...]:
    """The words as written but for case and for where the tone stands: hoà and hòa both give `hoa` + huyền."""
    plain = text.replace("^", " ").replace("=", " ").casefold()
    return tuple(_tone_last(word) for word in unicodedata.normalize("NFD", plain).split())


def _tone_last(word: str) -> str:
    letters = "".join(c for c in word if c not in TONES)
    return unicodedata.normalize("NFC", letters) + "".join(c for c in word if c in TONES)


@dataclass(frozen=True)
class NamePattern:
    """A name as somebody types it into a search: each word must meet a word of the name, whatever the order.

    words: folded, `*` only at the ends, `?` for one letter. marked: the words that were typed with marks, `spelled`.
    """

    words: tuple[str, ...]
    marked: tuple[str, ...] = ()

    @classmethod
    def of(cls, typed: str, *, fuzzy: bool = False) -> "NamePattern":
        """`Nguy*hoa` asks for a word that begins with nguy and one that ends with hoa; fuzzy: every word may go on."""
        apart = re.sub(r"(?<=[^\s^=*])\*+(?=[^\s^=*])", "* *", typed)
        pieces = [word + "*" if fuzzy else word for word in re.split(r"[\s^=]+", apart) if word.strip("*?")]
        marked = (spelled(word)[0] for word in pieces if has_marks(word))
        return cls(tuple(re.sub(r"\*+", "*", fold(word)) for word in pieces), tuple(marked))

    def finds(self, name: str) -> bool:
        there = fold(name).split()
        return all(any(_meets(word, one) for one in there) for word in self.words)

    def closeness(self, name: str) -> int:
        """How many of the marked words stand in the name just so: the higher, the earlier in a list."""
        there = spelled(name)
        return sum(any(_meets(word, one) for one in there) for word in self.marked)


def has_marks(text: str) -> bool:
    return fold(text) != " ".join(text.casefold().split())


def _meets(pattern: str, word: str) -> bool:
    steps = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch("".join(steps), word) is not None
