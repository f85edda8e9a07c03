"""Files of plans as people and spreadsheets write them: separators, marks, days, formulas, and what is refused."""

from __future__ import annotations

from datetime import date

import pytest

from portal.core.errors import InvalidInput
from portal.core.imports import MOST_ROWS, Wanted, decoded, read_rows

HEAD = "email,name,description,total,installments,first_due,frequency,paid_before,reference"
ROW = "ada@example.com,Ada,Oak table,1200.00,12,2026-01-31,monthly,400.00,A-1"


def read(text, currency="EUR", mark="."):
    return list(read_rows(text, currency, mark))


def only(text, **more):
    (row,) = read(text, **more)
    return row


def test_a_row_becomes_what_it_asks_for():
    wanted = only(f"{HEAD}\n{ROW}\n").wanted
    assert (wanted.total, wanted.paid_before, wanted.installments) == (120000, 40000, 12)
    assert (wanted.first_due, wanted.frequency, wanted.reference) == (date(2026, 1, 31), "monthly", "A-1")


@pytest.mark.parametrize("total", ["1200", "1200,00", "1.200,00", "1.200", "1 200,00", "€1.200,00"])
def test_where_semicolons_separate_a_comma_is_the_decimal_mark(total):
    text = f"{HEAD}\n{ROW}\n".replace(",", ";").replace("1200.00", total).replace("400.00", "400,00")
    wanted = only(text).wanted
    assert (wanted.total, wanted.paid_before) == (120000, 40000)


@pytest.mark.parametrize("day", ["2026-01-31", "31.01.2026", "31.1.2026", "31/01/2026"])
def test_three_ways_to_write_a_day(day):
    assert only(f"{HEAD}\n{ROW.replace('2026-01-31', day)}").wanted.first_due == date(2026, 1, 31)


@pytest.mark.parametrize("day", ["01/31/2026", "31-01-2026", "2026-02-30", "tomorrow", "=TODAY()"])
def test_another_is_a_fault_of_its_cell(day):
    row = only(f"{HEAD}\n{ROW.replace('2026-01-31', day)}")
    assert row.wanted is None and list(row.faults) == ["first_due"] and row.cells["first_due"] == day


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", '"=HYPERLINK(""x"")"'])
def test_a_formula_is_refused_and_text_that_is_kept_as_text_is_not(cell):
    assert list(only(f"{HEAD}\n{ROW.replace('Oak table', cell)}").faults) == ["description"]
    kept = cell.strip('"').replace('""', "")
    assert only(f"{HEAD}\n{ROW.replace('Oak table', chr(39) + kept)}").wanted.description == kept


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_byte_order_mark_and_each_separator(separator):
    text = f"{HEAD}\r\n{ROW}\r\n\r\n".replace(",", separator).replace(".00", "")
    assert len(read(decoded(b"\xef\xbb\xbf" + text.encode()))) == 1


def test_optional_columns_may_be_missing_and_names_may_have_spaces():
    row = only("Email,Description,Total,Installments,First due\nada@example.com,Oak table,100,2,2026-01-31")
    assert (row.wanted.paid_before, row.wanted.frequency, row.wanted.name) == (0, "monthly", "")


def test_every_cell_at_fault_is_named():
    row = only(f"{HEAD}\n,,,x,1.5,y,daily,z,")
    assert set(row.faults) == {
        "email",
        "description",
        "total",
        "installments",
        "first_due",
        "frequency",
        "paid_before",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "email,total\n",
        f"{HEAD},paid befor\n{ROW},3\n",
        f"email,{HEAD}\n",
        f"{HEAD}\n" + f"{ROW}\n" * (MOST_ROWS + 1),
    ],
)
def test_a_file_with_other_columns_or_too_many_rows_is_refused_as_a_whole(text):
    with pytest.raises(InvalidInput) as refused:
        read(text)
    assert list(refused.value.errors) == ["file"]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00a", b"PK\x03\x04\x00", "é".encode("latin-1")])
def test_what_is_no_text_is_refused(content):
    with pytest.raises(InvalidInput):
        decoded(content)


def test_rows_that_ask_for_the_same_are_the_same_however_they_are_written():
    one = only(f"{HEAD}\n{ROW}").wanted.digest
    other = (
        f"{HEAD}\n{ROW}".replace(",", ";").replace("1200.00", "1.200,00").replace("2026-01-31", "31.01.2026")
    )
    assert only(other.replace("400.00", "400").replace("ada@", "Ada@")).wanted.digest == one
    assert only(f"{HEAD}\n{ROW.replace('A-1', 'A-2')}").wanted.digest != one


OWN = "email,description,lines,paid_before\n"


def test_a_row_may_have_lines_of_its_own():
    wanted = only(
        OWN + 'ada@example.com,Oak,"2026-01-31 150.00 | 15.03.2026 250.00|31/12/2026 1,100.00"'
    ).wanted
    days = [date(2026, 1, 31), date(2026, 3, 15), date(2026, 12, 31)]
    assert wanted.lines == tuple(zip((15000, 25000, 110000), days, strict=True))
    assert (wanted.total, wanted.installments, wanted.first_due) == (150000, 3, days[0])
    assert wanted.frequency == "own" and Wanted.restored(wanted.stored()) == wanted


def test_where_semicolons_separate_lines_have_decimal_commas():
    wanted = only("email;description;lines\nada@example.com;Oak;31.01.2026 1.150,50 | 15.03.2026 250").wanted
    assert [amount for amount, _ in wanted.lines] == [115050, 25000]


@pytest.mark.parametrize(
    ("lines", "faults"),
    [
        ("2026-01-31", ["lines"]),
        ("2026-01-31 150.00 | ", ["lines"]),
        ("150.00 2026-01-31", ["lines"]),
        ("2026-01-31 many", ["lines"]),
        ("=A1", ["lines"]),
        ("", ["total", "installments", "first_due"]),
    ],
)
def test_lines_that_cannot_be_read_are_a_fault_of_their_cell(lines, faults):
    row = only(f"{OWN}ada@example.com,Oak,{lines}")
    assert row.wanted is None and list(row.faults) == faults and row.cells["lines"] == lines.strip()


def test_what_stands_beside_lines_has_to_be_theirs():
    head = "email,description,total,installments,first_due,frequency,lines\n"
    lines = "2026-01-31 150.00 | 2026-03-15 250.00"
    assert only(f"{head}ada@example.com,Oak,400.00,2,,,{lines}").wanted.total == 40000
    row = only(f"{head}ada@example.com,Oak,500.00,3,2026-01-31,monthly,{lines}")
    assert set(row.faults) == {"total", "installments", "first_due", "frequency"}


def test_a_row_without_lines_is_recognised_as_it_was_before_there_were_any():
    stored = only(f"{HEAD}\n{ROW}\n").wanted.stored()
    assert "lines" not in stored and Wanted.restored(stored).lines is None
