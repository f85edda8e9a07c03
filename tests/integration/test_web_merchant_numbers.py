"""Every number has a page that tells what it means and what it is, with the rows that add up to it, page by page."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from portal.adapters.payments.simulator import Simulator
from portal.core.periods import Period
from portal.extensions import now
from portal.presentation import formats
from portal.queries import metrics
from portal.queries.metrics import NUMBERS, Unit
from portal.services import refunds
from tests import factories
from tests.browserlike import sign_in, text

SERIES = [name for name, number in NUMBERS.items() if number.is_series]
SINGLE = [name for name in NUMBERS if name not in SERIES]
LINK = re.compile(r'href="(/merchant/[^"]*)"')


@pytest.fixture
def merchant(client, shop):
    sign_in(client, shop)
    return client


@pytest.fixture
def past(session, shop, ada):
    """Three plans of some months: one half paid and then partly refunded, one mostly late, and one written off."""
    since = now() - timedelta(days=100)
    first = factories.accepted_plan(session, shop, ada, now=since, first=since.date(), parts=6, total=60000)
    factories.pay(session, ada, first, 1, now=since)
    factories.pay(session, ada, first, 2, now=since + timedelta(days=40))
    factories.pay(session, ada, first, 4, now=now())
    session.rollback()
    refunds.refund(session, Simulator(), shop, refunds.Request(first, 35000), None, now())
    second = factories.accepted_plan(session, shop, ada, now=since, first=since.date(), parts=7, total=7001)
    third = factories.accepted_plan(session, shop, ada, now=since, first=since.date(), parts=4, total=2222)
    factories.write_off(session, shop, third, now=now())
    return SimpleNamespace(first=first, second=second)


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def links(page: str) -> list[str]:
    return [html.unescape(link) for link in LINK.findall(page)]


def body(page: str) -> list[list[str]]:
    """The rows of the table of what a number is made of, each as the words of its cells."""
    table = page[page.index('id="rows"') :].split("</table>")[0]
    rows = table.split("<tbody>")[1].split("</tbody>")[0].split("<tr")[1:]
    return [[words("<" + cell) for cell in re.split(r"<t[hd]\b", row)[1:]] for row in rows]


def total(page: str) -> str:
    """The total line's amount."""
    foot = page[page.index('id="rows"') :].split("<tfoot>")[1].split("</tfoot>")[0]
    return words("<td" + foot.split("<td")[-1])


def shown(name: str, numbers: metrics.Dashboard) -> str:
    value = getattr(numbers, name)
    match NUMBERS[name].unit:
        case Unit.MONEY:
            return formats.money(value, "USD", "en")
        case Unit.PERCENT:
            return "-" if value is None else f"{value}%"
        case _:
            return f"{value} installments"


def money(words: str) -> Decimal:
    return Decimal(words.replace("$", "").replace(",", ""))


@pytest.mark.parametrize("period", [Period.DAYS_30, Period.ALL])
def test_every_number_has_a_page_whose_total_is_the_dashboards(session, merchant, shop, past, period):
    numbers = metrics.dashboard(session, shop, now(), period)
    for name in SINGLE:
        answer = merchant.get(f"/merchant/numbers/{name}?period={period}")
        page = text(answer)
        assert answer.status_code == 200, name
        assert html.escape(NUMBERS[name].definition, quote=False).replace("'", "&#39;") in page
        assert NUMBERS[name].title in page
        if not getattr(numbers, name):
            continue
        rows = body(page)
        assert total(page) == shown(name, numbers), name
        if NUMBERS[name].unit is Unit.MONEY:
            assert sum(money(row[-1]) for row in rows) == money(total(page)), name
        elif NUMBERS[name].unit is Unit.COUNT:
            assert len(rows) == getattr(numbers, name)
        else:
            counted = sum(row[-2] in ("Paid", "On time") for row in rows)
            assert f"{Decimal(100 * counted) / len(rows):.2f}%" == total(page), name


@pytest.mark.parametrize("name", SERIES)
def test_each_point_of_a_series_opens_to_its_rows(merchant, past, name):
    page = text(merchant.get(f"/merchant/numbers/{name}"))
    assert 'id="rows"' not in page
    table = page.split("<tbody>")[1].split("</tbody>")[0]
    points = links(table)
    assert len(points) == {"aging": 4, "expected": 8}.get(name, 12)
    some = 0
    for link in points:
        answer = merchant.get(link)
        opened = text(answer)
        assert answer.status_code == 200
        if "No data yet." in opened:
            continue
        rows, told = body(opened), total(opened)
        some += len(rows)
        if name == "on_time_by_month":
            on_time = sum(row[-2] == "On time" for row in rows)
            assert told.endswith(f"{on_time} of {len(rows)}")
        else:
            assert sum(money(row[-1]) for row in rows) == money(
                told.split(", ")[0] if name == "aging" else told
            )
    assert some


