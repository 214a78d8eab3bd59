"""Vietnamese names as people search for them: any case, with or without marks, any order.

Two levels: `fold` forgets marks (a search without them must find), `Name` keeps them (marks typed on purpose rank first).
đ does not decompose in NFD; old and new tone placement (hoà, hòa) fold to the same letters.
"""

import unicodedata


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
