"""Texts in the reader's language. English sentences are the keys; `telehealth/locale/<language>/<area>.po` translate.

One catalog per area of the product, read and merged at start, so that a text is found beside its kin.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

LANGUAGES = ("vi", "en")
DEFAULT = "vi"
LOCALE = Path(__file__).parent.parent / "locale"

language: ContextVar[str] = ContextVar("language", default=DEFAULT)


@cache
def catalog(of: str) -> dict[str, str]:
    """English sentence -> text in `of`, from every catalog of that language."""
    texts: dict[str, str] = {}
    for path in sorted((LOCALE / of).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=of):
                if message.id and message.string and not message.fuzzy:
                    texts[_single(message.id)] = _single(message.string)
    return texts


def _single(text: object) -> str:
    """Vietnamese has one plural form: the singular key and the only form stand for all."""
    return text[0] if isinstance(text, list | tuple) else str(text)


def gettext(message: str) -> str:
    return catalog(language.get()).get(message, message)


def ngettext(one: str, many: str, count: int) -> str:
    translated = catalog(language.get()).get(one)
    return translated or (one if count == 1 else many)


@contextmanager
def speaking(of: str) -> Iterator[None]:
    """Texts made inside are in this language: for notices and documents."""
    token = language.set(of if of in LANGUAGES else DEFAULT)
    try:
        yield
    finally:
        language.reset(token)
