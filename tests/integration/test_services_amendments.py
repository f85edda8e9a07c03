"""Dates move: better ones at once, worse ones only by the customer's acceptance, and everything follows them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from portal.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from portal.models import Amendment, Event, Installment, Message, Reminder
from portal.queries import calendars, metrics
from portal.services import amendments, daily_run, plans, shops, write_offs
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, ORIGIN, accepted_plan, pay, plan_of

DAY = timedelta(days=1)


@pytest.fixture
def plan_id(session, shop, ada):
    """Three installments of a hundred, due on 2 March, 2 April and 2 May; today is 2 March."""
    plan_id = accepted_plan(session, shop, ada)
    yield plan_id
    assert factories.broken_invariants(session) == []


def move(session, actor, plan_id, days, reason="", now=NOW):
    """Proposes other dates by the numbers of the installments; returns the amendment's number."""
    dates = {number: date(2026, *day) for number, day in days.items()}
    return factories.amend(session, actor, plan_id, dates, now=now, reason=reason)


def answer(session, how, actor, plan_id, number=1, now=NOW, **more):
    with unit_of_work(session):
        if how == "accept":
            return amendments.accept(session, actor, plan_id, number, more.get("terms_hash"), ORIGIN, now)
        return getattr(amendments, how)(session, actor, plan_id, number, now)


def keep(session, actor, plan_id, number=1, now=NOW):
    with unit_of_work(session):
        return amendments.keep_old_dates(session, actor, plan_id, number, ORIGIN, now)


def due(session, actor, plan_id):
    session.rollback()
    return [(i.due_on.month, i.due_on.day) for i in plan_of(session, actor, plan_id).installments]


def state(session):
    session.rollback()
    return session.scalars(select(Amendment.state).order_by(Amendment.number)).all()


def kinds(session, table):
    session.rollback()
    found = session.scalars(
        select(table.kind).where(table.kind.like("%amendment%") | (table.kind == "late_lifted"))
    )
    return sorted(found)


def test_later_dates_are_in_force_at_once_and_the_customer_gets_both(session, shop, ada, plan_id):
    assert move(session, shop, plan_id, {1: (3, 20), 2: (4, 20)}, "As agreed on the phone") == 1
    assert due(session, ada, plan_id) == [(3, 20), (4, 20), (5, 2)]
    assert state(session) == ["in_force"]
    email = session.scalars(select(Message).where(Message.kind == "amendment_in_force")).one()
    assert (email.user_id, email.facts["reason"]) == (ada.id, "As agreed on the phone")
    assert [(m["number"], m["old"], m["new"]) for m in email.facts["moves"]] == [
        (1, "2026-03-02", "2026-03-20"),
        (2, "2026-04-02", "2026-04-20"),
    ]


def test_earlier_dates_wait_for_the_customer_and_hold_only_then(session, shop, ada, plan_id):
    move(session, shop, plan_id, {2: (3, 25)})
    assert (due(session, ada, plan_id), state(session)) == ([(3, 2), (4, 2), (5, 2)], ["proposed"])
    for somebody in (shop, factories.make_customer(session, "Some Body")):
        with pytest.raises((Forbidden, NotFound)):
            answer(session, "accept", somebody, plan_id)
    with pytest.raises(Conflict) as other:
        answer(session, "accept", ada, plan_id, terms_hash="0" * 64)
    assert other.value.code == "other_terms"
    shown = session.scalars(select(Amendment.terms_hash)).one()
    assert answer(session, "accept", ada, plan_id, terms_hash=shown) == "in_force"
    assert due(session, ada, plan_id) == [(3, 2), (3, 25), (5, 2)]
    kept = session.scalars(select(Amendment)).one()
    assert (kept.effect, kept.accepted_at, kept.address) == ("worse", NOW, ORIGIN.address)
    assert kinds(session, Message) == [
        "amendment_in_force",
        "amendment_in_force_shop",
        "amendment_proposed",
    ]


