"""The bookkeeper's month: from what was owed at its start to what is owed at its end, and cash; with its rows."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import pytest

from portal.extensions import now
from portal.queries import metrics
from tests import factories
from tests.browserlike import sign_in, text

JANUARY, FEBRUARY, MARCH = (date(2026, month, 1) for month in (1, 2, 3))


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=UTC)


@pytest.fixture
def past(session, shop, ada):
    """In January 100.00 are agreed and 33.34 paid; in February 75.00 are refunded of it, and of another plan of 50.00
    7.00 are recorded and the rest is written off."""
    first = factories.accepted_plan(session, shop, ada, now=at(1, 2), first=date(2026, 1, 2))
    factories.pay(session, ada, first, 1, now=at(1, 31))
    factories.refund(session, shop, first, 7500, now=at(2, 28))
    second = factories.accepted_plan(session, shop, ada, now=at(2, 3), total=5000, parts=2)
    factories.record(session, shop, second, 700, now=at(2, 4), received_on=date(2026, 2, 4))
    factories.write_off(session, shop, second, now=at(2, 28))
    session.rollback()


def figures(session, shop, first):
    month = metrics.month(session, shop, first)
    return (
        month.opening,
        {name: amount for name, amount in month.figures.items() if amount},
        month.closing,
        month.cash,
    )


def test_each_month_leads_from_its_start_to_its_end(session, shop, past):
    assert figures(session, shop, JANUARY) == (0, {"accepted": 10000, "received": 3334}, 6666, 3334)
    refunded = {"cancelled": 6666, "returned": 834}
    february = {"accepted": 5000, "received": 700, "written_off": 4300} | refunded
    assert figures(session, shop, FEBRUARY) == (6666, february, 0, -134)
    assert figures(session, shop, MARCH) == (0, {}, 0, 0)


@pytest.mark.parametrize("first", [JANUARY, FEBRUARY])
@pytest.mark.parametrize("name", list(metrics.FIGURES))
def test_each_figure_is_the_sum_of_its_rows_page_by_page(session, shop, past, first, name):
    found, after = [], None
    while True:
        page = metrics.month_rows(session, shop, first, name, after=after, limit=1)
        found += page.rows
        after = page.next_after
        if not after:
            break
    assert sum(row.value for row in found) == metrics.month(session, shop, first).figures[name]
    assert {row.on.month for row in found} <= {first.month}


def test_the_page_shows_the_equation_and_leads_to_rows_and_to_its_neighbours(client, session, shop, past):
    sign_in(client, shop)
    page = text(client.get("/merchant/months/2026-02"))
    for shown in (
        "February 2026",
        "Receivable",
        "$66.66",
        "$50.00",
        "-$7.00",
        "-$66.66",
        "-$43.00",
        "-$1.34",
    ):
        assert shown in page, shown
    assert 'href="/merchant/months/2026-01"' in page and 'href="/merchant/months/2026-03"' in page
    for url in re.findall(r'href="(/merchant/months/2026-02/[^"]+)"', page):
        assert client.get(url).status_code == 200
    rows = text(client.get("/merchant/months/2026-02/received"))
    assert rows.count("Oak table</bdi>") == 1 and "$7.00" in rows


def test_the_dashboard_leads_to_this_month_which_has_none_after_it(client, session, shop, ada):
    factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
    sign_in(client, shop)
    this = f"/merchant/months/{now():%Y-%m}"
    assert f'href="{this}"' in text(client.get("/merchant/"))
    assert 'rel="next"' not in text(client.get(this))


@pytest.mark.parametrize(
    "month", ["2026-13", "2026-00", "26-01", "2026-1", "9998-12", "0000-01", "٢٠٢٦-01", "x"]
)
def test_what_is_no_month_or_still_ahead_is_not_found(client, shop, month):
    sign_in(client, shop)
    assert client.get(f"/merchant/months/{month}").status_code == 404
    assert client.get(f"/merchant/months/{month}/received").status_code == 404


def test_an_unknown_figure_is_not_found(client, shop):
    sign_in(client, shop)
    assert client.get("/merchant/months/2026-01/profit").status_code == 404


def test_another_shop_sees_nothing_of_it(session, past):
    other = factories.make_merchant(session, "Other Shop")
    assert figures(session, other, FEBRUARY) == (0, {}, 0, 0)


def test_no_month_leads_to_one_before_anything_was_posted(client, shop, past):
    """A program that follows links comes to an end."""
    sign_in(client, shop)
    months = ["2026-03"]
    while len(months) < 9:
        page = text(client.get(f"/merchant/months/{months[-1]}"))
        earlier = [link for link in re.findall(r"/merchant/months/(\d{4}-\d\d)\"", page) if link < months[-1]]
        if not earlier:
            break
        months += earlier
    assert months == ["2026-03", "2026-02", "2026-01"]
