"""The demo: a year that is true in every book, shows every state, and is there wholly, once, or not at all."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy
from dateutil.relativedelta import relativedelta
from flask import Flask
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from config import load_settings
from portal import create_app, demo
from portal.core.calendar import business_date
from portal.core.errors import Conflict
from portal.core.reminders import COURTESIES, STEPS
from portal.core.roles import Role
from portal.demo.people import AMARA, HUGO, INVITED, MARIA, PEOPLE, SHOPS
from portal.demo.stories import HANGING, STORIES, Answer, Story
from portal.extensions import db
from portal.models import (
    Amendment,
    Base,
    Event,
    Installment,
    JobRun,
    Merchant,
    Message,
    Payment,
    Plan,
    Reminder,
    Reversal,
    User,
)
from portal.models.ledger import Posting
from portal.queries import admin, self_check
from portal.queries import merchant as merchant_queries
from portal.queries.accounts import find_actor
from portal.queries.read_models import PlanView
from portal.services import accounts, daily_run, payment_settlement
from portal.services.transaction import unit_of_work
from tests.databases import PostgresDatabase, SqliteDatabases, environment

Interrupted = tuple[dict[str, int], dict[str, int], list[tuple[object, ...]]]

# In Berlin it is the last day of March by now, in New York not yet.
NOW = datetime(2026, 3, 31, 3, 30, tzinfo=UTC)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def engine_name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def loaded(
    engine_name: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """The portal after one load, for tests that only look.

    On a database of its own: other tests empty the shared one, and may run between these on the same worker.
    """
    folder = tmp_path_factory.mktemp("demo")
    if engine_name == "sqlite":
        url = request.getfixturevalue("sqlite_databases").fresh(folder)
    else:
        url = PostgresDatabase(request.getfixturevalue("postgres_url"), folder).url
    app = create_app(load_settings(environment(folder, DATABASE_URL=url)) | {"TESTING": True})
    assert load(app)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="module")
def interrupted(sqlite_databases: SqliteDatabases, tmp_path_factory: pytest.TempPathFactory) -> Interrupted:
    """A load that was cut short: the rows before it and after it, and all that the next load told."""
    folder = tmp_path_factory.mktemp("interrupted")
    app = create_app(load_settings(environment(folder, DATABASE_URL=sqlite_databases.fresh(folder))))
    with app.app_context():
        engine = db.engine
    with Session(engine) as session:
        before = counts(session)
        session.rollback()
        with power_cut(engine, after=500), pytest.raises(KeyboardInterrupt):
            load(app)
        after = counts(session)
        session.rollback()
        assert load(app)
        told = picture(session)
    engine.dispose()
    return before, after, told


@pytest.fixture
def year(loaded: Flask) -> Iterator[Session]:
    with loaded.app_context():
        engine = db.engine
    with Session(engine) as session:
        yield session


def load(app: Flask, now: datetime = NOW) -> bool:
    with app.app_context():
        return demo.load(db.session, app.extensions["adapters"].passwords, now)


def plans_of(session: Session, email: str) -> list[PlanView]:
    user_id = session.scalars(select(User.id).where(User.email == email)).one()
    return merchant_queries.list_plans(session, find_actor(session, user_id, 1), NOW).plans


def test_every_book_is_sound(year):
    assert [finding.name for finding in self_check.run(year) if finding.broken] == []


def test_every_state_is_shown(year):
    plans = [plan for shop in SHOPS for plan in plans_of(year, shop.email)]
    assert 30 <= len(plans) <= 45
    assert Counter(plan.status for plan in plans).keys() == {
        "offered",
        "active",
        "overdue",
        "completed",
        "declined",
        "revoked",
        "expired",
        "cancelled",
        "written_off",
    }
    assert {plan.frequency for plan in plans} == {"weekly", "biweekly", "monthly"}
    lines = [line for plan in plans for line in plan.installments if plan.accepted_on]
    assert {line.status for line in lines} == {"pending", "late", "paid", "cancelled", "written_off"}
    assert any(line.paid and line.paid_on > line.due_on for line in lines)
    assert any(line.paid and line.paid_on < line.due_on for line in lines)
    assert Counter(year.scalars(select(Payment.outcome))).keys() == {"succeeded", "declined", None}


def test_a_shop_takes_cash_and_transfers_and_a_cheque_bounced(year):
    assert set(year.scalars(select(Payment.method))) == {"provider", "cash", "bank_transfer", "check"}
    bounced = year.scalars(select(Reversal)).one()
    (plan,) = (plan for plan in plans_of(year, SHOPS[0].email) if plan.description.startswith("Farmhouse"))
    assert (bounced.amount, plan.paid, plan.status) == (10000, 33000, "overdue")
    assert [line.settled for line in plan.installments] == [10000, 10000, 10000, 3000, 0, 0]


def test_dates_were_moved_and_two_proposals_wait(year):
    found = year.execute(select(Amendment.by_customer, Amendment.effect, Amendment.state))
    assert {tuple(row) for row in found} == {
        (False, "better", "in_force"),
        (False, "worse", "proposed"),
        (True, "better", "proposed"),
    }


def test_one_payment_has_no_answer_yet(year):
    hanging = year.scalars(select(Payment).where(Payment.state == "processing")).one()
    assert hanging.test_card == "times_out"
    assert timedelta(0) < NOW - hanging.created_at < payment_settlement.SETTLE_AFTER


def test_every_kind_of_person_is_there(year):
    people = {user.email: user for user in year.scalars(select(User))}
    assert people.keys() == {person.email for person in PEOPLE} | {"admin@example.com"}
    assert {email for email, user in people.items() if not user.password_hash} == {p.email for p in INVITED}
    assert len(people[MARIA.email].name) == 60
    plans = list(year.scalars(select(Plan)))
    assert {plan.currency for plan in plans if plan.customer_email == AMARA.email} == {"USD", "EUR"}


def test_an_invitation_was_claimed(year):
    plans = year.scalars(select(Plan).where(Plan.customer_email == HUGO.email)).all()
    opened = select(Event.at).where(Event.kind == "account_opened", Event.actor_id == plans[0].customer_id)
    assert min(plan.created_at for plan in plans) < year.scalars(opened).one()


def test_money_came_in_each_of_the_last_twelve_months(year):
    months = {f"{date(2026, 3, 1) - relativedelta(months=ago):%Y-%m}" for ago in range(12)}
    for shop in SHOPS:
        took = year.scalars(
            select(Posting.posted_on)
            .join(Merchant, Merchant.id == Posting.merchant_id)
            .where(Merchant.name == shop.name, Posting.debit == "cash")
        )
        assert months <= {f"{day:%Y-%m}" for day in took}


def test_letters_went_out_at_their_time_and_none_waits(year, loaded):
    messages = list(year.scalars(select(Message)))
    assert {message.state for message in messages} == {"sent"}
    assert all(message.subject and message.body for message in messages)
    assert all(
        timedelta(0) < message.sent_at - message.created_at < timedelta(minutes=1) for message in messages
    )
    assert max(message.sent_at for message in messages) <= NOW
    assert loaded.extensions["adapters"].queue.pending_count() == 0


def test_no_day_of_history_left_work_undone(year, loaded):
    """In both shops the thirtieth has come and eight o'clock is over, so its job would find nothing more."""
    before = counts(year)
    with loaded.app_context():
        done = daily_run.run(db.session, NOW, date(2026, 3, 30), at_any_hour=True)
    assert done == {"overdue": 0, "reminders": 0, "expired": 0}
    year.rollback()
    assert counts(year) == before


