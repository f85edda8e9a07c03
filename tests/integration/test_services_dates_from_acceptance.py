"""Dates that follow the acceptance are written out for the day on which they are read, agreed to as such, and kept."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from portal.core.errors import Conflict
from portal.core.schedule import FirstDue, Frequency
from portal.core.terms import hash_text
from portal.models import Acceptance, Installment
from portal.queries import self_check
from portal.services import offer_addresses, offers
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, ORIGIN, TODAY

DAY = timedelta(days=1)


def offered(session, shop, ada, **more):
    given = {"first_due": FirstDue.ACCEPTANCE, "deposit": 1000}
    asked = offers.Proposal(ada.email, "Oak table", 10000, 3, date.min, Frequency.MONTHLY, **(given | more))
    with unit_of_work(session):
        return offers.offer(session, shop, asked, NOW)


def due_days(session, ada, plan, now=NOW):
    return [line.due_on for line in factories.plan_of(session, ada, plan, now).installments]


def kept(session, plan):
    session.rollback()
    query = select(Installment.due_on).where(Installment.plan_id == plan).order_by(Installment.number)
    return list(session.scalars(query))


def test_an_open_offer_shows_the_dates_of_today_and_an_ended_one_those_of_its_sending(session, shop, ada):
    plan = offered(session, shop, ada)
    sent = [date(2026, 3, 2), date(2026, 4, 2), date(2026, 5, 2), date(2026, 6, 2)]
    assert due_days(session, ada, plan) == sent
    assert due_days(session, ada, plan, NOW + DAY) == [day + DAY for day in sent]
    with unit_of_work(session):
        offers.revoke(session, shop, plan, NOW)
    assert due_days(session, ada, plan, NOW + 5 * DAY) == sent


def test_who_read_it_yesterday_reads_it_again(session, shop, ada):
    plan = offered(session, shop, ada)
    read = factories.plan_of(session, ada, plan).terms_hash
    with pytest.raises(Conflict) as moved, unit_of_work(session):
        offers.accept(session, ada, plan, read, ORIGIN, NOW + DAY)
    assert moved.value.code == "other_terms" and "moved by a day" in str(moved.value)
    assert factories.plan_of(session, ada, plan).accepted_on is None


def test_what_is_accepted_is_kept_word_for_word_and_due_on_its_days(session, shop, ada):
    plan = offered(session, shop, ada)
    later = NOW + 3 * DAY
    shown = factories.plan_of(session, ada, plan, later)
    factories.accept(session, ada, plan, now=later)
    acceptance = session.scalars(select(Acceptance).where(Acceptance.plan_id == plan)).one()
    assert (acceptance.terms, acceptance.terms_hash) == (shown.terms, hash_text(shown.terms))
    days = [date(2026, 3, 5), date(2026, 4, 5), date(2026, 5, 5), date(2026, 6, 5)]
    assert kept(session, plan) == due_days(session, ada, plan, later + 9 * DAY) == days
    assert [finding for finding in self_check.run(session) if finding.broken] == []


def test_accepted_dates_move_by_amendments_like_any_others(session, shop, ada):
    plan = offered(session, shop, ada)
    factories.accept(session, ada, plan)
    factories.amend(session, shop, plan, {4: TODAY + timedelta(days=200)})
    assert due_days(session, ada, plan)[3] == TODAY + timedelta(days=200)
    assert [finding for finding in self_check.run(session) if finding.broken] == []


def test_a_deposit_before_fixed_dates_is_due_on_the_day_of_acceptance(session, shop, ada):
    first = TODAY + timedelta(days=10)
    plan = factories.offered_plan(session, shop, ada.email, deposit=2500, first=first)
    assert factories.plan_of(session, ada, plan).last_day == first - DAY
    later = NOW + 9 * DAY
    factories.accept(session, ada, plan, now=later)
    assert kept(session, plan)[:2] == [later.date(), first]
    assert factories.plan_of(session, ada, plan, later).installments[0].is_deposit


def test_paying_a_deposit_over_the_api_accepts_the_offer_of_today(session, shop, ada):
    plan = offered(session, shop, ada)
    later = NOW + DAY
    factories.pay(session, ada, plan, 1, now=later, origin=ORIGIN)
    assert kept(session, plan)[0] == later.date()
    assert [finding for finding in self_check.run(session) if finding.broken] == []


def test_a_corrected_address_is_sent_the_same_deposit_and_dates(session, shop, ada):
    wrong = offered(session, shop, ada)
    month_ends = factories.offered_plan(
        session, shop, ada.email, first=date(2026, 4, 30), day_of_month="last"
    )
    for plan in (wrong, month_ends):
        with unit_of_work(session):
            right = offer_addresses.correct(session, shop, plan, "other@example.com", NOW)
        lines = select(Installment.number, Installment.amount, Installment.due_on, Installment.due_fixed)
        before, after = (
            session.execute(lines.where(Installment.plan_id == p).order_by(Installment.number)).all()
            for p in (plan, right)
        )
        session.rollback()
        assert before == after
