"""Receipts and statements as PDF: words go into templates/pdf/document.typ; the same words give the same bytes.

The fonts know Latin, Greek, Cyrillic, Armenian, Georgian, Hebrew, Arabic, Chinese, Japanese and Korean. A character
that they lack is drawn as a box, and a note on the document says so.

typst and fontTools are loaded by the first document: processes that draw none do without their 8 MB.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import typst

TEMPLATE = Path(__file__).parent.parent.parent / "templates/pdf/document.typ"
FONTS = (Path(__file__).parent / "fonts", Path(str(files("cvttf_NotoSansCJK_Regular"))))
MISSING = "\N{WHITE SQUARE}"
# Bidi control characters: needed by the bidi algorithm, stripped before drawing.
BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
JOINERS = frozenset("\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}")
# Space above and below the words of a row, in points: the widest that leaves no almost empty last page.
ROW_SPACES = (4.5, 3.9, 3.3)
SHORTEST_LAST_PAGE = 170.0  # points from the top of the page, of 842


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under headings. ``widths`` are shares of the page; ``amounts`` are columns of numbers."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]
    amounts: frozenset[int]
    foot: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """All words of a document, in the order in which they are read.

    ``page`` words "Page {number} of {count}" and ``digits`` are the ten to count with. ``missing`` is the note for
    characters that the fonts lack. ``stick`` is the plan's own, as SVG, and ``stick_words`` its text.
    """

    language: str
    direction: str
    sender: str
    title: str
    about: str
    figure: str
    facts: tuple[tuple[str, str], ...]
    tables: tuple[Table, ...]
    closing: tuple[str, ...]
    page: str
    digits: str
    missing: str
    stick: str = ""
    stick_words: str = ""


def draw(document: Document) -> bytes:
    """The document as a tagged PDF (PDF/UA-1) of as many pages as it takes."""
    words, complete = drawable(asdict(document))
    if not complete:
        words["closing"] += (document.missing,)
    for space in ROW_SPACES:
        compiler = _compiler(words | {"row_space": space})
        end = json.loads(compiler.query("<end>", field="value", one=True))
        if end["page"] == 1 or end["y"] >= SHORTEST_LAST_PAGE:
            break
    return cast(bytes, compiler.compile(format="pdf", pdf_standards=["ua-1"]))


def _compiler(words: Mapping[str, Any]) -> typst.Compiler:
    import typst

    return typst.Compiler(
        TEMPLATE,
        root=TEMPLATE.parent,
        font_paths=_fonts(),
        sys_inputs={"document": json.dumps(words, default=sorted)},
    )


@cache
def _fonts() -> typst.Fonts:
    """Fonts of the machine would differ from one to the next."""
    import typst

    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=list(FONTS))


@cache
def _known() -> frozenset[int]:
    """The code points that one of the fonts can draw."""
    from fontTools.ttLib import TTFont

    known: set[int] = set()
    for path in (path for folder in FONTS for path in folder.iterdir() if path.suffix in (".ttf", ".otf")):
        with TTFont(path, lazy=True) as font:
            known.update(font.getBestCmap())
    return frozenset(known)


def drawable(words: Any) -> tuple[Any, bool]:
    """The same words with boxes for characters that no font knows, and whether there were none."""
    if isinstance(words, str):
        drawn = "".join(map(_drawn, unicodedata.normalize("NFC", words)))
        return drawn, MISSING not in drawn
    if isinstance(words, dict):
        pairs = {name: drawable(value) for name, value in words.items()}
        return {name: value for name, (value, _) in pairs.items()}, all(fine for _, fine in pairs.values())
    if isinstance(words, tuple):
        parts = [drawable(value) for value in words]
        return tuple(value for value, _ in parts), all(fine for _, fine in parts)
    return words, True


def _drawn(character: str) -> str:
    if character.isspace():
        return " "
    if character in BIDI_CONTROLS or character in JOINERS:
        return character
    kind = unicodedata.category(character)
    # Marks that show nothing, and variation selectors, need no box.
    if kind in ("Cc", "Cf") or 0xFE00 <= ord(character) <= 0xFE0F:
        return ""
    return character if ord(character) in _known() and kind != "Co" else MISSING