def test_marks_and_reminders_came_on_their_days(year):
    """History runs the daily job only where it expects work; a morning that is missing would show as a late mark."""
    marks = year.scalars(select(Event).where(Event.kind == "installment_late")).all()
    marked = {(mark.plan_id, mark.facts["number"]) for mark in marks}
    assert all(next_day(mark.facts["due_on"]) == mark.facts["day"] for mark in marks)
    paid_late = year.scalars(select(Installment).where(Installment.paid_on > Installment.due_on)).all()
    assert {(line.plan_id, line.number) for line in paid_late} < marked
    reminders = (
        select(Reminder.kind, Reminder.sent_on, Reminder.due_on, Plan.accepted_on)
        .join(Installment, Installment.id == Reminder.installment_id)
        .join(Plan, Plan.id == Installment.plan_id)
    )
    for kind, sent_on, due_on, accepted_on in year.execute(reminders):
        start = due_on if kind in COURTESIES else max(due_on, accepted_on)
        assert sent_on == start + timedelta(STEPS[kind])


def next_day(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(1)).isoformat()


def test_job_runs_are_in_order_and_recent(year):
    runs = list(year.scalars(select(JobRun).order_by(JobRun.id)))
    assert {run.job for run in runs} == {"run_day", "deliver_messages"}
    assert [run.started_at for run in runs] == sorted(run.started_at for run in runs)
    assert NOW - timedelta(days=7) < runs[0].started_at <= runs[-1].ended_at <= NOW


