"""PostgreSQL ends the portal's connections at bad moments: the answer is 503 with Retry-After, or the right one."""

from __future__ import annotations

import contextlib
import functools
import itertools

import psycopg2
import pytest
import sqlalchemy
from flask import after_this_request

from portal.adapters.payments.simulator import Simulator
from portal.extensions import db, now
from portal.services import payment_settlement, refund_settlement, refunds
from tests import factories
from tests.browserlike import Forms
from tests.databases import OTHERS, Superuser
from tests.factories import plan_of

pytestmark = pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)


@pytest.fixture
def cut(database_url):
    """Ends every other connection to the portal's database, from a connection of its own."""

    def end_all() -> int:
        with contextlib.closing(psycopg2.connect(database_url)) as own, own.cursor() as cursor:
            cursor.execute(f"SELECT pg_terminate_backend(pid, 2000) FROM {OTHERS}")
            return cursor.rowcount

    return end_all


@pytest.fixture
def ada(session):
    return factories.make_customer(session, now=now())


@pytest.fixture
def signed_in(client, ada):
    client.submit("/login", {"email": ada.email, "password": factories.PASSWORD})
    return client


def pay_first(client, session, ada, plan_id):
    """The call that sends the first Pay button of the plan, every time with the same key."""
    line = plan_of(session, ada, plan_id, now()).installments[0]
    page = client.get("/customer/").get_data(as_text=True)
    form = next(form for form in Forms(page).all if f"/{line.id}/" in (form.action or ""))
    return lambda: client.post(form.action, data=form.fields)


def assert_busy(response):
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert "busy" in response.get_data(as_text=True)


def test_connections_cut_while_idle_cost_one_503(signed_in, cut):
    assert signed_in.get("/customer/").status_code == 200
    assert cut() > 0
    assert_busy(signed_in.get("/customer/"))
    assert signed_in.get("/customer/").status_code == 200


def test_the_page_that_says_busy_asks_nothing_of_the_database(signed_in, app, cut):
    """Every connection is cut as soon as it is taken, so no statement can succeed while the page is drawn either."""
    with app.app_context():
        engine = db.engine

    def cut_at_once(*_: object) -> None:
        cut()

    sqlalchemy.event.listen(engine, "checkout", cut_at_once)
    assert_busy(signed_in.get("/customer/"))
    assert_busy(signed_in.get("/customer/", headers={"HX-Request": "true"}))
    sqlalchemy.event.remove(engine, "checkout", cut_at_once)
    assert signed_in.get("/customer/").status_code in (200, 503)
    assert signed_in.get("/customer/").status_code == 200


def test_a_connection_cut_when_the_page_is_ready_does_not_spoil_it(app, client, signed_in, cut):
    view = app.view_functions["customer.home"]

    @functools.wraps(view)
    def home_and_cut():
        @after_this_request
        def cut_now(response):
            assert cut() > 0
            return response

        return view()

    app.view_functions["customer.home"] = home_and_cut
    assert signed_in.get("/customer/").status_code == 200
    # Whoever asks next finds the connection gone; then there is a new one.
    app.view_functions["customer.home"] = view
    assert [signed_in.get("/customer/").status_code for _ in range(2)] == [503, 200]


class Cutter:
    """Cuts all connections before the statement, or the commit, of this number."""

    def __init__(self, engine, cut, number):
        self.engine, self.cut, self.left = engine, cut, number

    def __enter__(self):
        for moment in ("before_cursor_execute", "commit"):
            sqlalchemy.event.listen(self.engine, moment, self.count)
        return self

    def __exit__(self, *_: object):
        for moment in ("before_cursor_execute", "commit"):
            sqlalchemy.event.remove(self.engine, moment, self.count)

    def count(self, *_: object):
        self.left -= 1
        if self.left == 0:
            self.cut()


