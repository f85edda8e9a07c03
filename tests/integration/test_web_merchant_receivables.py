"""What customers owed at the end of a past day, on the page and in the file."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta

import pytest

from portal.extensions import now
from portal.queries import receivables
from tests import factories
from tests.browserlike import sign_in, text


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=UTC)


@pytest.fixture
def merchant(client, session, shop, ada):
    """100.00 in three from 2 January: 33.34 paid on 31 January, the rest written off on 28 February; and an offer."""
    plan_id = factories.accepted_plan(session, shop, ada, now=at(1, 2), first=date(2026, 1, 2))
    factories.pay(session, ada, plan_id, 1, now=at(1, 31))
    factories.write_off(session, shop, plan_id, now=at(2, 28))
    factories.offered_plan(session, shop, ada.email, now=now(), first=now().date())
    session.rollback()
    sign_in(client, shop)
    return client


@pytest.mark.parametrize(
    ("day", "by_age"),
    [
        (date(2026, 1, 1), {}),
        (date(2026, 1, 2), {"not_due": 10000}),
        (date(2026, 1, 30), {"not_due": 6666, "1-30": 3334}),
        (date(2026, 1, 31), {"not_due": 6666}),
        (date(2026, 2, 27), {"not_due": 3333, "1-30": 3333}),
        (date(2026, 2, 28), {}),
    ],
)
def test_each_day_ends_with_what_was_owed_then(session, shop, merchant, day, by_age):
    found = receivables.receivables(session, shop, day)
    assert {group.age: group.amount for group in found.groups if group.amount} == by_age
    assert found.total == sum(by_age.values())


def test_the_page_shows_ages_and_installments_and_the_file_the_same(merchant):
    page = text(merchant.get("/merchant/receivables?as_of=2026-01-30"))
    for shown in (
        "$100.00",
        "$66.66",
        "$33.34",
        "Installment 1",
        "Not due yet",
        "receivables.csv?as_of=2026-01-30",
    ):
        assert shown in page, shown
    file = merchant.get("/merchant/exports/receivables.csv?as_of=2026-01-30")
    assert "receivables-2026-01-30.csv" in file.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(text(file).removeprefix("\ufeff"))))
    assert [(row["number"], row["owed"], row["days_late"]) for row in rows] == [
        ("1", "33.34", "28"),
        ("2", "33.33", "0"),
        ("3", "33.33", "0"),
    ]


def test_a_month_leads_to_the_receivable_at_its_end(merchant):
    assert 'href="/merchant/receivables?as_of=2026-01-31"' in text(merchant.get("/merchant/months/2026-01"))
    assert 'href="/merchant/receivables"' in text(merchant.get("/merchant/"))
    assert "Nothing was owed on this day." in text(merchant.get("/merchant/receivables?as_of=2026-02-28"))


@pytest.mark.parametrize("day", ["", "yesterday", "0001-01-01", "2026-02-30"])
def test_a_day_that_is_none_is_refused_at_its_field(merchant, day):
    answer = merchant.get(f"/merchant/receivables?as_of={day}")
    assert answer.status_code == 422 and 'id="as_of-error"' in text(answer)


def test_a_day_ahead_is_refused(merchant):
    ahead = (now() + timedelta(days=2)).date()
    answer = merchant.get(f"/merchant/receivables?as_of={ahead}")
    assert answer.status_code == 422 and f'value="{ahead}"' in text(answer)
    assert merchant.get(f"/merchant/exports/receivables.csv?as_of={ahead}").status_code == 422


def test_another_shop_sees_nothing_of_it(client, session, merchant):
    other = factories.make_merchant(session, "Other Shop")
    assert receivables.receivables(session, other, date(2026, 1, 30)).total == 0
