"""Importing plans: nothing is offered before Send, each row once, within the limit, through kills, and paid before."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from portal.core.errors import TooMany
from portal.core.imports import RowState
from portal.core.states import PlanState
from portal.extensions import db
from portal.models import Event, ImportRow, Member, Merchant, Message, Plan
from portal.models.ledger import Posting
from portal.queries import imports as queries
from portal.queries import metrics
from portal.queries.accounts import find_member
from portal.services import imports, offers
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, TODAY

HEAD = "email,description,total,installments,first_due,paid_before,reference\n"


def line(number, email=None, paid="400.00"):
    email, due = email or f"buyer{number}@example.com", TODAY - timedelta(days=65)
    return f"{email},Oak table,1000.00,10,{due},{paid},A-{number}\n"


def draft(session, shop, text, now=NOW):
    with unit_of_work(session):
        return imports.draft(session, shop, text.encode(), ".", now)


def send(session, shop, import_id, now=NOW):
    with unit_of_work(session):
        imports.send(session, shop, import_id, now)


def run(session, now=NOW, **more):
    return imports.send_waiting(session, find_member, lambda: now, **more)


def brought_over(session, shop, text):
    import_id = draft(session, shop, text)
    send(session, shop, import_id)
    run(session)
    return import_id


def states(session, shop, import_id):
    session.rollback()
    return [row.state for row in sorted(queries.rows(session, shop, import_id), key=lambda row: row.number)]


def offered(session):
    session.rollback()
    return session.scalar(select(func.count()).select_from(Plan))


def test_nothing_is_offered_before_send_and_then_each_row_once(session, shop):
    import_id = draft(session, shop, HEAD + line(1) + line(2) + "nobody,,,,,,\n")
    assert run(session) == {"sent": 0, "refused": 0} and offered(session) == 0
    assert states(session, shop, import_id) == ["ready", "ready", "faulty"]
    for _ in range(2):
        send(session, shop, import_id)
        run(session)
    assert states(session, shop, import_id) == ["sent", "sent", "faulty"]
    assert offered(session) == 2
    emails = session.scalars(select(Message.kind)).all()
    assert emails.count("offer_sent") == 2
    event = session.scalars(select(Event).where(Event.kind == "plan_imported")).first()
    assert event.facts == {"paid_before": 40000, "reference": "A-1"} and event.actor_id == shop.id


def test_on_acceptance_what_was_paid_before_is_no_cash_of_the_month(session, shop, ada):
    brought_over(session, shop, HEAD + line(1, ada.email))
    plan_id = session.scalars(select(Plan.id)).one()
    session.rollback()
    assert '"paid_before":"400.00"' in session.get_one(Plan, (shop.id, plan_id)).terms
    factories.accept(session, ada, plan_id)
    plan = factories.plan_of(session, ada, plan_id)
    assert [i.paid_before for i in plan.installments] == [10000] * 4 + [0] * 6
    assert (plan.paid, plan.owed, plan.refundable, plan.paid_count) == (40000, 60000, 60000, 4)
    posted = session.execute(
        select(Posting.debit, Posting.credit, func.sum(Posting.amount)).group_by("debit", "credit")
    )
    assert sorted(map(tuple, posted)) == [("opening", "receivable", 40000), ("receivable", "sales", 100000)]
    month = metrics.month(session, shop, NOW.date().replace(day=1))
    assert (month.figures["accepted"], month.figures["paid_before"]) == (100000, 40000)
    assert (month.figures["received"], month.cash, month.closing) == (0, 0, 60000)
    assert metrics.dashboard(session, shop, NOW).total_revenue == 0
    factories.pay(session, ada, plan_id)
    assert factories.plan_of(session, ada, plan_id).state == "completed"


def test_the_same_row_is_recognised_in_the_file_in_another_and_in_the_file_again(session, shop):
    first = HEAD + line(1) + line(2) + line(1)
    one = brought_over(session, shop, first)
    assert states(session, shop, one) == ["sent", "sent", "repeated"]
    again = brought_over(session, shop, first)
    assert states(session, shop, again) == ["repeated"] * 3
    other = brought_over(session, shop, HEAD + line(2).replace("1000.00", "1000") + line(3))
    assert states(session, shop, other) == ["repeated", "sent"]
    assert offered(session) == 3


def test_of_two_drafts_of_one_file_only_one_is_sent(session, shop):
    drafts = [draft(session, shop, HEAD + line(1)) for _ in range(2)]
    for import_id in drafts:
        send(session, shop, import_id)
    run(session)
    assert [states(session, shop, import_id) for import_id in drafts] == [["sent"], ["repeated"]]


def test_another_shop_may_send_the_same_row(session, shop):
    other = factories.make_merchant(session, "Other Shop")
    for merchant in (shop, other):
        assert states(session, merchant, brought_over(session, merchant, HEAD + line(1))) == ["sent"]


def test_a_shop_sends_at_its_limit_oldest_rows_first_and_says_how_many_days_it_takes(session, shop):
    factories.allow_offers(session, shop, 2)
    import_id = draft(session, shop, HEAD + "".join(line(n) for n in range(1, 6)))
    assert imports.days_needed(session, shop, 5) == 3
    send(session, shop, import_id)
    expected = ["waiting"] * 5
    for day in range(3):
        done = run(session, NOW + timedelta(days=day, minutes=day))
        expected[day * 2 : day * 2 + 2] = ["sent"] * len(expected[day * 2 : day * 2 + 2])
        assert states(session, shop, import_id) == expected, day
        assert done["refused"] == 0
    assert offered(session) == 5


def test_a_run_that_is_killed_leaves_whole_rows_and_the_next_one_goes_on(session, shop, monkeypatch):
    import_id = draft(session, shop, HEAD + "".join(line(n) for n in range(1, 5)))
    send(session, shop, import_id)
    whole, calls = offers.offer, iter(range(10))

    def killed(*args):
        sent = whole(*args)
        if next(calls) == 2:
            raise KeyboardInterrupt
        return sent

    monkeypatch.setattr(offers, "offer", killed)
    with pytest.raises(KeyboardInterrupt):
        run(session)
    assert (
        states(session, shop, import_id) == ["sent", "sent", "waiting", "waiting"] and offered(session) == 2
    )
    run(session)
    assert states(session, shop, import_id) == ["sent"] * 4 and offered(session) == 4


def test_two_workers_send_each_row_once(app, session, shop):
    import_id = draft(session, shop, HEAD + "".join(line(n) for n in range(1, 9)))
    send(session, shop, import_id)

    def work():
        with app.app_context():
            run(db.session)
            db.session.remove()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    run(session)
    assert states(session, shop, import_id) == ["sent"] * 8 and offered(session) == 8


def test_a_row_that_cannot_be_offered_is_refused_with_the_reason_and_may_be_sent_again(session, shop, ada):
    import_id = draft(session, shop, HEAD + line(1) + line(2))
    send(session, shop, import_id)
    with unit_of_work(session):
        session.execute(update(Member).where(Member.merchant_id == shop.id).values(role="bookkeeper"))
    assert run(session) == {"sent": 0, "refused": 2}
    with unit_of_work(session):
        session.execute(update(Member).where(Member.merchant_id == shop.id).values(role="owner"))
    (row, _) = queries.rows(session, shop, import_id)
    assert "can no longer send offers" in row.faults["row"]["message"]
    again = brought_over(session, shop, HEAD + line(1) + line(2))
    assert states(session, shop, again) == ["sent", "sent"]


def test_a_suspended_shops_rows_wait(session, shop):
    import_id = draft(session, shop, HEAD + line(1))
    send(session, shop, import_id)
    with unit_of_work(session):
        session.execute(update(Merchant).where(Merchant.id == shop.id).values(suspended_at=NOW))
    run(session)
    assert states(session, shop, import_id) == ["waiting"]


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ("buyer@example.com,Oak,1000.00,10,2026-01-31,1000.00,", "paid_before"),
        ("buyer@example.com,Oak,1000.00,61,2026-01-31,,", "installments"),
        ("buyer@example.com,Oak,1000.00,10,1999-01-31,,", "first_due"),
        ("buyer,Oak,1000.00,10,2026-01-31,,", "email"),
        ("buyer@example.com,4111 1111 1111 1111,1000.00,10,2026-01-31,,", "description"),
    ],
)
def test_what_no_offer_may_be_is_a_fault_at_its_column(session, shop, cells, column):
    import_id = draft(session, shop, HEAD + cells + "\n")
    (row,) = queries.rows(session, shop, import_id)
    assert (row.state, list(row.faults)) == (RowState.FAULTY, [column])


OWN_LINES = "email,description,lines,paid_before,reference\n"


def test_a_row_with_lines_of_its_own_becomes_an_offer_of_exactly_these(session, shop, ada):
    days = [TODAY + timedelta(days=n) for n in (-40, 3, 70)]
    cell = " | ".join(
        f"{day} {amount}" for day, amount in zip(days, ("150.00", "50.50", "99.50"), strict=True)
    )
    text = OWN_LINES + f"{ada.email},Oak table,{cell},180.00,B-1\n"
    import_id = brought_over(session, shop, text + text.splitlines()[1] + "\n")
    assert states(session, shop, import_id) == ["sent", "repeated"]
    plan_id = session.scalars(select(Plan.id)).one()
    factories.accept(session, ada, plan_id)
    plan = factories.plan_of(session, ada, plan_id)
    assert [(i.amount, i.due_on) for i in plan.installments] == [
        (15000, days[0]),
        (5050, days[1]),
        (9950, days[2]),
    ]
    assert [i.paid_before for i in plan.installments] == [15000, 3000, 0]
    assert (plan.frequency, plan.owed) == ("own", 12000)


@pytest.mark.parametrize(
    "cell",
    [
        "2026-04-30 50.00 | 2026-03-31 50.00",
        "1999-04-30 50.00",
        " | ".join(f"2027-01-{1 + n % 28:02} 1.00" for n in range(61)),
    ],
)
def test_lines_that_no_offer_may_have_are_a_fault_at_them(session, shop, cell):
    import_id = draft(session, shop, OWN_LINES + f"buyer@example.com,Oak,{cell},,\n")
    (row,) = queries.rows(session, shop, import_id)
    assert (row.state, list(row.faults)) == (RowState.FAULTY, ["lines"])


def test_an_offer_by_hand_is_told_that_an_import_is_sent_at_the_same_limit(session, shop):
    factories.allow_offers(session, shop, 1)
    factories.offered_plan(session, shop, "first@example.com")
    with pytest.raises(TooMany) as refused:
        factories.offered_plan(session, shop, "second@example.com")
    assert "import" not in refused.value.message
    send(session, shop, draft(session, shop, HEAD + line(1) + line(2)))
    run(session)
    with pytest.raises(TooMany) as refused:
        factories.offered_plan(session, shop, "second@example.com")
    assert "an import of yours is being sent at this limit" in refused.value.message


def test_an_offer_of_the_portal_says_nothing_of_before(session, shop, ada):
    plan_id = factories.offered_plan(session, shop, ada.email)
    assert "paid_before" not in session.get_one(Plan, (shop.id, plan_id)).terms
    assert session.get_one(Plan, (shop.id, plan_id)).state == PlanState.OFFERED


def test_a_draft_that_was_not_sent_is_forgotten_after_a_day(session, shop):
    old, sent = draft(session, shop, HEAD + line(1)), draft(session, shop, HEAD + line(2))
    send(session, shop, sent)
    with unit_of_work(session):
        imports.forget_drafts(session, NOW + timedelta(days=1, seconds=1))
    assert [one.id for one in queries.latest(session, shop)] == [sent]
    assert set(session.scalars(select(ImportRow.import_id))) == {sent} != {old}


def test_five_thousand_rows_are_read_in_one_go(session, shop):
    import_id = draft(session, shop, HEAD + "".join(line(n) for n in range(5000)))
    found = queries.get_import(session, shop, import_id)
    assert (found.rows, found.count("ready")) == (5000, 5000)
