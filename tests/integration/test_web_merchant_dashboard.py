"""The dashboard tells four numbers of the chosen period; the page of all numbers the rest, and who is late."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import timedelta
from decimal import Decimal

import pytest

from portal.core.periods import Period
from portal.extensions import now
from portal.queries import metrics
from portal.services import daily_run
from tests import factories
from tests.browserlike import sign_in, text
from tests.properties_db.stories_of_shops import Story

PERIODS = list(Period)


@pytest.fixture
def merchant(client, shop):
    sign_in(client, shop)
    return client


@pytest.fixture
def paid_late(session, shop, ada):
    """100.00 in three since 40 days: the first paid on its day, the second late for a few days."""
    past = now() - timedelta(days=40)
    plan_id = factories.accepted_plan(session, shop, ada, now=past, first=past.date())
    factories.pay(session, ada, plan_id, 1, now=past)
    return plan_id


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def figures(page: str) -> list[str]:
    """A page's figures, each as the words that it shows."""
    parts = re.split(r'<div class="figure [^"]*">', page)[1:]
    return [words(part.split("</div>")[0]) for part in parts]


def section(page: str, title: str, end: str = "</section>") -> str:
    return page[page.index(title) :].split(end)[0]


def test_an_empty_dashboard_leads_to_the_builder(merchant):
    page = text(merchant.get("/merchant/"))
    assert figures(page) == []
    assert "Three steps to your first payment" in page
    assert "No payments yet" in page
    assert 'href="/merchant/plans/new"' in page
    assert "Expected by week" not in page


def test_the_numbers_of_the_worked_example(merchant, paid_late, count_statements):
    with count_statements() as statements:
        page = text(merchant.get("/merchant/"))
    assert len(statements) <= 9, "\n".join(statements)
    assert figures(page) == [
        "Revenue in the period $0.00 ▼ 100.0% Down from $33.34",
        "Overdue $33.33",
        "Outstanding $66.66 Unchanged from $66.66",
        "On-time rate in the period 0.00% ▼ 100.00 points Down from 100.00%",
    ]
    assert "Ada Buyer" in page[page.index("Latest payments") :]


def test_all_numbers_stand_on_a_page_of_their_own(merchant, paid_late, count_statements):
    (link,) = re.findall(r'href="(/merchant/numbers\?[^"]*)"', text(merchant.get("/merchant/")))
    with count_statements() as statements:
        page = text(merchant.get(link))
    assert len(statements) <= 9, "\n".join(statements)
    assert figures(page) == [
        "Revenue in the period $0.00 ▼ 100.0% Down from $33.34",
        "Success rate in the period 0.00% ▼ 100.00 points Down from 100.00%",
        "On-time rate in the period 0.00% ▼ 100.00 points Down from 100.00%",
        "Newly overdue $33.33",
        "Outstanding $66.66 Unchanged from $66.66",
        "Overdue $33.33",
        "Overdue installments 1",
        "Moved $0.00",
        "Total revenue $33.34",
        "Success rate 50.00%",
        "On-time rate 50.00%",
    ]


def test_losses_are_shown_once_there_are_some(session, merchant, shop, paid_late):
    for period in ("30d", "all"):
        assert "Written off" not in text(merchant.get(f"/merchant/numbers?period={period}"))
    factories.write_off(session, shop, paid_late, now=now())
    for period in ("30d", "all"):
        assert "Written off $66.66" in figures(text(merchant.get(f"/merchant/numbers?period={period}")))


def test_what_was_moved_stands_beside_what_is_overdue(session, merchant, shop, ada, paid_late):
    later = (now() + timedelta(days=60)).date()
    factories.amend(session, shop, paid_late, {3: later}, now=now())
    assert figures(text(merchant.get("/merchant/")))[1] == "Overdue $33.33 Moved to later days: $33.33"


def test_of_all_time_nothing_is_compared(merchant, paid_late):
    assert figures(text(merchant.get("/merchant/?period=all"))) == [
        "Total revenue $33.34",
        "Overdue $33.33",
        "Outstanding $66.66",
        "On-time rate 50.00%",
    ]


