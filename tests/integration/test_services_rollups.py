"""The sums behind the numbers: right as soon as something is committed, folded once, by whoever, and checked."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from portal.adapters.payments.simulator import Simulator
from portal.models import CohortRollup, DueRollup, Installment, PostedRollup
from portal.models.rollups import MetricDelta
from portal.queries import metrics
from portal.services import plans, refunds, rollups
from tests import factories
from tests.factories import NOW, accepted_plan, pay, unit_of_work

ROLLUP_TABLES = [DueRollup, PostedRollup, CohortRollup]

# A worker that folds change by change.
FOLDING = """
import os
from config import load_settings
from portal import create_app
from portal.extensions import db
from portal.services import rollups
with create_app(load_settings(os.environ)).app_context():
    rollups.roll_up(db.session, batch=1)
"""


def waiting(session):
    session.rollback()
    return session.scalar(select(func.count()).select_from(MetricDelta))


def kept(session):
    """All folded rows that are not zero throughout."""
    session.rollback()
    rows = [map(tuple, session.execute(select(*table.__table__.columns))) for table in ROLLUP_TABLES]
    return [
        sorted((row for row in table if any(isinstance(value, int) and value for value in row)), key=str)
        for table in rows
    ]


@pytest.fixture
def database_role():
    """The sums are counted afresh by the owner of the tables."""
    return "owner"


@pytest.fixture
def busy_shop(session, shop, ada):
    """Plans accepted, paid, refunded and cancelled: the worked example among them."""
    plan_id = accepted_plan(session, shop, ada)
    pay(session, ada, plan_id, 1)
    refunds.refund(session, Simulator(), shop, refunds.Request(plan_id, 5000), None, NOW)
    pay(session, ada, plan_id)
    refunds.refund(session, Simulator(), shop, refunds.Request(plan_id, 5000), None, NOW)
    pay(session, ada, accepted_plan(session, shop, ada, parts=5, total=50000), 2)
    cancelled = accepted_plan(session, shop, ada)
    with unit_of_work(session):
        plans.cancel(session, shop, cancelled, None, NOW)
    return shop


def test_numbers_are_right_as_soon_as_a_payment_is_committed(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    seen = [metrics.dashboard(session, shop, NOW)]
    pay(session, ada, plan_id, 1)
    seen.append(metrics.dashboard(session, shop, NOW))
    rollups.roll_up(session)
    seen.append(metrics.dashboard(session, shop, NOW))
    pay(session, ada, plan_id, 2)
    seen.append(metrics.dashboard(session, shop, NOW))
    assert [(shown.total_revenue, shown.outstanding) for shown in seen] == [
        (0, 10000),
        (3334, 6666),
        (3334, 6666),
        (6667, 3333),
    ]


def test_folding_empties_the_changes_and_moves_no_number(session, busy_shop):
    shown = metrics.dashboard(session, busy_shop, NOW)
    count = waiting(session)
    assert rollups.roll_up(session, batch=2) == {"folded": count}
    assert waiting(session) == 0
    assert metrics.dashboard(session, busy_shop, NOW) == shown
    assert rollups.roll_up(session) == {"folded": 0}
    assert metrics.dashboard(session, busy_shop, NOW) == shown


def test_what_is_folded_in_steps_is_what_is_counted_at_once(session, busy_shop):
    rollups.roll_up(session, batch=1)
    in_steps = kept(session)
    with unit_of_work(session):
        rollups.rebuild_rollups(session)
    assert kept(session) == in_steps


def test_a_worker_that_dies_in_the_middle_leaves_the_changes_to_the_next(session, busy_shop):
    shown, count = metrics.dashboard(session, busy_shop, NOW), waiting(session)
    with pytest.raises(ZeroDivisionError), unit_of_work(session):
        rollups._roll_up(session, busy_shop.id, 3)
        raise ZeroDivisionError
    assert waiting(session) == count
    assert rollups.roll_up(session) == {"folded": count}
    assert metrics.dashboard(session, busy_shop, NOW) == shown


def test_two_workers_fold_every_change_once(session, busy_shop):
    """The second begins while the first holds a batch whose days it has to add to as well."""
    shown, count = metrics.dashboard(session, busy_shop, NOW), waiting(session)
    session.rollback()
    folded = []
    with Session(session.get_bind()) as other:
        second = threading.Thread(target=lambda: folded.append(rollups.roll_up(other)["folded"]))
        with unit_of_work(session):
            first = rollups._roll_up(session, busy_shop.id, 3)
            second.start()
            second.join(0.3)
        second.join()
    assert (first, folded) == (3, [count - 3])
    assert waiting(session) == 0
    assert metrics.dashboard(session, busy_shop, NOW) == shown


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_nobody_who_pays_waits_for_the_fold_or_for_another_payment(session, shop, ada):
    """SQLite has one writer at a time whatever it writes."""
    plan_id, beside = accepted_plan(session, shop, ada), accepted_plan(session, shop, ada)
    with Session(session.get_bind(), expire_on_commit=False) as other, unit_of_work(session):
        rollups._roll_up(session, shop.id, rollups.BATCH)
        assert pay(other, ada, plan_id, 1).status == "paid"
        assert pay(other, ada, beside).status == "paid"
    assert metrics.dashboard(session, shop, NOW).total_revenue == 13334


def test_another_shops_sums_stay_there(session, busy_shop, ada):
    other = factories.make_merchant(session, "Other Shop")
    accepted_plan(session, other, ada, total=700, parts=7)
    for _ in range(2):
        assert metrics.dashboard(session, other, NOW).outstanding == 700
        rollups.roll_up(session)


@pytest.mark.parametrize("table", ROLLUP_TABLES, ids=lambda table: table.__tablename__)
def test_the_self_check_notices_a_wrong_sum_and_a_recount_mends_it(session, busy_shop, table):
    rollups.roll_up(session)
    for name in [column.name for column in table.__table__.columns if not column.primary_key]:
        day = session.scalars(select(func.min(table.__table__.primary_key.columns.values()[-1]))).one()
        session.rollback()
        with unit_of_work(session):
            wrong = {name: getattr(table, name) + 1}
            session.execute(
                update(table).where(table.__table__.primary_key.columns.values()[-1] == day).values(wrong)
            )
        assert factories.broken_invariants(session) == [table.__tablename__]
        with unit_of_work(session):
            rollups.rebuild_rollups(session)
        assert factories.broken_invariants(session) == []


def test_the_self_check_notices_a_change_that_was_lost(session, busy_shop):
    with unit_of_work(session):
        lost = session.scalars(select(MetricDelta.id).order_by(MetricDelta.id).limit(1)).one()
        session.execute(delete(MetricDelta).where(MetricDelta.id == lost))
    assert factories.broken_invariants(session) == [table.__tablename__ for table in ROLLUP_TABLES]
    with unit_of_work(session):
        rollups.rebuild_rollups(session)


def test_an_offer_counts_only_once_it_is_accepted(session, shop, ada):
    plan_id = factories.offered_plan(session, shop, ada.email, first=NOW.date() - timedelta(days=3))
    shown = metrics.dashboard(session, shop, NOW)
    assert (shown.outstanding, shown.overdue, shown.success_rate) == (0, 0, None)
    factories.accept(session, ada, plan_id)
    shown = metrics.dashboard(session, shop, NOW)
    assert (shown.outstanding, shown.overdue, shown.success_rate) == (10000, 3334, 0)
    assert shown.on_time_rate is None


def test_a_worker_that_is_killed_while_it_folds_loses_and_doubles_nothing(session, environ, shop, ada):
    for _ in range(3):
        accepted_plan(session, shop, ada, parts=60)
    shown, count = metrics.dashboard(session, shop, NOW), waiting(session)
    worker = subprocess.Popen([sys.executable, "-c", FOLDING], env=os.environ | environ)
    while waiting(session) == count and worker.poll() is None:
        time.sleep(0.005)
    worker.kill()
    worker.wait()
    assert 0 < waiting(session) < count
    assert metrics.dashboard(session, shop, NOW) == shown
    assert factories.broken_invariants(session) == []
    rollups.roll_up(session)
    assert metrics.dashboard(session, shop, NOW) == shown


@pytest.mark.parametrize("database_role", ["portal"])
def test_an_operator_counts_wrong_sums_afresh(app, session, busy_shop, database_role):
    rollups.roll_up(session)
    with unit_of_work(session):
        session.execute(update(PostedRollup).values(revenue=PostedRollup.revenue + 1))
    operator = app.test_cli_runner()
    assert operator.invoke(args=["self-check"]).exit_code == 1
    ran = operator.invoke(args=["recount"])
    assert ran.exit_code == 0, ran.output
    checked = operator.invoke(args=["self-check"])
    assert checked.exit_code == 0, checked.output


@pytest.fixture
def recounting(session):
    """Another who counts afresh, in a thread; waited for at the end."""

    def count():
        with Session(session.get_bind()) as other, unit_of_work(other):
            rollups.rebuild_rollups(other)

    thread = threading.Thread(target=count)
    yield thread
    thread.join()
    assert factories.broken_invariants(session) == []


def begin(thread) -> None:
    """Start what has to wait."""
    thread.start()
    thread.join(0.5)
    assert thread.is_alive()


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_a_recount_waits_for_a_change_that_has_begun_and_does_not_stop_it(session, shop, ada, recounting):
    plan_id = accepted_plan(session, shop, ada)
    with unit_of_work(session):
        plans.lock(session, shop.id, plan_id, NOW)
        session.execute(update(Installment).values(paid=Installment.paid))
        begin(recounting)
        plans.cancel(session, shop, plan_id, None, NOW)


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_a_recount_waits_for_a_fold_that_has_begun_and_does_not_stop_it(session, busy_shop, recounting):
    with unit_of_work(session):
        session.execute(select(MetricDelta.id).with_for_update())
        begin(recounting)
        rollups._roll_up(session, busy_shop.id, rollups.BATCH)


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_who_writes_waits_for_a_recount(session, shop, ada):
    """Otherwise what is written between its statements would count twice."""
    plan_id = accepted_plan(session, shop, ada)
    cancelled = []

    def cancel():
        with Session(session.get_bind()) as other, unit_of_work(other):
            cancelled.append(plans.cancel(other, shop, plan_id, None, NOW))

    writing = threading.Thread(target=cancel)
    with unit_of_work(session):
        rollups.rebuild_rollups(session)
        begin(writing)
        assert metrics.dashboard(session, shop, NOW).outstanding == 10000
    writing.join()
    assert len(cancelled) == 1
