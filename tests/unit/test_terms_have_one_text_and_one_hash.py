"""The same terms give the same text and hash; whatever differs in them shows in the hash."""

import dataclasses
import json
from datetime import date, timedelta

import pytest

from portal.core.schedule import Frequency, Line, ScheduleRequest, build_schedule
from portal.core.terms import Terms, hash_text, write_terms

TODAY = date(2026, 1, 10)


def terms(**changes):
    answers = {
        "seller": "Corner Shop",
        "support": "help@example.com",
        "buyer": "ada@example.com",
        "description": "Sofa, grün",
        "currency": "USD",
        "frequency": "monthly",
        "lines": build_schedule(
            ScheduleRequest(10000, "USD", 3, Frequency.MONTHLY, date(2026, 1, 31)), TODAY
        ),
        "last_day": date(2026, 2, 9),
        "timezone": "Europe/Paris",
    }
    return write_terms(**(answers | changes))


def test_the_text_is_the_same_every_time():
    assert terms().canonical() == terms().canonical()


def test_the_text_is_canonical_json_with_amounts_as_decimals_and_plain_dates():
    text = terms().canonical()
    document = json.loads(text)
    assert text == json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert document["total"] == document["cash_price"] == "100.00"
    assert document["lines"][1] == {"number": 2, "amount": "33.33", "due_on": "2026-02-28"}
    assert document["last_day"] == "2026-02-09"


def test_the_text_of_these_terms_is_pinned_since_hashes_of_old_acceptances_rest_on_it():
    kept = terms(lines=(Line(1, 5, date(2026, 1, 31)),))
    kept = dataclasses.replace(kept, late="late", early="early", refund="refund")
    assert kept.canonical() == (
        '{"buyer":"ada@example.com","cash_price":"0.05","currency":"USD","description":"Sofa, grün","early":"early",'
        '"frequency":"monthly","last_day":"2026-02-09","late":"late",'
        '"lines":[{"amount":"0.05","due_on":"2026-01-31","number":1}],"refund":"refund","seller":"Corner Shop",'
        '"support":"help@example.com","timezone":"Europe/Paris","total":"0.05"}'
    )
    assert hash_text(kept.canonical()) == "efd44857593953aecae5a06574541fff527d516c14ce3002651af9349b5d2f8b"


def test_the_total_is_the_sum_of_the_lines():
    assert terms().total == 10000


def other(value):
    if isinstance(value, int):
        return value + 1
    if isinstance(value, date):
        return value + timedelta(days=1)
    if isinstance(value, tuple):
        return value[:-1]
    return "EUR" if value == "USD" else f"{value} "


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Terms)])
def test_the_hash_changes_with_every_field(field):
    agreed = terms()
    changed = dataclasses.replace(agreed, **{field: other(getattr(agreed, field))})
    assert hash_text(changed.canonical()) != hash_text(agreed.canonical())


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Line)])
def test_the_hash_changes_with_every_part_of_a_line(field):
    agreed = terms()
    line = dataclasses.replace(agreed.lines[2], **{field: other(getattr(agreed.lines[2], field))})
    changed = dataclasses.replace(agreed, lines=(*agreed.lines[:2], line))
    assert hash_text(changed.canonical()) != hash_text(agreed.canonical())


def test_a_hash_is_64_hexadecimal_digits():
    assert len(hash_text(terms().canonical())) == len(f"{int(hash_text(terms().canonical()), 16):064x}") == 64


def test_terms_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        terms().total = 1