def test_the_daily_job_ran_in_the_last_hour(year):
    assert not any(job.overdue_by for job in admin.list_jobs(year, NOW) if job.job == "run_day")
    dates = year.scalars(select(JobRun.business_date).where(JobRun.started_at == NOW.replace(minute=0)))
    assert set(dates) == {business_date(NOW, shop.timezone) for shop in SHOPS}


def test_a_leap_year_finds_the_same_things_to_show():
    for today in (date(2028, 1, 1) + timedelta(days) for days in range(0, 366, 3)):
        accepted = [
            story
            for story in STORIES
            if story.answer is Answer.ACCEPTED and story.cancelled is None and story.written_off is None
        ]
        owed = {(today - due_on).days for story in accepted for due_on in unpaid(story, today)}
        for first, last in ((1, 30), (31, 60), (61, 90)):
            assert any(first <= days <= last for days in owed), (today, first)
        assert 0 in owed
        assert any(-7 <= days < 0 for days in owed), today
        assert len(list(unpaid(HANGING, today))) == 1, today
        for shop in SHOPS:
            paid = {
                day.strftime("%Y-%m") for s in accepted if s.shop is shop for _, day, _ in s.payments(today)
            }
            months = {(today - relativedelta(months=ago)).strftime("%Y-%m") for ago in range(1, 12)}
            assert months <= paid, (today, shop.name)


def unpaid(story: Story, today: date) -> list[date]:
    """Due dates of what is still owed; stories that pay several at once are not asked here."""
    if story.pays_off or story.skips or story.received:
        return []
    return list(story.due_dates(today))[len(list(story.payments(today))) :]


def test_everyone_listed_can_sign_in(year, loaded):
    matches = loaded.extensions["adapters"].passwords.matches
    for role, email, password in demo.sign_ins():
        user = year.scalars(select(User).where(User.email == email)).one()
        assert user.role == role
        assert matches(user.password_hash, password)
    assert {role for role, *_ in demo.sign_ins()} == set(Role)


def test_a_second_load_changes_nothing(year, loaded):
    before = counts(year)
    assert load(loaded) is False
    assert load(loaded, NOW + timedelta(days=9)) is False
    year.rollback()
    assert counts(year) == before


def test_an_interrupted_load_leaves_nothing(interrupted):
    before, after, _ = interrupted
    assert after == before


def test_the_next_load_is_the_same_year_on_either_engine(interrupted, year):
    *_, loaded_again = interrupted
    assert loaded_again == picture(year)


def test_an_address_that_is_somebody_elses_is_refused(app, session):
    with unit_of_work(session):
        accounts.create_admin(session, "admin@example.com", "not the demo's", NOW)
    before = counts(session)
    session.rollback()
    with pytest.raises(Conflict, match=r"admin@example\.com"):
        load(app)
    assert counts(session) == before


@contextlib.contextmanager
def power_cut(engine: Engine, after: int) -> Iterator[None]:
    """The program dies in front of one of the statements that it sends meanwhile."""
    left = iter(range(after))

    def count(*_: object) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    sqlalchemy.event.listen(engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", count)


def counts(session: Session) -> dict[str, int]:
    """How many rows each table has."""
    tables = Base.metadata.sorted_tables
    return {table.name: session.scalars(select(func.count()).select_from(table)).one() for table in tables}


def picture(session: Session) -> list[tuple[object, ...]]:
    """All that was told, without the ids and references that are drawn anew each time."""
    lines = (
        Plan.description,
        Plan.customer_email,
        Plan.state,
        Plan.accepted_on,
        Plan.created_at,
        Plan.updated_at,
        Installment.number,
        Installment.due_on,
        Installment.amount,
        Installment.paid,
        Installment.paid_at,
        Installment.cancelled,
        Installment.late_on,
    )
    of_plan = (Plan.merchant_id == Installment.merchant_id) & (Plan.id == Installment.plan_id)
    queries = (
        select(*lines).join(Installment, of_plan).order_by(Plan.id, Installment.number),
        select(User.email, User.name, User.created_at, User.test_card).order_by(User.id),
        select(Payment.amount, Payment.state, Payment.created_at, Payment.settled_at).order_by(Payment.id),
        select(Posting.debit, Posting.amount, Posting.posted_at, Posting.posted_on).order_by(Posting.id),
        select(Event.kind, Event.at).order_by(Event.id),
        select(Message.kind, Message.sent_at).order_by(Message.sent_at, Message.kind),
        select(JobRun.job, JobRun.started_at, JobRun.counts).order_by(JobRun.id),
    )
    return [tuple(row) for query in queries for row in session.execute(query)]
