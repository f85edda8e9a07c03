"""A real worker on SQLite and on Redis: a commit wakes it and the email goes out; it outlives its Redis."""

import json
import time
from uuid import uuid4

import pytest
from sqlalchemy import select

from config import load_settings
from portal import create_app
from portal.core.roles import PORTAL_ID
from portal.extensions import db, now
from portal.models import JobRun
from portal.services import outbox
from portal.services.transaction import unit_of_work
from tests import consumers


@pytest.fixture(params=["huey in a file", "huey on Redis"])
def queue_url(request):
    """The address of Redis, or none."""
    return request.getfixturevalue("redis_url") if request.param == "huey on Redis" else ""


@pytest.fixture
def environ(environ, queue_url, smtp_server):
    return environ | {"REDIS_URL": queue_url, "MAIL_URL": smtp_server.url}


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_commit_wakes_the_worker_and_its_runs_are_told(app, session, environ, ada, smtp_server, tmp_path):
    """Five emails in well under the minute after which the clock alone would bring them."""
    with consumers.running(environ, tmp_path) as (worker,):
        began = time.monotonic()
        for count in range(1, 6):
            with app.app_context(), unit_of_work(db.session):
                outbox.queue(
                    db.session,
                    "password_reset",
                    merchant_id=PORTAL_ID,
                    cause=uuid4(),
                    user_id=ada.id,
                    at=now(),
                )
            assert consumers.until(lambda count=count: len(smtp_server.messages) == count), (
                worker.log.read_text()
            )
        assert time.monotonic() - began < 59
    session.rollback()
    assert "deliver_messages" in session.scalars(select(JobRun.job)).all()


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_what_huey_itself_logs_is_json_like_every_other_line(app, environ, tmp_path):
    app.extensions["adapters"].queue.storage.enqueue(b"no job")
    with consumers.running(environ, tmp_path) as (worker,):
        assert consumers.until(lambda: "exception" in worker.log.read_text()), worker.log.read_text()
    lines = [json.loads(line) for line in worker.log.read_text().splitlines()]
    assert any(line["logger"].startswith("huey") and line["level"] == "error" for line in lines)


@pytest.fixture
def app(environ):
    made = create_app(load_settings(environ) | {"TESTING": True})
    yield made
    with made.app_context():
        db.engine.dispose()
