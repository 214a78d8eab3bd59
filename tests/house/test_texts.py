"""Vietnamese first: no text reaches a reader untranslated. Reports what is missing by the area that says it."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from telehealth.core import i18n

HOUSE = Path(__file__).parents[2]
TEMPLATES = HOUSE / "telehealth/web/templates"
CLIENT = HOUSE / "telehealth/web/client/src"
PACKAGES = ("telehealth", "imaging", "signaling")
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2)}
NOT_FOR_READERS = ("telehealth/web/templates/dev/",)
SAYS = re.compile(r"""(?<![\w.])t\(\s*(["'`])((?:(?!\1).)+)\1""")
HOLES = re.compile(r"%\((\w+)\)|\{(\w+)\}")

Text = tuple[str, str]
"""Where it is said (path from the house), and the English sentence."""


def _sentence(message: object) -> str:
    return str(message[0]) if isinstance(message, tuple | list) else str(message)


def in_templates() -> Iterator[Text]:
    options = {"trim_blocks": "true", "lstrip_blocks": "true", "extensions": "jinja2.ext.do", "silent": "false"}
    for path in TEMPLATES.rglob("*.html"):
        with path.open("rb") as file:
            for _line, _name, message, _comments in babel_extract(file, ["_", "gettext", "ngettext"], [], options):
                if message and message[0]:  # `_(variable)`: its words are found where they are written, or by test_pages
                    yield str(path.relative_to(HOUSE)), _sentence(message)


def python_files() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (path for path in (HOUSE / package).rglob("*.py") if "node_modules" not in path.parts)


def in_python() -> Iterator[Text]:
    """Calls of gettext, and the titles of domain errors (they are translated at the door)."""
    for path in python_files():
        place = str(path.relative_to(HOUSE))
        with path.open("rb") as file:
            for _line, message, _comments, _context in extract("python", file, KEYWORDS):
                yield place, _sentence(message)
        yield from ((place, title) for title in error_titles(path))


def error_titles(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            said = dict(_assigned(statement) for statement in node.body)
            if said.get("code") and said.get("title"):
                yield said["title"]


def _assigned(statement: ast.stmt) -> tuple[str, str]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
            return name, text
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(text))):
            return name, text
    return "", ""


def in_scripts() -> Iterator[Text]:
    """What a page's script says; the page hands it the translations in an island."""
    for path in CLIENT.rglob("*.ts"):
        if not path.name.endswith(".test.ts"):
            yield from (
                (str(path.relative_to(HOUSE)), text) for _quote, text in SAYS.findall(path.read_text()) if "${" not in text
            )


def test_every_text_has_its_vietnamese():
    known = i18n.catalog("vi")
    missing: dict[str, set[str]] = defaultdict(set)
    for texts in (in_templates(), in_python(), in_scripts()):
        for place, text in texts:
            if text and text not in known and not place.startswith(NOT_FOR_READERS):
                missing[place].add(text)

    report = "\n".join(f"{place}\n" + "\n".join(f"    {text!r}" for text in sorted(missing[place])) for place in sorted(missing))
    assert not missing, f"{sum(map(len, missing.values()))} texts have no Vietnamese:\n{report}"


@pytest.mark.parametrize("path", sorted(i18n.LOCALE.rglob("*.po")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_catalog_is_whole(path):
    """No empty translation, nothing left for later, and the same holes for facts on both sides."""
    with path.open("rb") as file:
        catalog = read_po(file, locale=path.parent.name, abort_invalid=True)
    wrong = []
    for message in catalog:
        if not message.id:
            continue
        english, translated = i18n._single(message.id), i18n._single(message.string)
        if not translated:
            wrong.append(f"empty: {english!r}")
        elif message.fuzzy:
            wrong.append(f"fuzzy: {english!r}")
        elif holes(translated) - holes(english):
            wrong.append(f"names facts that nobody gives: {english!r}")
    assert wrong == []


def holes(text: str) -> set[str]:
    return {first or second for first, second in HOLES.findall(text)}


def test_two_catalogs_never_translate_one_text_differently():
    """They are merged in the order of their names, so the last one would win without anybody noticing."""
    said: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted((i18n.LOCALE / "vi").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="vi"):
                if message.id and message.string:
                    said[i18n._single(message.id)][i18n._single(message.string)].append(path.name)
    assert {english: dict(ways) for english, ways in said.items() if len(ways) > 1} == {}