def test_the_customer_asks_and_the_shops_yes_puts_exactly_that_in_force(session, shop, ada, plan_id):
    move(session, ada, plan_id, {1: (3, 15)}, "My wages come on the 14th")
    assert (due(session, ada, plan_id)[0], state(session)) == ((3, 2), ["proposed"])
    with pytest.raises(Forbidden):
        answer(session, "accept", ada, plan_id)
    assert answer(session, "accept", shop, plan_id) == "in_force"
    assert due(session, ada, plan_id)[0] == (3, 15)
    assert session.scalars(select(Amendment.accepted_at)).one() == NOW


def test_a_late_installment_that_is_due_later_is_not_late_any_more(session, shop, ada, plan_id):
    then = NOW + 3 * DAY
    daily_run.run(session, then)
    assert plan_of(session, ada, plan_id, then).installments[0].status == "late"
    assert metrics.dashboard(session, shop, then).overdue == 3334
    move(session, shop, plan_id, {1: (3, 30)}, now=then)
    moved = plan_of(session, ada, plan_id, then).installments[0]
    assert (moved.status, moved.due_on) == ("pending", date(2026, 3, 30))
    assert metrics.dashboard(session, shop, then).overdue == 0
    assert "late_lifted" in kinds(session, Event)
    daily_run.run(session, NOW + 40 * DAY)
    assert plan_of(session, ada, plan_id, NOW + 40 * DAY).installments[0].status == "late"


def test_within_seven_days_the_customer_keeps_the_old_dates(session, shop, ada, plan_id):
    move(session, shop, plan_id, {1: (3, 20), 3: (5, 20)})
    with pytest.raises(Forbidden):
        keep(session, shop, plan_id)
    assert keep(session, ada, plan_id, now=NOW + 7 * DAY) == 2
    assert due(session, ada, plan_id) == [(3, 2), (4, 2), (5, 2)]
    assert state(session) == ["in_force", "in_force"]
    with pytest.raises(Conflict):
        keep(session, ada, plan_id, 2, NOW + 7 * DAY)


def test_later_than_that_or_after_a_payment_of_it_they_cannot_be_kept(session, shop, ada, plan_id):
    move(session, shop, plan_id, {1: (3, 20), 3: (5, 20)})
    with pytest.raises(Conflict):
        keep(session, ada, plan_id, now=NOW + 7 * DAY + timedelta(seconds=1))
    pay(session, ada, plan_id, 1)
    with pytest.raises(Conflict) as settled:
        keep(session, ada, plan_id)
    assert settled.value.code == "line_settled"
    assert due(session, ada, plan_id) == [(3, 20), (4, 2), (5, 20)]


@pytest.mark.parametrize(("how", "who"), [("decline", "ada"), ("withdraw", "shop")])
def test_what_is_declined_or_withdrawn_changes_nothing(session, shop, ada, plan_id, how, who):
    people = {"shop": shop, "ada": ada}
    move(session, shop, plan_id, {2: (3, 25)})
    with pytest.raises(Forbidden):
        answer(session, how, people["ada" if who == "shop" else "shop"], plan_id)
    answer(session, how, people[who], plan_id)
    for again in ("accept", "decline"):
        with pytest.raises(Conflict) as ended:
            answer(session, again, ada, plan_id)
        assert ended.value.code == f"amendment_{state(session)[0]}"
    assert due(session, ada, plan_id) == [(3, 2), (4, 2), (5, 2)]
    assert move(session, shop, plan_id, {2: (3, 26)}) == 2


def test_only_one_waits_at_a_time(session, shop, ada, plan_id):
    move(session, ada, plan_id, {2: (4, 12)})
    with pytest.raises(Conflict) as refused:
        move(session, shop, plan_id, {3: (5, 12)})
    assert refused.value.code == "amendment_open"


