"""Receipts and statements as PDF, drawn from words that are already chosen; the same words give the same bytes.

The embedded fonts know Latin, Greek, Cyrillic, Armenian, Georgian, Hebrew and Arabic. A letter that they lack is drawn
as an open box, and a note on the document says so: nothing is left out in silence.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from arabic_reshaper import ArabicReshaper
from bidi import get_display
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

FONTS = Path(__file__).parent / "fonts"
REGULAR, BOLD = "DejaVuSansCondensed", "DejaVuSansCondensed-Bold"
INK, SOFT, LINE, ACCENT = (HexColor(code) for code in ("#211e19", "#5d574c", "#d8d2c5", "#0a5f4c"))
WIDTH, HEIGHT = A4
MARGIN, FOOT = 56.0, 60.0
ROOM = WIDTH - 2 * MARGIN
MISSING = "\N{WHITE SQUARE}"
# They show nothing, and tell in which order the rest is shown: needed until that is settled, and not drawn.
MARKS = "\N{LEFT-TO-RIGHT MARK}\N{RIGHT-TO-LEFT MARK}"
UNMARKED = str.maketrans("", "", MARKS)

# Ligatures of whole words are letters that few fonts have; joined letters say the same.
_RESHAPER = ArabicReshaper(
    {
        "delete_harakat": False,
        "ARABIC LIGATURE ALLAH": False,
        "RIAL SIGN": False,
        "ARABIC LIGATURE MOHAMMAD": False,
        "ARABIC LIGATURE AKBAR": False,
    }
)


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
    """All words of a document, in the order in which they are read; ``page`` words "Page 1 of 2".

    ``missing`` is the note for letters that the fonts lack.
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
    page: Callable[[int, int], str]
    missing: str


def draw(document: Document) -> bytes:
    """The document as the bytes of a PDF of as many pages as it takes."""
    _register()
    counted = _Sheet(document, 0)
    counted.draw()
    # Drawn again once it is known how many pages there are, for the foot of each.
    sheet = _Sheet(document, counted.number)
    sheet.draw()
    return sheet.finished()


@cache
def _register() -> None:
    for name in (REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(name, FONTS / f"{name}.ttf"))