def test_the_page_sends_as_many_statements_for_many_plans(
    session, merchant, shop, ada, paid_late, count_statements
):
    def sent() -> int:
        with count_statements() as statements:
            assert merchant.get("/merchant/").status_code == 200
        return len(statements)

    few = sent()
    past = now() - timedelta(days=90)
    for name in ("Ben Buyer", "Cy Buyer", "Di Buyer", "Eve Buyer"):
        customer = factories.make_customer(session, name)
        factories.accepted_plan(session, shop, customer, now=past, first=past.date(), parts=12)
    assert sent() == few <= 9


@pytest.mark.parametrize("period", PERIODS)
def test_a_period_is_chosen_by_a_link_and_kept_in_the_links_to_numbers(merchant, paid_late, period):
    page = text(merchant.get(f"/merchant/?period={period}"))
    picker = section(page, '<nav class="segments', "</nav>")
    assert re.findall(r'href="([^"]*)"', picker) == [f"/merchant/?period={each}" for each in PERIODS]
    assert re.findall(r'period=(\w+)" aria-current="true"', picker) == [period]
    links = re.findall(r'href="(/merchant/numbers/[^"]*)"', page)
    assert links
    assert {re.search(r"period=(\w+)", link)[1] for link in links} == {period}


@pytest.mark.parametrize("asked", ["", "7d", "30D", "30d\0", "x" * 5000])
def test_a_period_that_does_not_exist_is_the_usual_one(merchant, paid_late, asked):
    answer = merchant.get("/merchant/", query_string={"period": asked})
    assert answer.status_code == 200
    assert 'period=30d" aria-current="true"' in text(answer)


def test_more_money_is_good_news_and_less_is_bad(session, merchant, shop, ada, paid_late):
    assert figures(text(merchant.get("/merchant/")))[0].startswith("Revenue in the period $0.00 ▼ 100.0%")
    assert section(text(merchant.get("/merchant/")), "Revenue in", "</div>").count("change-bad") == 1
    factories.pay(session, ada, paid_late, now=now())
    page = text(merchant.get("/merchant/"))
    assert "▲ 99.9% Up from $33.34" in figures(page)[0]
    assert "change-good" in section(page, "Revenue in", "</div>")
    # Owing less is neither good nor bad: it was paid, or it was given up.
    assert "▼ 100.0% Down from $66.66" in figures(page)[2]
    assert "change-" not in section(page, ">Outstanding<", "</div>").replace("change-by", "")


def test_whoever_owes_what_is_late_is_named_and_leads_to_the_plans(session, merchant, shop, ada, paid_late):
    debts = section(text(merchant.get("/merchant/numbers")), '<h2 id="aging">')
    assert words(debts).startswith(
        "Overdue by age 1 to 30 days $33.33 1 installment Ada Buyer $33.33 See all"
    )
    assert "91 days or more $0.00 0 installments" in words(debts)
    (link,) = re.findall(r'href="(/merchant/plans/[^"]*)"', debts)
    plans = text(merchant.get(html.unescape(link)))
    assert f"/merchant/plans/{paid_late}" in plans
    assert words(section(plans, "list-totals", "</p>")).count("1 plan ·") == 1


def test_when_nothing_is_late_the_page_says_so(merchant, plan):
    assert "Nothing is overdue." in text(merchant.get("/merchant/numbers"))


def test_the_payments_of_the_period_add_up_to_its_revenue(session, merchant, shop, ada, paid_late):
    factories.pay(session, ada, paid_late, 2, now=now())
    for period, revenue in (("30d", "33.33"), ("90d", "66.67"), ("all", "66.67")):
        page = text(merchant.get(f"/merchant/?period={period}"))
        address = html.unescape(re.search(r'href="(/merchant/exports/payments.csv[^"]*)"', page)[1])
        rows = csv.DictReader(io.StringIO(text(merchant.get(address)).removeprefix("\ufeff")))
        assert sum(Decimal(row["amount"]) for row in rows) == Decimal(revenue)
        assert f"${revenue}" in figures(page)[0]


