"""Texts and searches become the same words: however they are typed, and nothing that differs for a reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core.search_words import parts_of, receipt_of, words_of, words_of_plan


def finds(search: str, text: str) -> bool:
    parts = parts_of(search)
    return bool(parts) and all(part in words_of([text]) for part in parts)


@pytest.mark.parametrize(
    ("text", "searches"),
    [
        (
            "Siobhán O’Connor-Núñez",
            ["o'connor", "OCONNOR", "nunez siobhan", "connor-nu", "o´connor", "SIOBHÁN"],
        ),
        ("Weiß & Söhne GmbH", ["weiss", "WEISS", "sohne", "söhne weiß", "gmbh"]),
        ("Łukasz Żółć", ["lukasz", "zolc łukasz"]),
        ("İpek Yıldız", ["ipek", "yildiz", "İPEK"]),
        ("Ελένη Παπαδοπούλου", ["ελενη", "ΠΑΠΑΔΟΠΟΎΛΟΥ ΕΛΕΝΗ"]),
        ("Фёдор Йовович", ["федор", "ЙОВОВИЧ фёдор"]),
        ("فاطمة أحمد", ["فاطمه", "احمد", "أحمد فاطمة", "فاطِمَة"]),
        ("کریم یوسفی", ["كريم", "يوسفي"]),
        ("שָׁלוֹם כהן", ["שלום", "כהן שלום"]),
        ("山田 太郎", ["山田", "太郎 山田", "山", "太"]),
        ("ﾃｰﾌﾞﾙ 大", ["テーブル", "ブル"]),
        ("김민준", ["김", "김민", "김민준"]),
        ("ประเสริฐ สุข", ["ประเสริฐ", "สุข"]),
        ("Caf\u0065\u0301 table", ["café", "CAFE\u0301", "cafe"]),
        ("Two\u00a0chairs\u202fred", ["two chairs", "red two"]),
        ("Emoji 🚲 bike", ["🚲", "bike 🚲"]),
    ],
)
def test_a_text_is_found_as_people_write_it(text, searches):
    assert [search for search in searches if not finds(search, text)] == []


@pytest.mark.parametrize(
    "search",
    ["1250", "1,250.00", "1.250,00", "1 250,00", "$1 250", "1'250.00", "١٢٥٠", "۱٬۲۵۰٫۰۰", "€1250,00"],
)
def test_an_amount_is_found_in_every_usual_spelling(search):
    assert finds(search, "1250.00")


@pytest.mark.parametrize(
    ("search", "text"),
    [
        ("250.00", "1250.00"),
        ("table", "chair"),
        ("ed", "Alfred"),
        ("田山", "山田"),
        ("anna maria", "Anna"),
        ("%", "a"),
    ],
)
def test_what_is_not_there_is_not_found(search, text):
    assert not finds(search, text)


def test_signs_alone_find_nothing():
    assert [parts_of(signs) for signs in ("", "  ", "…", "—!?", "%", "''")] == [()] * 6


@pytest.mark.parametrize("search", ["wxyz2345-12", "WXYZ 2345-12", "wxyz2345 – 12", "ＷＸＹＺ2345-12"])
def test_a_receipt_number_is_read_with_or_without_spaces(search):
    assert receipt_of(search) == ("WXYZ2345", 12)


def test_what_is_not_a_receipt_number_is_none():
    assert [receipt_of(text) for text in ("WXYZ2345", "WXYZ2345-", "XYZ2345-1", "WXYZ2345-0")] == [None] * 4


def test_an_address_is_found_by_either_spelling_of_its_domain():
    words = words_of_plan(
        description="Table",
        email="anna@xn--bcher-kva.example",
        reference="WXYZ2345",
        amounts=["3.00"],
        name=None,
    )
    for search in ("BÜCHER.example", "@bücher", "anna@bu", "xn--bcher", "WXYZ-2345", "wxyz 2345", "yz23"):
        assert all(part in words for part in parts_of(search)), search


@given(st.text(max_size=40))
def test_every_text_finds_itself_and_each_of_its_words(text):
    words = words_of([text])
    for part in parts_of(text):
        assert part in words
        assert len(part) >= 3
        assert '"' not in part
