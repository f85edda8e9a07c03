"""A shop records what it received elsewhere: the same postings as any payment, an email at once, never too much."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from portal.core.errors import Conflict, InvalidInput, KeyReused, NotFound
from portal.core.payments import Method
from portal.core.states import InstallmentStatus
from portal.models import Event, Message, Payment
from portal.models.ledger import Posting
from portal.services import plans, recording, shops
from portal.services.recording import Recording
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, TODAY, accepted_plan, pay, plan_of, record


@pytest.fixture
def plan_id(session, shop, ada):
    """100.00 in three, accepted today; the first is due today."""
    return accepted_plan(session, shop, ada)


def lines(session, ada, plan_id, now=NOW):
    return [(i.paid, i.owed) for i in plan_of(session, ada, plan_id, now).installments]


def refused(session, shop, act, error):
    """The error of what must change nothing."""
    before = factories.row_counts(session)
    with pytest.raises(error) as raised:
        act()
    assert factories.row_counts(session) == before
    return raised.value


def test_the_oldest_due_is_paid_first_then_forwards(session, shop, ada, plan_id):
    record(session, shop, plan_id, 5000)
    assert lines(session, ada, plan_id) == [(3334, 0), (1666, 1667), (0, 3333)]
    record(session, shop, plan_id, 1667)
    assert lines(session, ada, plan_id) == [(3334, 0), (3333, 0), (0, 3333)]


def test_own_lines_are_paid_by_due_date_whatever_was_paid_by_card_before(session, shop, ada, plan_id):
    pay(session, ada, plan_id, 2)
    record(session, shop, plan_id, 4000)
    assert lines(session, ada, plan_id) == [(3334, 0), (3333, 0), (666, 2667)]


def test_a_recorded_payment_is_posted_like_any_other(session, shop, plan_id):
    payment_id = record(session, shop, plan_id, 5000)
    posted = select(Posting.debit, Posting.credit, Posting.amount).where(Posting.payment_id == payment_id)
    assert sorted(session.execute(posted).all()) == [
        ("cash", "receivable", 1666),
        ("cash", "receivable", 3334),
    ]


def test_the_receipt_has_the_next_number_and_says_who_recorded_what(session, shop, ada, plan_id):
    pay(session, ada, plan_id, 1)
    payment_id = record(session, shop, plan_id, 5000, method=Method.CHECK, note="  Cheque 0042 ")
    row = session.get_one(Payment, (shop.id, payment_id))
    assert (row.number, row.method, row.note, row.recorded_by) == (2, "check", "Cheque 0042", shop.id)
    assert (row.received_on, row.settled_on, row.state) == (TODAY, TODAY, "succeeded")


def test_the_customer_is_told_at_once_and_the_event_names_who_did_it(session, shop, ada, plan_id):
    payment_id = record(session, shop, plan_id, 5000)
    email = session.scalars(select(Message).where(Message.kind == "payment_recorded")).one()
    assert (email.user_id, email.cause, email.facts["amount"]) == (ada.id, payment_id, 5000)
    assert [(line["number"], line["amount"], line["owed"]) for line in email.facts["changed"]] == [
        (1, 3334, 0),
        (2, 1666, 1667),
    ]
    event = session.scalars(select(Event).where(Event.kind == "payment_recorded")).one()
    assert (event.actor_id, event.facts["payment"]) == (shop.id, str(payment_id))


def test_an_installment_is_paid_on_the_day_of_the_latest_money_that_paid_it(session, shop, ada, plan_id):
    later = NOW + timedelta(days=9)
    record(session, shop, plan_id, 2000, received_on=TODAY + timedelta(days=3), now=later)
    assert plan_of(session, ada, plan_id, later).installments[0].paid_on is None
    record(session, shop, plan_id, 1334, received_on=TODAY + timedelta(days=1), now=later)
    first = plan_of(session, ada, plan_id, later).installments[0]
    assert (first.paid_on, first.status) == (TODAY + timedelta(days=3), InstallmentStatus.PAID)


@pytest.mark.parametrize(("days", "status"), [(0, "late"), (-2, "late")])
def test_an_installment_partly_paid_stays_what_it_was(session, shop, ada, days, status):
    plan_id = accepted_plan(session, shop, ada, first=TODAY + timedelta(days=days))
    tomorrow = NOW + timedelta(days=1)
    record(session, shop, plan_id, 1000, now=tomorrow)
    shown = [i.status for i in plan_of(session, ada, plan_id, tomorrow).installments]
    assert shown == [status, "pending", "pending"]


def test_the_last_money_completes_the_plan(session, shop, ada, plan_id):
    pay(session, ada, plan_id, 3)
    record(session, shop, plan_id, 6667)
    assert plan_of(session, ada, plan_id).state == "completed"


@pytest.mark.parametrize(
    ("currency", "total", "least"), [("USD", 10000, 100), ("JPY", 10000, 1), ("KWD", 10000, 1000)]
)
def test_the_smallest_part_is_one_unit_of_the_currency_or_the_rest(session, ada, currency, total, least):
    shop = factories.make_merchant(session, "Far Shop", currency=currency)
    plan_id = accepted_plan(session, shop, ada, total=total, parts=1)
    if least > 1:
        less = refused(session, shop, lambda: record(session, shop, plan_id, least - 1), InvalidInput)
        assert list(less.errors) == ["amount"]
    record(session, shop, plan_id, least)
    record(session, shop, plan_id, total - 2 * least + 1)
    rest = plan_of(session, ada, plan_id).owed
    assert rest == least - 1
    if rest:
        record(session, shop, plan_id, rest)
    assert plan_of(session, ada, plan_id).state == "completed"
    assert factories.broken_invariants(session) == []


def test_never_more_than_is_owed(session, shop, ada, plan_id):
    pay(session, ada, plan_id, 1)
    error = refused(session, shop, lambda: record(session, shop, plan_id, 6667), InvalidInput)
    assert str(error.errors["amount"]) == "At most 66.66 is owed."
    record(session, shop, plan_id, 6666)


def test_every_field_at_fault_is_named_at_once(session, shop, plan_id):
    act = partial(
        record,
        session,
        shop,
        plan_id,
        10001,
        received_on=TODAY + timedelta(days=1),
        note="4111 1111 1111 1111",
    )
    assert set(refused(session, shop, act, InvalidInput).errors) == {"amount", "received_on", "note"}


def test_nothing_was_received_before_the_acceptance(session, shop, plan_id):
    act = partial(record, session, shop, plan_id, 5000, received_on=TODAY - timedelta(days=1))
    assert list(refused(session, shop, act, InvalidInput).errors) == ["received_on"]


def test_the_day_ends_in_the_zone_of_the_plan(session, ada):
    shop = factories.make_merchant(session, "Island Shop", timezone="Pacific/Kiritimati")
    plan_id = accepted_plan(session, shop, ada)
    record(session, shop, plan_id, 5000, received_on=TODAY + timedelta(days=1))
    assert factories.broken_invariants(session) == []


def test_an_offer_is_never_accepted_by_recording(session, shop, ada):
    offer = factories.offered_plan(session, shop, ada.email)
    error = refused(session, shop, lambda: record(session, shop, offer, 5000), Conflict)
    assert error.code == "plan_offered"


def test_a_plan_that_is_over_takes_no_money(session, shop, ada, plan_id):
    with unit_of_work(session):
        plans.cancel(session, shop, plan_id, None, NOW)
    assert (
        refused(session, shop, lambda: record(session, shop, plan_id, 100), Conflict).code == "plan_cancelled"
    )


def test_nothing_is_recorded_while_a_card_payment_has_no_answer(session, shop, ada, plan_id):
    factories.choose_card(session, ada, "times_out")
    assert pay(session, ada, plan_id, 3).status == "processing"
    assert refused(session, shop, lambda: record(session, shop, plan_id, 100), Conflict).code == "processing"


def test_anothers_plan_is_not_found(session, shop, plan_id):
    other = factories.make_merchant(session, "Other Shop")
    refused(session, shop, lambda: record(session, other, plan_id, 5000), NotFound)


def test_what_looks_recorded_has_to_be_confirmed(session, shop, ada, plan_id):
    record(session, shop, plan_id, 2000, again=False)
    soon = NOW + timedelta(minutes=9)
    twice = partial(record, session, shop, plan_id, 2000, again=False, received_on=TODAY, now=soon)
    error = refused(session, shop, twice, Conflict)
    assert (error.code, "-1." in str(error)) == ("looks_recorded", True)
    record(session, shop, plan_id, 2001, again=False, now=soon)
    record(session, shop, plan_id, 2000, again=True, received_on=TODAY, now=soon)
    record(session, shop, plan_id, 2000, again=False, received_on=TODAY, now=soon + timedelta(minutes=11))
    assert plan_of(session, ada, plan_id).owed == 10000 - 3 * 2000 - 2001


def test_what_was_reversed_does_not_look_recorded(session, shop, plan_id):
    factories.reverse(session, shop, plan_id, record(session, shop, plan_id, 2000))
    record(session, shop, plan_id, 2000, again=False)


def test_what_was_paid_by_card_does_not_look_recorded(session, shop, ada, plan_id):
    pay(session, ada, plan_id, 1)
    record(session, shop, plan_id, 3334, again=False)


def test_another_amount_owed_than_was_shown_is_refused_with_the_new_figure(session, shop, ada, plan_id):
    wanted = Recording(plan_id, 3000, Method.CASH, TODAY, shown=10000)
    pay(session, ada, plan_id, 1)

    def act():
        with unit_of_work(session):
            recording.record(session, shop, wanted, NOW)

    error = refused(session, shop, act, Conflict)
    assert (error.code, error.figure) == ("other_amount", 6666)


def test_one_key_records_once_and_is_not_reused(session, shop, ada, plan_id):
    def act(amount):
        wanted = Recording(plan_id, amount, Method.CASH, TODAY)
        with unit_of_work(session):
            return recording.record_once(session, shop, wanted, "a-key", NOW, lambda made: {"id": str(made)})

    assert act(3000) == act(3000)
    assert plan_of(session, ada, plan_id).owed == 7000
    refused(session, shop, lambda: act(3001), KeyReused)


def test_a_suspended_shop_still_records_what_it_received(session, shop, ada, plan_id):
    admin = factories.make_admin(session)
    with unit_of_work(session):
        shops.suspend(session, admin, shop.id, NOW)
    record(session, shop, plan_id, 5000)
    assert plan_of(session, ada, plan_id).owed == 5000


def test_cash_without_small_coins_pays_forwards_to_the_last_cent(session, ada):
    """100.00 in 33.34, 33.33 and 33.33, where the smallest coin is five cents."""
    shop = factories.make_merchant(session, "Coin Shop", currency="CHF")
    plan_id = accepted_plan(session, shop, ada)
    for amount, left in ((3335, [0, 3332, 3333]), (3335, [0, 0, 3330]), (3325, [0, 0, 5]), (5, [0, 0, 0])):
        record(session, shop, plan_id, amount)
        assert [owed for _, owed in lines(session, ada, plan_id)] == left
    assert plan_of(session, ada, plan_id).state == "completed"
    assert factories.broken_invariants(session) == []