def test_a_payment_cut_before_any_of_its_statements_is_made_once(signed_in, session, ada, cut):
    """Wherever it is cut, the same request again and the settling job bring it to its end, and to one payment."""
    shop = factories.make_merchant(session, "Second Shop", now=now())
    seen = set()
    for number in itertools.count(1):
        plan_id = factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
        pay = pay_first(signed_in, session, ada, plan_id)
        with Cutter(session.get_bind(), cut, number) as cutter:
            response = pay()
        if cutter.left > 0:
            break
        assert response.status_code in (303, 202, 503), f"cut before statement {number}"
        if response.status_code == 503:
            assert_busy(response)
        seen.add(response.status_code)
        assert pay().status_code in (303, 202)
        payment_settlement.settle_pending(session, Simulator(), now() + 2 * payment_settlement.SETTLE_AFTER)
        assert pay().status_code == 303
        assert plan_of(session, ada, plan_id, now()).paid == 3334
    # Cut before the intent stands it is refused; after that it is being processed.
    assert seen == {202, 503}
    assert factories.broken_invariants(session) == []


def test_a_settling_job_that_is_cut_leaves_one_refund_to_its_next_run(session, ada, cut):
    shop = factories.make_merchant(session, now=now())
    factories.choose_card(session, ada, "times_out")
    later = now() + 2 * payment_settlement.SETTLE_AFTER
    for _ in range(3):
        plan_id = factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
        factories.pay(session, ada, plan_id, now=now())
        payment_settlement.settle_pending(session, Simulator(), later)
        refunds.refund(session, Simulator(), shop, refunds.Request(plan_id, 10000), None, now())
    # The first statement finds what is waiting, the second reads the first refund.
    with Cutter(session.get_bind(), cut, 2):
        first = refund_settlement.settle_pending(session, Simulator(), later)
    assert first == {"refunds_settled": 2, "refunds_waiting": 1}
    second = refund_settlement.settle_pending(session, Simulator(), later)
    assert second == {"refunds_settled": 1, "refunds_waiting": 0}
    assert factories.broken_invariants(session) == []


# What a cluster answers when a node is gone, said here by a trigger. PostgreSQL itself says that it only reads.
NODE_GONE = {
    "only reads": (),
    "connection failure": ("08006", "connection to the remote node failed", ""),
    "protocol violation": ("08P01", "server closed the connection", ""),
    "lost in the commit": (
        "XX000",
        "could not commit transaction on any active node",
        "DEFERRABLE INITIALLY DEFERRED",
    ),
}
SAYS_SO = """
CREATE FUNCTION node_gone() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{0}', MESSAGE = '{1}'; END $$;
GRANT EXECUTE ON FUNCTION node_gone() TO PUBLIC;
CREATE CONSTRAINT TRIGGER node_gone AFTER INSERT ON payments {2} FOR EACH ROW EXECUTE FUNCTION node_gone();
"""


@contextlib.contextmanager
def node_gone(database, cut, how):
    """A server that can do nothing more for the portal's connections."""
    name = database.url.rpartition("/")[2]
    read_only = f"ALTER ROLE {name} IN DATABASE {name} SET default_transaction_read_only"
    begin = f"{read_only} = on" if how == "only reads" else SAYS_SO.format(*NODE_GONE[how])
    end = "DROP TRIGGER IF EXISTS node_gone ON payments; DROP FUNCTION IF EXISTS node_gone()"

    def run(statement: str) -> None:
        with Superuser(database.superuser_url) as superuser:
            superuser(statement)
        cut()

    run(begin)
    try:
        yield
    finally:
        run(f"{read_only} = off; {end}")


@pytest.mark.parametrize("how", NODE_GONE)
def test_a_node_that_is_gone_costs_503s_and_no_payment(signed_in, session, ada, how, postgres_database, cut):
    shop = factories.make_merchant(session, "Second Shop", now=now())
    plan_id = factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
    pay = pay_first(signed_in, session, ada, plan_id)
    with node_gone(postgres_database, cut, how):
        assert [signed_in.get("/customer/").status_code for _ in range(2)][-1] == 200
        assert_busy(pay())
    with Superuser(postgres_database.superuser_url) as superuser:
        assert superuser("SELECT sum(paid) FROM installments") == [(0,)]
