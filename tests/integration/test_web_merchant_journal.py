"""The journal of a month: every posting on both sides, with the shop's own account numbers; Beancount accepts it."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from portal.extensions import now
from portal.models import Merchant
from portal.queries import metrics
from tests import factories
from tests.browserlike import form_at, sign_in, text

COLUMNS = ["date", "account", "text", "debit", "credit", "reference", "receipt"]
URL = "/merchant/exports/journal"
# Signs that mean something to one of the two files, and one of another script.
HOSTILE = 'Lamp "A\\B"; =1+1, лампа'


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=UTC)


@pytest.fixture
def past(session, shop, ada):
    """In February 100.00 in three is agreed, 33.34 paid, 20.00 recorded, 10.00 refunded and the rest written off."""
    plan_id = factories.accepted_plan(
        session, shop, ada, now=at(2, 1), first=date(2026, 2, 1), description=HOSTILE
    )
    factories.pay(session, ada, plan_id, 1, now=at(2, 3))
    factories.record(session, shop, plan_id, 2000, now=at(2, 4), received_on=date(2026, 2, 4))
    factories.refund(session, shop, plan_id, 1000, now=at(2, 5))
    factories.write_off(session, shop, plan_id, now=at(2, 28))
    factories.accepted_plan(session, shop, ada, now=at(3, 1), total=777)
    session.rollback()
    return plan_id


@pytest.fixture
def merchant(client, shop):
    sign_in(client, shop)
    return client


def read(answer, separator=","):
    assert answer.status_code == 200
    rows = csv.DictReader(io.StringIO(text(answer).removeprefix("\ufeff")), delimiter=separator)
    assert rows.fieldnames == COLUMNS
    return list(rows)


def balance(rows):
    sums = Counter()
    for row in rows:
        sums[row["account"]] += Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0)
    return {account: str(amount) for account, amount in sums.items()}


def test_each_posting_has_two_sides_and_the_sums_are_those_of_the_month(merchant, session, shop, past):
    rows = read(merchant.get(f"{URL}.csv?month=2026-02"))
    assert balance(rows) == {
        "receivable": "0.00",
        "sales": "-100.00",
        "cash": "53.34",
        "refunds": "10.00",
        "write_offs": "36.66",
    }
    month = metrics.month(session, shop, date(2026, 2, 1))
    assert (month.closing, month.cash, month.figures["written_off"]) == (0, 5334, 3666)
    for debit, credit in zip(rows[::2], rows[1::2], strict=True):
        assert debit["debit"] == credit["credit"] != "" and debit["credit"] == credit["debit"] == ""
        same = ("date", "text", "reference", "receipt")
        assert [debit[name] for name in same] == [credit[name] for name in same]
    assert {row["receipt"][8:] for row in rows if row["account"] == "cash"} == {"-1", "-2"}
    assert [row["date"] for row in rows] == sorted(row["date"] for row in rows)


def test_the_shops_own_numbers_separator_and_no_formula(merchant, session, shop, past):
    saved = merchant.post(
        "/merchant/settings/accounts",
        data=form_at(merchant, "/merchant/settings/accounts", "/merchant/settings/accounts")
        | {"receivable": "1200", "cash": "=1000", "sales": ""},
    )
    assert saved.status_code == 303
    settings = {"name": shop.name, "support_email": shop.email, "timezone": "UTC", "csv_separator": ";"}
    sent = form_at(merchant, "/merchant/settings", "/merchant/settings") | settings
    assert merchant.post("/merchant/settings", data=sent).status_code == 303
    rows = read(merchant.get(f"{URL}.csv?month=2026-02"), ";")
    assert set(balance(rows)) == {"1200", "'=1000", "sales", "refunds", "write_offs"}
    assert all(";' =1+1" in row["text"] for row in rows)


@pytest.mark.parametrize("month", ["2026-02", "2026-03", "2025-01"])
def test_beancount_accepts_it_and_finds_the_same_sums(merchant, session, shop, past, tmp_path, month):
    numbers = {"cash": 'ten "10"\\', "receivable": "1200"}
    with factories.unit_of_work(session):
        session.get_one(Merchant, shop.id).account_numbers = numbers
    answer = merchant.get(f"{URL}.beancount?month={month}")
    file = tmp_path / "journal.beancount"
    file.write_text(text(answer))
    check = Path(sys.executable).with_name("bean-check")
    checked = subprocess.run([check, "--no-cache", file], capture_output=True, text=True, timeout=60)
    assert (checked.returncode, checked.stderr) == (0, "")
    if month == "2026-02":
        assert text(answer).count("\n2026-02-28 * ") == 2 and '\\"A\\\\B\\"' in text(answer)
    file.write_text(text(answer).replace("  Assets:Cash  33.34 USD", "  Assets:Cash  33.35 USD") + "x")
    broken = subprocess.run([check, "--no-cache", file], capture_output=True, text=True, timeout=60)
    assert broken.returncode == 1


def test_without_a_month_it_is_the_current_one(merchant, session, shop, ada):
    factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
    answer = merchant.get(f"{URL}.csv")
    assert f"journal-{now():%Y-%m}.csv" in answer.headers["Content-Disposition"]
    assert len(read(answer)) == 6


@pytest.mark.parametrize(
    "query", ["month=2026-13", "month=x", "month=9998-01", "search=x", "from=2026-01-01"]
)
@pytest.mark.parametrize("ending", ["csv", "beancount"])
def test_another_filter_is_refused_by_its_name(merchant, query, ending):
    answer = merchant.get(f"{URL}.{ending}?{query}")
    assert answer.status_code == 422


def test_a_bad_number_is_refused_at_its_account_and_kept(merchant, session, shop):
    url = "/merchant/settings/accounts"
    answer = merchant.post(url, data=form_at(merchant, url, url) | {"cash": "x" * 21, "sales": "8400"})
    assert answer.status_code == 422 and 'id="cash-error"' in text(answer) and 'value="8400"' in text(answer)
    session.rollback()
    assert session.scalars(select(Merchant.account_numbers).where(Merchant.id == shop.id)).one() == {}


def test_more_than_one_batch_is_complete(merchant, session, shop, past, monkeypatch):
    before = read(merchant.get(f"{URL}.csv?month=2026-02"))
    monkeypatch.setattr("portal.queries.journal.BATCH", 2)
    assert read(merchant.get(f"{URL}.csv?month=2026-02")) == before


def test_the_month_leads_to_both_files(merchant, past):
    page = text(merchant.get("/merchant/months/2026-02"))
    for ending in ("csv", "beancount"):
        assert f'href="{URL}.{ending}?month=2026-02"' in page
