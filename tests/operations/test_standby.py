"""A second PostgreSQL that follows the first: files and documents are read there, and never miss what was committed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from sqlalchemy import event, make_url, select

from config import ConfigError, load_settings
from portal.extensions import adapters, db, now, read_from_standby
from portal.models import Plan
from portal.services.transaction import unit_of_work
from tests import factories, servers
from tests.browserlike import sign_in
from tests.conftest import close, portal_of
from tests.databases import Superuser

ON_POSTGRES = pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)


@pytest.fixture
def standby(postgres_database):
    """The superuser's address of this database on a server that follows."""
    database = make_url(postgres_database.url).database
    # As it is by default: a commit has been written, and so goes to who follows, before it is answered.
    setting = f"ALTER DATABASE {database} {{}} synchronous_commit"
    with Superuser(postgres_database.superuser_url) as superuser:
        superuser(setting.format("SET") + " = on")
        with servers.standby_server(postgres_database.superuser_url) as url:
            yield f"{url.rpartition('/')[0]}/{database}"
        superuser(setting.format("RESET"))


@pytest.fixture
def followed(environ, standby):
    """The portal with that standby, a shop with a plan, and the count of statements that the standby was sent."""
    followed = make_url(standby)
    own = make_url(environ["DATABASE_URL"]).set(host=followed.host, port=followed.port)
    app = portal_of.__wrapped__(tuple((environ | {"READ_DATABASE_URL": str(own)}).items()))
    sent = []
    engine = app.extensions["adapters"].standby.engine
    event.listen(engine, "before_cursor_execute", lambda *about: sent.append(about[2]))
    yield app, sent
    engine.dispose()
    close(app)


@ON_POSTGRES
def test_files_come_from_the_standby_and_never_miss_what_was_committed(followed, standby, session):
    app, sent = followed
    shop, ada = factories.make_merchant(session, now=now()), factories.make_customer(session, now=now())
    client = app.test_client()
    sign_in(client, shop)

    def reads(description: str) -> bool:
        """Whether the file came from there; it always has the plan that was agreed the moment before."""
        plan_id = factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
        reference = session.scalar(select(Plan.reference).where(Plan.id == plan_id))
        sent.clear()
        assert reference in client.get("/merchant/exports/plans.csv").text, description
        return any("FROM plans" in statement for statement in sent)

    assert reads("while it follows")
    with Superuser(standby) as follower:
        follower("SELECT pg_wal_replay_pause()")
        assert not reads("while it lags")
        follower("SELECT pg_wal_replay_resume()")
        assert reads("once it has caught up")
        follower("SELECT pg_promote()")
        assert not app.extensions["adapters"].standby.has_caught_up(session)
        assert not reads("once it was promoted, and follows no longer")


@ON_POSTGRES
@pytest.mark.parametrize("ends", [signal.SIGINT, signal.SIGQUIT], ids=["shut down", "crashed"])
def test_a_standby_that_stops_after_it_has_served_is_missed_by_nobody(followed, standby, session, ends):
    app, sent = followed
    shop, ada = factories.make_merchant(session, now=now()), factories.make_customer(session, now=now())
    plan_id = factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
    client = app.test_client()
    sign_in(client, shop)
    files = ("/merchant/exports/plans.csv", f"/merchant/plans/{plan_id}/statement.pdf")

    def reads() -> bool:
        """Whether the files came from there; they always come."""
        sent.clear()
        for path in files:
            assert client.get(path, buffered=True).status_code == 200, path
        return any("FROM plans" in statement for statement in sent)

    # Connections that it has served stay in the pool.
    assert reads() and app.extensions["adapters"].standby.engine.pool.checkedin()
    stop(standby, ends)
    assert [reads() for _ in range(3)] == [False] * 3


def stop(url: str, how: signal.Signals) -> None:
    """End a server of this test's own."""
    with Superuser(url) as superuser:
        ((folder,),) = superuser("SHOW data_directory")
    pid = int((Path(folder) / "postmaster.pid").read_text().split()[0])
    os.kill(pid, how)
    while servers.postgres_answers(url):
        time.sleep(0.02)


@ON_POSTGRES
def test_what_acts_and_what_decides_is_read_where_it_is_written(followed, session):
    app, sent = followed
    shop, ada = factories.make_merchant(session, now=now()), factories.make_customer(session, now=now())
    plan_id = factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
    client = app.test_client()
    sign_in(client, ada)
    payment = factories.pay(session, ada, plan_id, 1, now=now()).payment_id
    plan = f"/customer/plans/{plan_id}"
    for path in ("/customer/", plan, f"{plan}/amount", f"{plan}/terms", f"/customer/payments/{payment}"):
        assert client.get(path).status_code == 200, path
    assert sent == []
    with app.test_request_context():
        read_from_standby()
        assert db.session.get_bind() is adapters().standby.engine
        with unit_of_work(db.session):
            assert db.session.get_bind() is db.engine


@ON_POSTGRES
def test_without_the_standby_all_is_read_from_the_primary(environ, session):
    gone = make_url(environ["DATABASE_URL"]).set(port=servers.free_port())
    app = portal_of.__wrapped__(tuple((environ | {"READ_DATABASE_URL": str(gone)}).items()))
    shop = factories.make_merchant(session, now=now())
    client = app.test_client()
    sign_in(client, shop)
    for _ in range(2):
        assert client.get("/merchant/exports/plans.csv", buffered=True).status_code == 200
    assert client.get("/readyz").json["database"] == "ok"
    close(app)


def test_a_standby_of_sqlite_is_refused():
    with pytest.raises(ConfigError, match="READ_DATABASE_URL names a standby of PostgreSQL"):
        load_settings({"READ_DATABASE_URL": "postgresql://portal@127.0.0.1/portal"})
