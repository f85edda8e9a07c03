"""A shop's files: what they hold adds up to its numbers, no cell is a formula, and their length costs no memory."""

from __future__ import annotations

import csv
import io
import json
import re
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from portal.adapters.payments.simulator import Simulator
from portal.core.roles import Actor
from portal.extensions import db, now
from portal.models import Installment, Payment, Plan, new_id
from portal.queries import exports, metrics
from portal.services import accounts, refunds
from portal.services.transaction import unit_of_work
from portal.web.merchant.exports import cell
from tests import factories
from tests.browserlike import Client, form_at, sign_in
from tests.factories import NOW

FILES = "/merchant/exports"


@pytest.fixture
def merchant(client: Client, shop: Actor) -> Client:
    sign_in(client, shop)
    return client


def rows(client: Client, what: str, **query: str) -> list[dict[str, str]]:
    """The file as a spreadsheet reads it."""
    answer = client.get(f"{FILES}/{what}.csv", query_string=query)
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    content = answer.get_data()
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def column(found: list[dict[str, str]], name: str) -> Decimal:
    return sum((Decimal(row[name]) for row in found), Decimal(0))


def minor(amount: Decimal) -> int:
    return int(amount * 100)


@pytest.fixture
def history(session: Session, shop: Actor, ada: Actor) -> UUID:
    """A plan of 100.00 of which one installment is paid and one late, and another that was paid and half refunded."""
    past = now() - timedelta(days=40)
    plan_id = factories.accepted_plan(session, shop, ada, now=past, first=past.date())
    factories.pay(session, ada, plan_id, 1, now=past)
    other = factories.accepted_plan(session, shop, ada, now=past, first=past.date(), description="Sofa")
    factories.pay(session, ada, other, now=past)
    refunds.refund(session, Simulator(), shop, refunds.Request(other, 5000), None, now())
    factories.offered_plan(session, shop, "bob@example.com", now=now(), description="Reading lamp")
    session.rollback()
    return plan_id


def test_the_files_add_up_to_the_shops_numbers(session, merchant, shop, history):
    numbers = metrics.dashboard(session, shop, now())
    moved, lines, plans = (rows(merchant, what) for what in ("payments", "installments", "plans"))
    assert [row["kind"] for row in moved] == ["payment", "payment", "refund"]
    assert moved[-1]["amount"] == "-50.00"
    assert minor(column(moved, "amount")) == numbers.total_revenue == 8334
    assert minor(column(lines, "owed")) == minor(column(plans, "owed")) == numbers.outstanding == 6666
    late = [row for row in lines if row["status"] == "late"]
    assert minor(column(late, "owed")) == minor(column(plans, "overdue")) == numbers.overdue
    assert len(late) == numbers.overdue_installments
    assert minor(column(lines, "paid") - column(lines, "returned")) == numbers.total_revenue
    assert minor(column(plans, "paid") - column(plans, "returned")) == numbers.total_revenue


def test_a_file_says_what_it_is(session, merchant, shop, ada, history):
    answer = merchant.get(f"{FILES}/plans.csv")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="plans-{now().date()}.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    first = rows(merchant, "plans")[0]
    assert (first["description"], first["customer_name"], first["customer_email"]) == (
        "Oak table",
        ada.name,
        ada.email,
    )
    assert (first["status"], first["currency"], first["total"]) == ("overdue", "USD", "100.00")
    assert first["accepted_on"] == str((now() - timedelta(days=40)).date())
    assert rows(merchant, "payments")[0]["receipt"] == f"{first['reference']}-1"


def test_an_offer_in_a_file_does_not_tell_who_is_registered(session, merchant, shop, ada):
    factories.offered_plan(session, shop, ada.email, now=now())
    [row] = rows(merchant, "plans")
    assert (row["customer_name"], row["customer_email"]) == ("", ada.email)


def test_files_are_narrowed_as_the_list_is(merchant, history):
    def found(what: str, **query: str) -> set[str]:
        return {row["description"] for row in rows(merchant, what, **query)}

    assert found("plans") == {"Oak table", "Sofa", "Reading lamp"}
    assert found("plans", plan_status="overdue") == {"Oak table"}
    assert found("plans", search="lamp") == found("plans", plan_status="offered") == {"Reading lamp"}
    assert found("installments", search="sofa") == {"Sofa"}
    assert found("installments", plan_status="overdue", search="oak") == {"Oak table"}
    assert {row["number"] for row in rows(merchant, "installments", status="late")} == {"2"}
    assert found("payments", search="sofa", plan_status="completed") == {"Sofa"}
    today, old = str(now().date()), str((now() - timedelta(days=40)).date())
    assert [row["kind"] for row in rows(merchant, "payments", **{"from": today, "to": today})] == ["refund"]
    assert [row["kind"] for row in rows(merchant, "payments", to=old)] == ["payment", "payment"]


