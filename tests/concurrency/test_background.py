"""Workers are killed while reminders go out, Redis is stopped while customers pay; `make torture` runs it larger."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from portal.models import Message
from tests import consumers, factories
from tests.databases import environment

from . import reminding, web
from .clients import Load
from .orders import Order
from .outage import Redis

SMALL = 60
PACE = reminding.Pace(letter=0.1, kill=0.5, most_kills=2)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_killed_workers_lose_no_reminder_on_sqlite(database_url, tmp_path):
    check(reminding.run("sqlite", "", SMALL, database_url, tmp_path, PACE))


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_killed_workers_lose_no_reminder_on_postgres_and_redis(database_url, redis_url, tmp_path):
    check(reminding.run("postgres", redis_url, SMALL, database_url, tmp_path, PACE))


def check(report):
    assert report.wrong == [], report
    assert report.kills and report.refused


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_without_redis_customers_sign_in_and_pay_and_the_letters_catch_up(
    session, database_url, smtp_server, tmp_path
):
    moment = datetime.now(UTC)
    shop, ada = factories.make_merchant(session, now=moment), factories.make_customer(session, now=moment)
    plan_id = factories.accepted_plan(session, shop, ada, now=moment, first=moment.date())
    orders = [
        Order(
            ada.email,
            plan_id,
            f"/customer/installments/{line.id}/pay",
            line.owed,
            frozenset({line.id}),
            f"key-{k}",
        )
        for k, line in enumerate(factories.plan_of(session, ada, plan_id, moment).installments)
    ]
    queue = Redis(tmp_path)
    environ = environment(tmp_path, DATABASE_URL=database_url, REDIS_URL=queue.url, MAIL_URL=smtp_server.url)
    queue.start()
    try:
        with web.running(environ, tmp_path) as served, consumers.running(environ, tmp_path):
            queue.stop()
            pay(served.port, ada, orders[:2])
            assert waiting(session) == {"payment_received": 2}
            queue.start()
            pay(served.port, ada, orders[2:])
            assert consumers.until(lambda: not waiting(session), 100)
    finally:
        queue.stop()
    sent = [mail["Message-ID"] for mail in smtp_server.messages]
    assert len(sent) == len(set(sent)) == session.scalar(select(func.count()).select_from(Message))
    assert factories.broken_invariants(session) == []


def pay(port, customer, orders):
    """Sign in anew and pay; every order is answered at once, and as paid."""
    load = Load(port, orders, seed=1)
    load.sign_in([customer.email])
    load.run()
    assert {answer.status for answer in load.log} <= {200, 303}
    assert len(load.log) == len(orders)


def waiting(session):
    """How many payments' letters wait, by kind."""
    session.rollback()
    query = select(Message.kind, func.count()).where(
        Message.state == "queued", Message.kind == "payment_received"
    )
    return dict(session.execute(query.group_by(Message.kind)).all())
