"""Jobs: on time, woken by a commit, recorded when they did something or failed; a dead queue stops nobody."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from portal.core.jobs import EVERY
from portal.core.roles import PORTAL_ID
from portal.extensions import db, now
from portal.models import Installment, JobRun, Merchant, Message
from portal.services import daily_run, job_runs, outbox
from portal.services.transaction import unit_of_work
from portal.tasks import jobs
from portal.tasks.queue import Wakes
from tests import factories


@pytest.fixture
def huey(app):
    return app.extensions["adapters"].queue


def queue_message(app, user, fail=False):
    """What a request does: a message written in its transaction, by the portal's own session."""
    with app.app_context(), unit_of_work(db.session):
        cause = uuid4()
        outbox.queue(
            db.session, "password_reset", merchant_id=PORTAL_ID, cause=cause, user_id=user.id, at=now()
        )
        if fail:
            raise ZeroDivisionError


def run_all(huey):
    """What a worker does until nothing is waiting; returns how many tasks it ran."""
    count = 0
    while task := huey.dequeue():
        huey.execute(task)
        count += 1
    return count


def run_periodic(huey, name):
    (task,) = [task for task in huey._registry.periodic_tasks if task.name == name]
    huey.execute(task)


def runs(session):
    session.rollback()
    return session.scalars(select(JobRun).order_by(JobRun.id)).all()


@pytest.mark.parametrize(
    ("minute", "due"),
    [
        (
            0,
            {
                "run_day",
                "settle_payments",
                "take_payments",
                "deliver_messages",
                "send_imports",
                "roll_up",
            },
        ),
        (5, {"settle_payments", "deliver_messages", "send_imports", "roll_up"}),
        (7, {"deliver_messages", "send_imports", "roll_up"}),
    ],
)
def test_the_clock_starts_each_job_at_its_minute(huey, minute, due):
    at = datetime(2026, 3, 2, 12, minute)  # noqa: DTZ001 - Huey's clock has no zone
    assert {task.name for task in huey.read_periodic(at)} == due


def test_a_commit_wakes_delivery_and_the_email_goes_out(app, session, huey, ada):
    queue_message(app, ada)
    assert run_all(huey) == 1
    session.rollback()
    assert session.scalars(select(Message.state)).all() == ["sent"]
    (run,) = runs(session)
    assert (run.job, run.counts["sent"], run.error) == ("deliver_messages", 1, None)


def test_what_comes_within_a_second_wakes_delivery_once_more_at_its_end(app, session, huey, ada):
    for _ in range(5):
        queue_message(app, ada)
    at_once, again = huey.pending()
    assert (at_once.name, at_once.eta, again.name) == ("deliver_now", None, "deliver_now")
    assert 0 < (again.eta - datetime.now(UTC).replace(tzinfo=None)).total_seconds() <= 1
    wakes = Wakes()
    assert [wakes.delay(at) for at in (5.0, 5.1, 5.9, 6.0, 6.9, 6.99)] == [0, 1, None, 0, 1, None]


def test_what_was_rolled_back_wakes_nobody(app, huey, ada):
    with pytest.raises(ZeroDivisionError):
        queue_message(app, ada, fail=True)
    assert run_all(huey) == 0


def test_when_the_queue_is_dead_the_commit_stands_and_the_minutes_delivery_makes_up(app, session, huey, ada):
    def dead(delay):
        raise ConnectionError("no queue")

    factories.replace_adapters(app, wake_delivery=dead)
    queue_message(app, ada)
    assert run_all(huey) == 0
    run_periodic(huey, "deliver_messages")
    session.rollback()
    assert session.scalars(select(Message.state)).all() == ["sent"]


def test_runs_that_found_nothing_share_a_row_that_tells_when_the_last_was(huey, session, shop):
    for job in 2 * ("deliver_messages", "settle_payments", "run_day"):
        run_periodic(huey, job)
    first = {run.job: run.started_at for run in runs(session)}
    run_periodic(huey, "run_day")
    second = {run.job: run.started_at for run in runs(session)}
    assert len(second) == len(runs(session)) == 3
    assert {job for job, at in first.items() if second[job] > at} == {"run_day"}


def test_a_run_that_did_something_or_failed_keeps_its_row(session, shop):
    idle, busy, failed = ({"sent": 0}, None), ({"sent": 2}, None), ({}, "KeyError: 'mailer'")
    for counts, error in (idle, busy, idle, idle, failed, idle):
        with unit_of_work(session):
            job_runs.record(
                session, "deliver_messages", factories.NOW.date(), factories.NOW, factories.NOW, counts, error
            )
    assert [(run.counts, run.error) for run in runs(session)] == [idle, busy, idle, failed, idle]