def test_what_nobody_answers_ends_and_who_proposed_it_is_told(session, shop, ada, plan_id):
    move(session, ada, plan_id, {3: (5, 12)})
    counts = daily_run.run(session, NOW + 14 * DAY)
    assert (counts["expired"], state(session)) == (0, ["proposed"])
    with pytest.raises(Conflict) as late:
        answer(session, "accept", shop, plan_id, now=NOW + 15 * DAY)
    assert late.value.code == "amendment_expired"
    counts = daily_run.run(session, NOW + 15 * DAY)
    assert (counts["expired"], state(session)) == (1, ["expired"])
    assert session.scalars(select(Message.user_id).where(Message.kind == "amendment_expired")).one() == ada.id


def test_the_next_proposal_does_not_wait_for_the_daily_job(session, shop, ada, plan_id):
    move(session, shop, plan_id, {3: (4, 20)})
    assert move(session, shop, plan_id, {3: (5, 20)}, now=NOW + 15 * DAY) == 2
    assert state(session) == ["expired", "in_force"]


@pytest.mark.parametrize("how", ["paid", "cancelled", "written off"])
def test_a_plan_that_ends_withdraws_what_waits(session, shop, ada, plan_id, how):
    move(session, shop, plan_id, {2: (3, 25)})
    if how == "paid":
        pay(session, ada, plan_id)
    with unit_of_work(session):
        if how == "cancelled":
            plans.cancel(session, shop, plan_id, None, NOW)
        if how == "written off":
            write_offs.write_off(session, shop, write_offs.WriteOff(plan_id), NOW)
    assert state(session) == ["withdrawn"]


def test_it_is_withdrawn_if_something_of_it_was_paid_meanwhile(session, shop, ada, plan_id):
    move(session, shop, plan_id, {2: (3, 25), 3: (4, 25)})
    pay(session, ada, plan_id, 2)
    assert answer(session, "accept", ada, plan_id) == "withdrawn"
    assert due(session, ada, plan_id) == [(3, 2), (4, 2), (5, 2)]


def test_a_part_payment_does_not_stand_in_its_way(session, shop, ada, plan_id):
    move(session, shop, plan_id, {1: (3, 3), 2: (3, 25)})
    factories.record(session, shop, plan_id, 1000)
    assert answer(session, "accept", ada, plan_id) == "in_force"


def test_while_a_payment_is_processing_nothing_moves(session, shop, ada, plan_id):
    factories.choose_card(session, ada, "times_out")
    pay(session, ada, plan_id, 1)
    with pytest.raises(Conflict) as refused:
        move(session, shop, plan_id, {2: (4, 20)})
    assert refused.value.code == "processing"


def test_faults_are_named_together_and_nothing_is_kept(session, shop, plan_id):
    before = factories.row_counts(session)
    with pytest.raises(InvalidInput) as refused:
        move(session, shop, plan_id, {2: (2, 1), 3: (2, 2)}, reason="x" * 201)
    assert set(refused.value.errors) == {"installments.0.due_date", "installments.1.due_date", "reason"}
    assert factories.row_counts(session) == before


def test_an_offer_has_no_dates_to_move(session, shop, ada):
    plan_id = factories.offered_plan(session, shop, ada.email)
    with pytest.raises(Conflict) as refused:
        move(session, shop, plan_id, {2: (4, 20)})
    assert refused.value.code == "plan_offered"