class _Sheet:
    """A canvas with a place to go on from, mirrored for languages that are written from the right."""

    def __init__(self, document: Document, pages: int) -> None:
        self.document = document
        self.pages = pages
        self.rtl = document.direction == "rtl"
        self.lacks = False
        self.number = 1
        self.y = HEIGHT - MARGIN
        self.written = io.BytesIO()
        self.canvas = Canvas(self.written, pagesize=A4, invariant=1, lang=document.language)
        self.canvas.setTitle(document.title)
        self.canvas.setAuthor(document.sender)
        self.canvas.setSubject(document.about)
        self.canvas.setCreator("Tallystick")

    def draw(self) -> None:
        self._head()
        for table in self.document.tables:
            self._table(table)
        self._closing()
        self._foot()

    def finished(self) -> bytes:
        self.canvas.save()
        return self.written.getvalue()

    def _head(self) -> None:
        self.y -= 4
        self.block(self.document.sender, 11, BOLD, color=ACCENT)
        self._rule(10)
        self.y -= 14
        self.block(self.document.title, 20, BOLD)
        self.y -= 2
        self.block(self.document.about, 11, color=SOFT)
        self.y -= 16
        self.block(self.document.figure, 26, BOLD)
        self.y -= 10
        label = ROOM * 0.28
        for name, value in self.document.facts:
            top = self.y
            self.block(name, 9.5, color=SOFT, width=label - 12)
            after_name, self.y = self.y, top
            self.block(value, 9.5, start=label, width=ROOM - label)
            self.y = min(self.y, after_name)
            self._rule(4)
            self.y -= 3

    def _table(self, table: Table) -> None:
        self.y -= 24
        self._room_for(90)
        self.block(table.title, 12, BOLD)
        self.y -= 6
        self._row(table, table.headings, 8, color=SOFT)
        for row in table.rows:
            if self._room_for(26):
                self._row(table, table.headings, 8, color=SOFT)
            self._row(table, row, 9)
        if table.foot:
            self._room_for(26)
            self._row(table, table.foot, 9, BOLD)

    def _row(
        self, table: Table, cells: tuple[str, ...], size: float, font: str = REGULAR, *, color: HexColor = INK
    ) -> None:
        top, lowest, start = self.y, self.y, 0.0
        for column, (words, share) in enumerate(zip(cells, table.widths, strict=True)):
            self.y = top
            gap = 0 if column == len(cells) - 1 else 10
            far = column in table.amounts
            self.block(words, size, font, start=start, width=share * ROOM - gap, far=far, color=color)
            lowest, start = min(lowest, self.y), start + share * ROOM
        self.y = lowest
        self._rule(3.5)
        self.y -= 1

    def _closing(self) -> None:
        self.y -= 18
        for words in self.document.closing:
            self._room_for(30)
            self.block(words, 9, color=SOFT)
            self.y -= 3
        if self.lacks:
            self._room_for(30)
            self.block(self.document.missing, 9, color=SOFT)

    def _foot(self) -> None:
        self.y = FOOT - 22
        self.block(
            self.document.page(self.number, self.pages),
            8,
            start=ROOM / 2,
            width=ROOM / 2,
            far=True,
            color=SOFT,
        )
        self.y = FOOT - 22
        self.block(self.document.title, 8, width=ROOM / 2, color=SOFT)

    def _room_for(self, height: float) -> bool:
        """Goes on to the next page unless ``height`` points are left; whether it did."""
        if self.y - height > FOOT:
            return False
        self._foot()
        self.canvas.showPage()
        self.number += 1
        self.y = HEIGHT - MARGIN
        return True

    def _rule(self, below: float) -> None:
        self.y -= below
        self.canvas.setStrokeColor(LINE)
        self.canvas.setLineWidth(0.6)
        self.canvas.line(MARGIN, self.y, WIDTH - MARGIN, self.y)

    def block(
        self,
        words: str,
        size: float,
        font: str = REGULAR,
        *,
        start: float = 0,
        width: float = ROOM,
        far: bool = False,
        color: HexColor = INK,
    ) -> None:
        """``words`` in lines of ``width`` points from ``start`` on, or up to there if ``far``; goes down by each."""
        self.canvas.setFillColor(color)
        self.canvas.setFont(font, size)
        for line in _wrapped(self._known(words, font), font, size, width):
            self.y -= size * 1.35
            shown = get_display(line, base_dir="R" if self.rtl else "L").translate(UNMARKED)
            if far is self.rtl:
                self.canvas.drawString(MARGIN + (ROOM - start - width if self.rtl else start), self.y, shown)
            else:
                self.canvas.drawRightString(
                    MARGIN + (ROOM - start if self.rtl else start + width), self.y, shown
                )

    def _known(self, words: str, font: str) -> str:
        """The letters as they are drawn: joined where they join, no marks that show nothing, boxes for the unknown."""
        shapes = _RESHAPER.reshape(words)
        glyphs = pdfmetrics.getFont(font).face.charToGlyph
        shown = (
            " " if c.isspace() else c
            for c in shapes
            if unicodedata.category(c) not in ("Cf", "Cc") or c.isspace() or c in MARKS
        )
        known = "".join(c if c in MARKS or ord(c) in glyphs else MISSING for c in shown)
        self.lacks = self.lacks or MISSING in known
        return known


def _wrapped(words: str, font: str, size: float, width: float) -> Iterator[str]:
    """Lines that fit, broken between words, and inside of a word that is longer than a line."""
    line = ""
    for word in words.split(" "):
        longer = f"{line} {word}" if line else word
        if _width(longer, font, size) <= width:
            line = longer
            continue
        if line:
            yield line
        line = word
        while _width(line, font, size) > width and len(line) > 1:
            fitting = next(
                n for n in range(len(line) - 1, 0, -1) if n == 1 or _width(line[:n], font, size) <= width
            )
            yield line[:fitting]
            line = line[fitting:]
    yield line


def _width(words: str, font: str, size: float) -> float:
    return pdfmetrics.stringWidth(words.translate(UNMARKED), font, size)