def test_every_number_is_reached_from_the_dashboard_or_the_page_of_all_numbers(merchant, past):
    pages = text(merchant.get("/merchant/")) + text(merchant.get("/merchant/numbers"))
    reached = {
        link.split("/")[-1].split("?")[0] for link in links(pages) if link.startswith("/merchant/numbers/")
    }
    assert reached == set(NUMBERS)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_of_nothing_has_its_page_too(merchant, name):
    answer = merchant.get(f"/merchant/numbers/{name}")
    assert answer.status_code == 200
    assert name in SERIES or "No data yet." in text(answer)


@pytest.mark.parametrize("name", ["outstanding", "overdue_installments", "success_rate", "expected"])
def test_a_page_of_rows_sends_at_most_nine_statements(session, merchant, past, count_statements, name):
    with count_statements() as statements:
        assert merchant.get(f"/merchant/numbers/{name}").status_code == 200
    assert len(statements) <= 9, "\n".join(statements)


def test_rows_are_paged_there_and_back(session, merchant, shop, ada):
    since = now() - timedelta(days=500)
    for _ in range(2):
        factories.accepted_plan(
            session,
            shop,
            ada,
            now=since,
            first=since.date(),
            parts=60,
            total=6000,
            frequency=factories.Frequency.WEEKLY,
        )
    pages, address = [], "/merchant/numbers/outstanding?period=90d"
    while address:
        page = text(merchant.get(address))
        pages.append(body(page))
        assert total(page) == "$120.00"
        assert "Total of all pages" in page
        address = neighbour(page, "next")
        last = page
    assert [len(rows) for rows in pages] == [50, 50, 20]
    assert len({tuple(row) for rows in pages for row in rows}) == 120
    back = neighbour(last, "prev")
    assert "period=90d" in back
    page = text(merchant.get(back))
    assert body(page) == pages[1]
    page = text(merchant.get(neighbour(page, "prev")))
    assert body(page) == pages[0]
    assert neighbour(page, "prev") is None


def neighbour(page: str, way: str) -> str | None:
    found = re.search(rf'<a href="([^"]*)"[^>]*rel="{way}"', page)
    return found and html.unescape(found[1])


def test_rows_of_cash_lead_to_receipts_and_tell_refunds_apart(merchant, past):
    page = text(merchant.get("/merchant/numbers/total_revenue"))
    rows = body(page)
    assert sum("Refund" in row[2] for row in rows) >= 1
    assert all(row[-1].startswith("-$") == ("Refund" in row[2]) for row in rows)
    receipts = [link for link in links(page) if "/payments/" in link]
    assert len(receipts) == len(rows) - sum("Refund" in row[2] for row in rows)
    assert merchant.get(receipts[0]).mimetype == "application/pdf"
    plans = {link for link in links(page) if re.search(r"/plans/[0-9a-f-]{36}", link)}
    assert plans == {f"/merchant/plans/{past.first}"}


@pytest.mark.parametrize(
    "path",
    [
        "nothing",
        "revenue?part=1-30",
        "aging?part=",
        "aging?part=1-31",
        "expected?part=2020-01-06",
        "received_by_month?part=x",
        "on_time_by_month?part=0",
    ],
)
def test_what_is_no_number_or_no_point_of_it_is_not_there(merchant, past, path):
    assert merchant.get(f"/merchant/numbers/{path}").status_code == 404


@pytest.mark.parametrize(
    "place", ["", "_", "x_y", "2026-01-01", "2026-01-01_x", "9999999-01-01_0", "\0", "x" * 5000]
)
@pytest.mark.parametrize("way", ["after", "before"])
def test_a_place_that_does_not_exist_begins_at_the_first_page(merchant, past, way, place):
    first = body(text(merchant.get("/merchant/numbers/outstanding")))
    answer = merchant.get("/merchant/numbers/outstanding", query_string={way: place})
    assert answer.status_code == 200
    assert body(text(answer)) == first


def test_another_shops_rows_are_not_shown(session, client, past):
    sign_in(client, factories.make_merchant(session, "Other Shop"))
    for name in SINGLE:
        page = text(client.get(f"/merchant/numbers/{name}"))
        assert "No data yet." in page
        assert "Ada Buyer" not in page


def test_the_way_back_leads_to_the_same_period(merchant, past):
    page = text(merchant.get("/merchant/numbers/revenue?period=12m"))
    assert '<a class="back" href="/merchant/?period=12m">' in page
    assert re.findall(r'period=(\w+)" aria-current="true"', page) == ["12m"]