def test_no_row_can_be_moved_without_an_amendment_in_force(session, shop, ada, plan_id):
    """Past the services: the day alone, an amendment that only waits, another day than it says, and an older one."""
    move(session, shop, plan_id, {3: (5, 20)})
    move(session, shop, plan_id, {3: (5, 25)})
    move(session, shop, plan_id, {2: (3, 25)})
    first, second, waiting = session.scalars(select(Amendment.id).order_by(Amendment.number)).all()
    session.rollback()
    hostile = [
        {"due_on": date(2026, 6, 1)},
        {"due_on": date(2026, 6, 1), "amendment_id": None},
        {"due_on": date(2026, 3, 25), "amendment_id": waiting},
        {"due_on": date(2026, 6, 1), "amendment_id": second},
        {"due_on": date(2026, 5, 20), "amendment_id": first},
    ]
    for values in hostile:
        with pytest.raises(IntegrityError), unit_of_work(session):
            session.execute(update(Installment).where(Installment.number == 3).values(values))
    with pytest.raises(IntegrityError), unit_of_work(session):
        session.execute(
            update(Amendment).where(Amendment.id == waiting).values(state="in_force", ended_at=NOW)
        )
    assert due(session, ada, plan_id) == [(3, 2), (4, 2), (5, 25)]


def test_a_moved_installment_is_reminded_of_its_new_day(session, shop, ada, plan_id):
    def reminded(day):
        daily_run.run(session, NOW + day * DAY, at_any_hour=True)
        session.rollback()
        rows = session.execute(
            select(Reminder.due_on, Reminder.kind).order_by(Reminder.due_on, Reminder.kind)
        )
        return [(due_on.isoformat(), kind) for due_on, kind in rows]

    pay(session, ada, plan_id, 1)
    before = [("2026-04-02", "due_soon")]
    assert reminded(28) == before
    move(session, shop, plan_id, {2: (4, 20)}, now=NOW + 28 * DAY)
    assert reminded(31) == before, "nothing is due on the old day"
    assert reminded(46) == [*before, ("2026-04-20", "due_soon")]


def test_the_calendar_moves_and_says_that_it_changed(session, shop, ada, plan_id):
    def second():
        session.rollback()
        return calendars.due_dates(session, ada, NOW + DAY)[1]

    plan, line = second()
    move(session, shop, plan_id, {2: (4, 20)}, now=NOW + DAY)
    moved_plan, moved_line = second()
    assert (line.due_on, moved_line.due_on) == (date(2026, 4, 2), date(2026, 4, 20))
    assert moved_plan.updated_at > plan.updated_at


def allow_moves(session, shop, days=14):
    with unit_of_work(session):
        shops.allow_moves(session, shop, days)


def test_the_next_date_is_moved_once_without_asking_where_the_shop_allows_it(session, shop, ada, plan_id):
    pay(session, ada, plan_id, 1)
    allow_moves(session, shop)
    assert move(session, ada, plan_id, {2: (4, 16)}) == 1
    assert (due(session, ada, plan_id)[1], state(session)) == ((4, 16), ["in_force"])
    assert "amendment_in_force_shop" in kinds(session, Message)
    move(session, ada, plan_id, {2: (4, 17)})
    assert state(session) == ["in_force", "proposed"]


@pytest.mark.parametrize(
    ("allowed", "days"),
    [
        (0, {2: (4, 16)}),
        (13, {2: (4, 16)}),
        (14, {2: (3, 30)}),
        (14, {3: (5, 4)}),
        (14, {2: (4, 3), 3: (5, 3)}),
    ],
)
def test_anything_else_is_asked_for(session, shop, ada, plan_id, allowed, days):
    pay(session, ada, plan_id, 1)
    allow_moves(session, shop, allowed)
    move(session, ada, plan_id, days)
    assert state(session) == ["proposed"]


def test_what_is_late_already_is_asked_for(session, shop, ada, plan_id):
    allow_moves(session, shop)
    move(session, ada, plan_id, {1: (3, 9)}, now=NOW + DAY)
    assert state(session) == ["proposed"]


@pytest.mark.parametrize("days", [-1, 15])
def test_a_shop_allows_at_most_two_weeks(session, shop, days):
    with pytest.raises(InvalidInput) as refused, unit_of_work(session):
        shops.allow_moves(session, shop, days)
    assert set(refused.value.errors) == {"move_days"}