def test_while_a_thread_delivers_another_does_not_wait_for_it(app, session, huey, ada):
    queue_message(app, ada)
    with jobs.delivering:
        run_periodic(huey, "deliver_messages")
        session.rollback()
        assert session.scalars(select(Message.state)).all() == ["queued"]
    run_periodic(huey, "deliver_messages")
    session.rollback()
    assert session.scalars(select(Message.state)).all() == ["sent"]


def test_a_payment_without_an_answer_is_settled_by_its_job(app, session, huey, shop, ada):
    earlier = now() - timedelta(minutes=2)
    plan_id = factories.accepted_plan(session, shop, ada, now=earlier)
    factories.choose_card(session, ada, "times_out")
    factories.pay(session, ada, plan_id, now=earlier)
    run_periodic(huey, "settle_payments")
    assert factories.plan_of(session, ada, plan_id, now()).state == "completed"
    assert [run.counts["settled"] for run in runs(session)] == [1]


def test_a_job_that_fails_is_recorded_with_its_error_and_its_next_tick_does_it(app, session, huey, ada):
    queue_message(app, ada)
    emails = app.extensions["adapters"].emails
    factories.replace_adapters(app, emails=None)
    run_periodic(huey, "deliver_messages")
    factories.replace_adapters(app, emails=emails)
    run_periodic(huey, "deliver_messages")
    failed, done = runs(session)
    assert (failed.job, failed.error) == (
        "deliver_messages",
        "AttributeError: 'NoneType' object has no attribute 'write'",
    )
    assert (done.error, done.counts["sent"]) == (None, 1)


def test_the_clock_comes_as_often_as_the_admin_is_told(huey):
    day = [datetime(2026, 3, 2) + minute * timedelta(minutes=1) for minute in range(24 * 60)]  # noqa: DTZ001
    times = Counter(task.name for at in day for task in huey.read_periodic(at))
    assert {job: timedelta(days=1) / count for job, count in times.items()} == EVERY


def test_a_day_is_on_record_with_each_date_that_it_is_for_a_shop(huey, session, ada):
    """The days of these two places never are the same one."""
    here = {
        zone: now().astimezone(ZoneInfo(zone)).date() for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago")
    }
    earlier = now() - timedelta(days=3)
    for zone, today in here.items():
        shop = factories.make_merchant(session, zone[8:], now=earlier, timezone=zone)
        factories.accepted_plan(session, shop, ada, now=earlier, parts=1, first=today - timedelta(days=1))
    run_periodic(huey, "run_day")
    marked = {run.business_date: run.counts["overdue"] for run in runs(session)}
    assert {day: count for day, count in marked.items() if count} == dict.fromkeys(here.values(), 1)
    run_periodic(huey, "run_day")
    run_periodic(huey, "run_day")
    idle = Counter(run.business_date for run in runs(session) if not run.counts["overdue"])
    # For two hours a day it is three dates on Earth.
    assert idle == dict.fromkeys(marked, 1)


def test_what_goes_wrong_at_one_shop_keeps_no_other_waiting_and_is_tried_again(huey, session, ada):
    earlier = now() - timedelta(days=3)
    lost = factories.make_merchant(session, "Lost", now=earlier, timezone="UTC")
    shop = factories.make_merchant(session, "Found", now=earlier, timezone="Pacific/Kiritimati")
    factories.accepted_plan(session, shop, ada, now=earlier, parts=1, first=earlier.date())
    with unit_of_work(session):
        session.execute(update(Merchant).where(Merchant.id == lost.id).values(timezone="Atlantis/Poseidonia"))
    run_periodic(huey, "run_day")
    assert sum(run.counts.get("overdue", 0) for run in runs(session)) == 0
    assert all("Atlantis/Poseidonia" in run.error for run in runs(session))
    session.rollback()
    assert session.scalars(select(Installment.late_on)).one() is not None
    assert huey.scheduled_count() == 1


def test_runs_are_forgotten_after_thirty_days(session, shop):
    for days in (31, 29):
        with unit_of_work(session):
            at = factories.NOW - timedelta(days=days)
            job_runs.record(session, "settle_payments", at.date(), at, at, {"settled": 1})
    daily_run.run(session, factories.NOW)
    assert [run.started_at for run in runs(session)] == [factories.NOW - timedelta(days=29)]


def test_a_day_that_an_operator_runs_is_on_record_with_its_date(app, session):
    ran = app.test_cli_runner().invoke(args=["run-day", "--on", "2026-03-09"])
    assert ran.exit_code == 0, ran.output
    assert session.execute(select(JobRun.job, JobRun.business_date)).all() == [("run_day", date(2026, 3, 9))]