def test_another_shops_numbers_stay_there(session, client, shop, ada, paid_late):
    other, ben = factories.make_merchant(session, "Other Shop"), factories.make_customer(session, "Ben Buyer")
    past = now() - timedelta(days=10)
    factories.accepted_plan(session, other, ben, now=past, first=past.date(), total=500, parts=1)
    sign_in(client, other)
    page = text(client.get("/merchant/numbers"))
    assert "Total revenue $0.00" in figures(page)
    assert "Ben Buyer $5.00" in words(section(page, '<h2 id="aging">'))
    assert "Ada Buyer" not in page


def test_the_dashboard_is_drawn_in_arabic(merchant, paid_late):
    merchant.set_cookie("language", "ar_EG")
    merchant.submit("/language", {"language": "ar_EG"}, page="/merchant/")
    page = text(merchant.get("/merchant/"))
    assert 'dir="rtl"' in page
    assert "٣٣٫٣٣" in page
    assert "نوفمبر" in page or now().month != 11


def test_a_chart_tells_every_point_in_words_and_again_as_a_table(merchant, paid_late):
    page = text(merchant.get("/merchant/"))
    chart = section(page, "Received and scheduled by month", "</figure>")
    points = re.findall(
        r'<span class="chart-values">(.*?)</span></li>|<span class="chart-values">(.*)\n', chart
    )
    assert len(points) == 12
    month = (now() - timedelta(days=40)).strftime("%B %Y")
    told = [words("".join(point)) for point in points]
    assert any(f"{month} Received $33.34 Schedule $33.34" in point for point in told), told
    rows = [words(row) for row in section(chart, "<tbody>", "</tbody>").split("</tr>")]
    assert f"{month} $33.34 $33.34" in rows
    assert "style=" not in page


class TestDebtors:
    """``metrics.debtors`` on a made-up past, and on more installments than it looks at."""

    @pytest.fixture(params=[1, 2])
    def told(self, request, session):
        until = now()
        return Story(session, request.param, until).tell(), until

    def test_one_customer_owes_what_is_overdue_of_each_age(self, session, told):
        shop, at = told
        ages = {
            group.days: (group.amount, group.installments)
            for group in metrics.dashboard(session, shop, at).aging
            if group.installments
        }
        found = metrics.debtors(session, shop, at)
        assert {days: [(who.amount, who.installments) for who in owing] for days, owing in found.items()} == {
            days: [known] for days, known in ages.items()
        }
        assert ages

    def test_the_three_who_owe_most_come_first(self, session, shop):
        past = now() - timedelta(days=5)
        for name, total in (("Ada A", 900), ("Ben B", 4000), ("Cy C", 2000), ("Di D", 3000)):
            customer = factories.make_customer(session, name)
            for _ in range(2):
                factories.accepted_plan(
                    session, shop, customer, now=past, first=past.date(), parts=1, total=total
                )
        (owing,) = metrics.debtors(session, shop, now()).values()
        assert [(who.name, who.amount, who.installments) for who in owing] == [
            ("Ben B", 8000, 2),
            ("Di D", 6000, 2),
            ("Cy C", 4000, 2),
        ]

    def test_what_is_offered_is_owed_by_nobody(self, session, shop, ada):
        factories.offered_plan(session, shop, ada.email, now=now(), first=now().date() - timedelta(days=9))
        assert metrics.debtors(session, shop, now()) == {}

    def test_of_very_many_those_due_first_are_looked_at_and_the_page_says_so(
        self, session, merchant, shop, ada
    ):
        long_ago = now() - timedelta(days=600)
        for _ in range(5):
            factories.accepted_plan(
                session,
                shop,
                ada,
                now=long_ago,
                first=long_ago.date(),
                parts=60,
                total=6000,
                frequency=factories.Frequency.WEEKLY,
            )
        daily_run.run(session, now())
        (debtor,) = metrics.debtors(session, shop, now())["91+"]
        assert debtor.installments == metrics.LOOKED_AT
        page = words(section(text(merchant.get("/merchant/numbers")), '<h2 id="aging">'))
        assert "Among the first 250 by due date." in page