def test_the_days_of_a_file_are_those_of_the_books_wherever_the_shop_moves(session, merchant, shop, ada):
    """Noon in UTC is the next day on Kiritimati."""
    plan_id = factories.accepted_plan(session, shop, ada)
    factories.pay(session, ada, plan_id, 1)
    refunds.refund(session, Simulator(), shop, refunds.Request(plan_id, 10000), None, NOW)
    with unit_of_work(session):
        accounts.change_shop(session, shop, shop.name, shop.email, "Pacific/Kiritimati", now())
    moved = rows(merchant, "payments", **{"from": str(NOW.date()), "to": str(NOW.date())})
    assert [(row["kind"], row["amount"]) for row in moved] == [("payment", "33.34"), ("refund", "-33.34")]
    assert {row["moved_on"] for row in moved} == {str(NOW.date())}
    booked = metrics.rows(session, factories.actor(session, shop.id), now(), "total_revenue").rows
    assert {row.on for row in booked} == {NOW.date()}
    assert rows(merchant, "payments", **{"from": str(NOW.date() + timedelta(days=1))}) == []


@pytest.mark.parametrize(
    "asked",
    [
        "payments.csv?plan_status=nonsense",
        "installments.csv?status=nonsense",
        "payments.csv?from=yesterday",
        "payments.csv?to=2026-02-30",
        "payments.csv?to=9999-12-31",
        "payments.csv?from=0001-01-01",
        "payments.csv?status=late",
        "plans.csv?status=late",
        "plans.csv?from=2026-01-01",
        "installments.csv?to=2026-01-01",
        "plans.csv?state=active",
    ],
)
def test_what_cannot_be_narrowed_as_asked_is_not_sent_whole(session, client, asked):
    sign_in(client, factories.make_merchant(session, "Eastern Shop", timezone="Asia/Tokyo"))
    assert client.get(f"{FILES}/{asked}").status_code == 422


def test_there_are_no_other_files(merchant):
    assert merchant.get(f"{FILES}/secrets.csv").status_code == 404


# What a spreadsheet may take for the start of a formula, and what may stand before it.
FORMULAS = [f"{start}HYPERLINK(1)" for start in ("=", "+", "-", "@", "＝", "＋", "－", "＠")]
BEFORE = ["", " ", '"', "Ann;", "Ann; ", 'Ann;"', 'Ann;" ""', "a;b;;", "Ann,", 'Ann, "', "Ann;\u00a0"]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_cell_is_never_a_formula_wherever_a_spreadsheet_splits(
    session, merchant, shop, ada, before, delimiter
):
    for formula in FORMULAS:
        factories.accepted_plan(session, shop, ada, now=now(), description=f"{before}{formula}")
    for what in ("plans", "installments"):
        text = merchant.get(f"{FILES}/{what}.csv").get_data(as_text=True).removeprefix("\ufeff")
        cells = [
            cell for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) for cell in line
        ]
        assert len(cells) > len(FORMULAS)
        assert not [cell for cell in cells if cell.strip().startswith(tuple("=+-@＝＋－＠"))]


@pytest.mark.parametrize("before", ["", "Ann;", "Ann\t", "Ann;;", "Ann\n"])
def test_every_kind_of_text_is_escaped_in_the_same_place(before):
    assert {cell(f"{before}{formula}") for formula in FORMULAS} == {
        f"{before}'{formula}" for formula in FORMULAS
    }


def test_text_that_is_no_formula_stays_as_it_is(session, merchant, shop, ada):
    description = 'Sofa; 2 seats, "grey" - 10% = 90.00'
    factories.accepted_plan(session, shop, ada, now=now(), description=description)
    assert rows(merchant, "plans")[0]["description"] == description


def test_another_shops_files_hold_nothing_of_it(session, client, shop, history):
    sign_in(client, factories.make_merchant(session, "Other Shop"))
    assert [rows(client, what) for what in ("plans", "installments", "payments")] == [[], [], []]


def test_every_row_comes_once_however_the_batches_fall(session, merchant, shop, ada, history, monkeypatch):
    whole = {what: rows(merchant, what) for what in ("plans", "installments", "payments")}
    for size in (1, 2, 3):
        monkeypatch.setattr(exports, "BATCH", size)
        assert {what: rows(merchant, what) for what in whole} == whole


@pytest.fixture
def bulk_shop(session: Session, client: Client) -> Actor:
    """A shop whose rows are written past the services, for their number alone; the self-check is not asked."""
    shop = factories.make_merchant(session, "Bulk Shop")
    sign_in(client, shop)
    return shop


