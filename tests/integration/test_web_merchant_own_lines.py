"""The builder's deposit, dates from the acceptance and single lines, with and without script."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.extensions import now
from portal.models import Installment, Plan
from tests import factories
from tests.browserlike import Forms, text

NEW, PREVIEW, LINES = "/merchant/plans/new", "/merchant/plans/preview", "/merchant/plans/lines"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def merchant(client, shop):
    assert client.submit("/login", {"email": shop.email, "password": factories.PASSWORD}).status_code == 303
    return client


def in_days(days):
    return (now().date() + timedelta(days=days)).isoformat()


def answers(**other):
    given = {
        "customer_email": "buyer@example.com",
        "description": "Oak table",
        "total_amount": "100.00",
        "num_installments": "3",
        "frequency": "monthly",
        "first_due": "date",
        "valid_days": "30",
        "start_date": in_days(30),
    }
    return given | other


def own(*lines, **other):
    given = answers(frequency="own", **other)
    for name in ("num_installments", "first_due", "start_date"):
        given.pop(name)
    for n, (amount, day) in enumerate(lines):
        given |= {f"lines-{n}-amount": amount, f"lines-{n}-due_date": day}
    return given


def token(client):
    return {"csrf_token": Forms(text(client.get(NEW))).all[0].fields["csrf_token"]}


def fields_of(page):
    (form,) = [form for form in Forms(page).all if form.action == NEW]
    return form.fields


def lines_of(session):
    session.rollback()
    query = select(Installment.amount, Installment.due_on).order_by(Installment.number)
    return [(amount, day.isoformat()) for amount, day in session.execute(query)]


def test_a_deposit_in_percent_rounds_half_up(session, merchant):
    page = text(merchant.post(PREVIEW, data=token(merchant) | answers(deposit="12,5 %", total_amount="0.20")))
    assert "Deposit" in page and "$0.03" in page
    assert merchant.submit(NEW, answers(deposit="20%")).status_code == 303
    plan = session.scalars(select(Plan)).one()
    assert (plan.deposit, plan.num_installments) == (2000, 3)


@pytest.mark.parametrize("typed", ["0%", "100%", "20%%", "half", "100.00", "-5"])
def test_a_deposit_that_cannot_be_is_refused_at_its_field_and_kept(merchant, typed):
    page = text(merchant.submit(NEW, answers(deposit=typed)))
    assert 'id="deposit-error"' in page
    assert fields_of(page)["deposit"] == typed


def test_dates_from_the_acceptance_need_no_date(session, merchant):
    assert merchant.submit(NEW, answers(first_due="acceptance", start_date="")).status_code == 303
    plan = session.scalars(select(Plan)).one()
    assert (plan.first_due, plan.start_date) == ("acceptance", now().date())


def test_the_last_of_each_month(session, merchant):
    assert merchant.submit(NEW, answers(day_of_month="last", start_date="2027-01-31")).status_code == 303
    assert [day for _, day in lines_of(session)] == ["2027-01-31", "2027-02-28", "2027-03-31"]
    page = text(merchant.submit(NEW, answers(day_of_month="31")))
    assert 'id="day_of_month-error"' in page


def test_single_lines_begin_as_the_regular_schedule_and_are_sent_as_typed(session, merchant):
    opened = text(merchant.post(LINES, data=token(merchant) | answers(change="open")))
    fields = fields_of(opened)
    assert (fields["frequency"], fields["lines-0-amount"], fields["lines-2-amount"]) == (
        "own",
        "33.34",
        "33.33",
    )
    assert "All of it is assigned." in opened
    fields |= {"lines-0-amount": "50.00", "lines-1-amount": "10.00", "lines-2-amount": "40.00"}
    sent = merchant.post(NEW, data=fields)
    assert sent.status_code == 303, text(sent)[text(sent).index("There is a problem") :][:600]
    assert [amount for amount, _ in lines_of(session)] == [5000, 1000, 4000]
    assert session.scalars(select(Plan.frequency)).one() == "own"


def test_a_line_is_added_and_removed(merchant):
    typed = token(merchant) | own(("60.00", in_days(10)), ("20.00", in_days(40)))
    added = text(merchant.post(LINES, data=typed | {"change": "add"}))
    assert fields_of(added)["lines-2-amount"] == ""
    assert "$20.00 still to be assigned." in added
    removed = fields_of(text(merchant.post(LINES, data=typed | {"change": "0"})))
    assert (removed["lines-0-amount"], removed.get("lines-1-amount")) == ("20.00", None)
    back = fields_of(text(merchant.post(LINES, data=typed | {"change": "regular"})))
    assert "num_installments" in back and "lines-0-amount" not in back


def test_with_script_the_lines_alone_are_swapped_and_what_is_left_is_said(merchant):
    typed = token(merchant) | own(("60.00", in_days(10)), ("28.00", in_days(40)))
    added = text(merchant.post(LINES, data=typed | {"change": "add"}, headers=HTMX))
    assert added.lstrip().startswith('<section id="schedule"') and 'id="preview"' in added
    preview = text(merchant.post(PREVIEW, data=typed, headers=HTMX))
    assert "$12.00 still to be assigned." in preview and 'hx-swap-oob="true"' in preview


def test_faults_stand_at_their_lines_and_what_was_typed_is_kept(session, merchant):
    page = text(merchant.submit(NEW, own(("60.00", in_days(40)), ("x", in_days(50)), ("28.00", in_days(10)))))
    assert 'id="lines-1-amount-error"' in page and fields_of(page)["lines-1-amount"] == "x"
    page = text(merchant.submit(NEW, own(("60.00", in_days(40)), ("40.00", in_days(10)))))
    assert 'id="lines-1-due_date-error"' in page
    page = text(merchant.submit(NEW, own(("60.00", in_days(1)), ("28.00", in_days(10)))))
    assert "12.00 still to be assigned." in page
    many = [("1.00", in_days(n)) for n in range(61)]
    page = text(merchant.submit(NEW, own(*many, total_amount="61.00")))
    assert "Choose 1 to 60 installments." in page
    page = text(merchant.submit(NEW, own()))
    assert "Choose 1 to 60 installments." in page
    assert lines_of(session) == []


def test_a_copy_of_own_lines_keeps_their_amounts_and_distances(session, merchant, shop, ada):
    today = now().date()
    lines = ((4000, today), (6000, today + timedelta(days=17)))
    plan = factories.own_offer(session, shop, ada, *lines, now=now())
    fields = fields_of(text(merchant.get(f"{NEW}?copy={plan}")))
    assert (fields["lines-0-amount"], fields["lines-1-amount"]) == ("40.00", "60.00")
    first, second = fields["lines-0-due_date"], fields["lines-1-due_date"]
    assert first > today.isoformat()
    assert (now().date().fromisoformat(second) - now().date().fromisoformat(first)).days == 17
