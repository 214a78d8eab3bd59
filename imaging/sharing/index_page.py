"""What a person finds in an exported folder: a page that any browser opens from a disc, without a viewer or script."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from telehealth.core.i18n import gettext, language


@dataclass(frozen=True)
class Shown:
    """A series: its title, how many images, where its small picture stands ("" for none), and its files."""

    title: str
    count: int
    picture: str
    files: Sequence[str]


def index_page(title: str, facts: Sequence[tuple[str, str]], series: Sequence[Shown]) -> bytes:
    """facts: (name, value) lines under the title."""
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts if value)
    shown = "".join(_series(one) for one in series)
    note = escape(gettext("Open DICOMDIR with any DICOM viewer. The pictures on this page are only for finding."))
    return (
        f'<!doctype html><html lang="{language.get()}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        "<style>body{font:16px sans-serif;margin:2em;max-width:60em}img{max-width:256px;display:block}"
        "section{margin:1.5em 0;border-top:1px solid #ccc}dt{font-weight:bold}dd{margin:0 0 .4em}</style></head>"
        f"<body><h1>{escape(title)}</h1><dl>{listed}</dl><p>{note}</p>{shown}</body></html>"
    ).encode()


def _series(one: Shown) -> str:
    picture = f'<img src="{escape(one.picture)}" alt="">' if one.picture else ""
    count = escape(gettext("{count} images").format(count=one.count))
    files = "".join(f'<li><a href="{escape(name)}">{escape(name)}</a></li>' for name in one.files)
    return (
        f"<section><h2>{escape(one.title)}</h2>{picture}<p>{count}</p><details><summary>DICOM</summary>"
        f"<ul>{files}</ul></details></section>"
    )