def write_plans(session: Session, shop: Actor, references: range) -> None:
    """Plans of 60 installments and as many payments each."""
    customer = factories.make_customer(session, f"Buyer {references.start}")
    about = {"merchant_id": shop.id, "customer_id": customer.id, "currency": "USD", "created_at": now()}
    day = now().date()
    terms = json.dumps({"seller": shop.name, "support": shop.email, "timezone": "UTC"})
    plans = [
        about
        | {
            "id": new_id(),
            "reference": f"B{k:07}",
            "customer_email": customer.email,
            "description": "Bulk",
            "total": 6000,
            "num_installments": 60,
            "frequency": "monthly",
            "start_date": day,
            "state": "offered",
            "terms": terms,
            "terms_hash": "0" * 64,
            "last_day": day,
            "updated_at": now(),
        }
        for k in references
    ]
    line = {"merchant_id": shop.id, "amount": 100, "due_on": day}
    lines = [
        line | {"id": new_id(), "plan_id": plan["id"], "number": n} for plan in plans for n in range(1, 61)
    ]
    paid = about | {"amount": 100, "provider": "simulator", "test_card": "succeeds", "state": "succeeded"}
    paid |= {"settled_at": now(), "settled_on": day}
    payments = [
        paid | {"id": new_id(), "plan_id": plan["id"], "number": n} for plan in plans for n in range(1, 61)
    ]
    with unit_of_work(session):
        for table, written in ((Plan, plans), (Installment, lines), (Payment, payments)):
            session.execute(insert(table), written)


def parts_of(client: Client, what: str) -> Iterator[bytes]:
    """The file's parts as they come; none is kept."""
    answer = client.get(f"{FILES}/{what}.csv", buffered=False)
    yield from answer.iter_encoded()
    answer.close()


@pytest.mark.parametrize("what", ["plans", "installments", "payments"])
def test_the_first_part_comes_before_any_row_is_read(
    session, client, bulk_shop, count_statements, monkeypatch, what
):
    monkeypatch.setattr(exports, "BATCH", 20)
    write_plans(session, bulk_shop, range(50))
    with count_statements() as statements:
        parts = parts_of(client, what)
        assert b"reference" in next(parts)
        assert len(statements) == 3, "who is asking, and the event of the export"
        assert next(parts).count(b"\n") == 20
        assert len(statements) <= 5
        assert sum(part.count(b"\n") for part in parts) + 20 == 50 * (1 if what == "plans" else 60)


def test_ten_times_the_rows_take_no_more_memory(session, client, bulk_shop, monkeypatch):
    monkeypatch.setattr(exports, "BATCH", 100)
    peaks: dict[str, list[int]] = {"plans": [], "installments": [], "payments": []}
    for first, last in ((0, 10), (10, 100)):
        write_plans(session, bulk_shop, range(first, last))
        for what, measured in peaks.items():
            tracemalloc.start()
            assert sum(part.count(b"\n") for part in parts_of(client, what)) >= last
            measured.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    # Held whole, 5,400 rows more take three million bytes and more.
    assert {what: many - few < 1_000_000 for what, (few, many) in peaks.items() if what != "plans"} == {
        "installments": True,
        "payments": True,
    }, peaks


def test_a_slow_reader_holds_no_transaction_open(app, session, client, bulk_shop):
    write_plans(session, bulk_shop, range(10))
    session.close()
    parts = parts_of(client, "installments")
    next(parts), next(parts)
    with app.app_context():
        assert db.engine.pool.checkedout() == 0
    assert sum(part.count(b"\n") for part in parts) == 100


def test_the_shop_chooses_what_stands_between_cells(session, merchant, ada, history):
    before = rows(merchant, "plans")
    settings = form_at(merchant, "/merchant/settings", "/merchant/settings")
    more = {"timezone": "UTC", "csv_separator": ";"}
    assert merchant.post("/merchant/settings", data=settings | more).status_code == 303
    file = merchant.get(f"{FILES}/plans.csv").get_data().decode("utf-8-sig")
    assert list(csv.DictReader(io.StringIO(file, newline=""), delimiter=";")) == before
    page = merchant.get("/merchant/settings").get_data(as_text=True)
    assert re.search(r'<option selected value=";">', page)


@pytest.mark.parametrize("separator", ["|", "", ",,", "\t", "comma"])
def test_no_other_separator_can_be_chosen(merchant, separator):
    settings = form_at(merchant, "/merchant/settings", "/merchant/settings")
    answer = merchant.post(
        "/merchant/settings", data=settings | {"timezone": "UTC", "csv_separator": separator}
    )
    assert answer.status_code == 422
    assert 'href="#csv_separator"' in answer.get_data(as_text=True)
