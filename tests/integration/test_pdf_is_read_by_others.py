"""A PDF as other programs have it: sound, tagged, its fonts inside, its words found by search in every script."""

from __future__ import annotations

import io
import itertools
import subprocess
from dataclasses import replace

import pikepdf
import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.presentation import formats
from portal.presentation.pdf import ROW_SPACES, SHORTEST_LAST_PAGE, Document, Table, draw

HEIGHT = 842
ENGLISH = Document(
    language="en",
    direction="ltr",
    sender="Corner Shop",
    title="Statement of 7KQ2MW4X",
    about="Oak table",
    figure="$66.66 still owed",
    facts=(("Shop", "Corner Shop, shop@example.com"), ("Customer", "Ada Buyer")),
    tables=(),
    closing=("Questions? Ask Corner Shop at shop@example.com.",),
    page="Page {number} of {count}",
    digits="0123456789",
    missing="A box marks a character.",
)
ARABIC = Document(
    language="ar",
    direction="rtl",
    sender="متجر السلام",
    title="إيصال 7KQ2MW4X",
    about="طاولة من البلوط",
    figure=formats.money(3334, "USD", "ar"),
    facts=(("الاستحقاق", "الآن"),),
    tables=(),
    closing=("أسئلة؟ اسأل متجر السلام.",),
    page="صفحة {number} من {count}",
    digits="٠١٢٣٤٥٦٧٨٩",
    missing="-",
)


def table(rows: int, title: str = "Schedule") -> Table:
    lines = tuple((str(k), "4 Jan 2027", "$33.33") for k in range(1, rows + 1))
    return Table(title, ("No.", "Due", "Amount"), lines, (0.3, 0.4, 0.3), frozenset({2}), ("", "Total", "$1"))


def opened(document: Document) -> pypdfium2.PdfDocument:
    """As the PDF viewer of Chromium has it."""
    return pypdfium2.PdfDocument(draw(document))


def finds(document: Document, words: str) -> bool:
    with opened(document) as pdf:
        return any(pdf[k].get_textpage().search(words).get_next() for k in range(len(pdf)))


def left_of(document: Document, character: str) -> float:
    """Where the first such character stands, in points from the left."""
    with opened(document) as pdf:
        text = pdf[0].get_textpage()
        return text.get_charbox(text.get_text_range().index(character))[0]


@pytest.mark.parametrize("document", [ENGLISH, ARABIC, replace(ENGLISH, tables=(table(60),))])
def test_it_is_sound_tagged_and_has_its_fonts_inside(document):
    drawn = draw(document)
    with pikepdf.open(io.BytesIO(drawn)) as pdf:
        assert pdf.check_pdf_syntax() == []
        assert pdf.Root.MarkInfo.Marked
        assert pdf.Root.Lang == document.language
        assert "/StructTreeRoot" in pdf.Root
        with pdf.open_metadata() as metadata:
            assert metadata["pdfuaid:part"] == "1"
            assert metadata["dc:title"] == document.title
        fonts = [font for page in pdf.pages for font in page.Resources.Font.values()]
        assert fonts
        for font in fonts:
            assert "/ToUnicode" in font
            descriptor = font.DescendantFonts[0].FontDescriptor
            assert {"/FontFile2", "/FontFile3"} & set(descriptor.keys())


def test_tables_are_tagged_as_tables():
    with pikepdf.open(io.BytesIO(draw(replace(ENGLISH, tables=(table(3),))))) as pdf:
        kinds = {str(each.S) for each in pdf.objects if isinstance(each, pikepdf.Dictionary) and "/S" in each}
    assert {"/Table", "/TR", "/TH", "/TD", "/H1", "/P"} <= kinds


@pytest.mark.parametrize(
    "words", ["Ξύλινο τραπέζι", "Дубовый стол", "Tisch für Žofie", "樫のテーブル", "오크 테이블"]
)
def test_words_from_the_left_are_found(words):
    assert finds(replace(ENGLISH, about=words), words)


@pytest.mark.parametrize(
    "words", ["متجر السلام", "الاستحقاق", "لأن الآن", "الإيصال الأول", "بلا", "שולחן עץ"]
)
@pytest.mark.parametrize("document", [ENGLISH, ARABIC])
def test_words_from_the_right_are_found(document, words):
    assert finds(replace(document, about=words), words)


@pytest.mark.parametrize(
    "words", ["Дубовый стол", "US$", "متجر السلام", "الاستحقاق", "שולחן עץ", "오크 테이블"]
)
@pytest.mark.parametrize("document", [ENGLISH, ARABIC])
def test_words_of_both_directions_on_one_page_are_found_by_poppler(tmp_path, document, words):
    path = tmp_path / "it.pdf"
    path.write_bytes(draw(replace(document, about=words)))
    said = subprocess.run(["pdftotext", path, "-"], capture_output=True, check=True, text=True).stdout
    assert words in said


@pytest.mark.parametrize("document", [ENGLISH, ARABIC])
@pytest.mark.parametrize("words", ["مدينة", "עיר"])
def test_brackets_open_toward_what_they_hold(document, words):
    """Around right-to-left emails, too, the left one of the two is open to the right, in both directions."""
    with opened(replace(document, about=f"({words})")) as pdf:
        text = pdf[0].get_textpage()
        start = text.search(words).get_next()[0]
        boxes = [text.get_charbox(start + k) for k in range(len(words))]
        top, bottom = HEIGHT - max(box[3] for box in boxes) - 2, HEIGHT - min(box[1] for box in boxes) + 2
        left, right = min(box[0] for box in boxes), max(box[2] for box in boxes)
        ink = Ink(pdf[0], top, bottom)
        assert ink.upright_side(left - 5, left - 0.3) == "left"
        assert ink.upright_side(right + 0.3, right + 5) == "right"


class Ink:
    """How dark each column of a line is; lengths in points."""

    SCALE = 8

    def __init__(self, page: pypdfium2.PdfPage, top: float, bottom: float) -> None:
        bitmap = page.render(scale=self.SCALE, grayscale=True)
        data, lines = bytes(bitmap.buffer), range(int(top * self.SCALE), int(bottom * self.SCALE))
        self.columns = [
            sum(data[line * bitmap.stride + x] < 160 for line in lines) for x in range(bitmap.width)
        ]

    def upright_side(self, first: float, last: float) -> str:
        """At which side of what stands between the two its darkest column is."""
        dark = [x for x in range(int(first * self.SCALE), int(last * self.SCALE)) if self.columns[x]]
        middle = (dark[0] + dark[-1]) / 2
        return "left" if max(dark, key=lambda x: self.columns[x]) < middle else "right"


def test_a_document_in_arabic_is_written_from_the_right():
    assert left_of(ARABIC, "3") > left_of(ENGLISH, "6") + 200


def test_the_sign_of_a_foreign_currency_stays_with_its_emails_in_arabic():
    assert left_of(ARABIC, "U") < left_of(ARABIC, "$") < left_of(ARABIC, "3")


def test_pages_are_counted_in_the_chosen_digits():
    with opened(replace(ARABIC, tables=(table(60),))) as pdf:
        assert [pdf[k].get_textpage().get_text_range().count("٢") for k in range(2)] == [1, 2]


def test_no_last_page_is_almost_empty():
    """However long the schedule, and whatever follows it."""
    for count, refunds in itertools.product(range(24, 61, 2), (0, 1, 5)):
        tables = (table(count), table(refunds, "Refunds")) if refunds else (table(count),)
        with opened(replace(ENGLISH, tables=tables)) as pdf:
            if len(pdf) == 1:
                continue
            text = pdf[len(pdf) - 1].get_textpage()
            # The foot of the page is below, and has no "$".
            total = text.get_text_range().rindex("$1")
            depth = HEIGHT - text.get_charbox(total)[1]
            assert depth >= SHORTEST_LAST_PAGE - 20, (count, refunds, depth)


def test_the_same_words_give_the_same_bytes():
    assert draw(ARABIC) == draw(ARABIC)
    assert len(ROW_SPACES) == len(set(ROW_SPACES))


@pytest.mark.parametrize(
    "odd", ["#strong[x]", "$x^2$", "\\u{41}", "= Head", "*b* _i_", "<end>", "@ref", "//", '"]}']
)
def test_what_people_typed_is_text_and_no_markup(odd):
    assert finds(replace(ENGLISH, about=odd), odd)


@pytest.mark.parametrize("odd", ["🪑", "Table 🪑\ufe0f", "ไทย"])
def test_characters_without_a_font_are_boxes_with_a_note(odd):
    assert finds(replace(ENGLISH, about=odd), ENGLISH.missing)
    assert finds(replace(ENGLISH, about=odd), "□")


@pytest.mark.parametrize(
    "fine", ["Oak\u200b table", "Oak\u00ad table", "\u2068Oak\u2069", "e\u0301", "\ufeffOak"]
)
def test_characters_that_show_nothing_need_no_box(fine):
    assert not finds(replace(ENGLISH, about=fine), ENGLISH.missing)


@given(st.text(max_size=60))
def test_any_text_can_be_drawn(text):
    assert draw(replace(ENGLISH, about=text, sender=text, title=f"Receipt {text}")).startswith(b"%PDF")
