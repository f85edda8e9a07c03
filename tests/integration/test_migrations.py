"""Migrations go up, down and up again on both engines, and what they make is what the models describe."""

import json
import re
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, inspect, select, text, update
from sqlalchemy.exc import IntegrityError

from config import load_settings
from portal import create_app
from portal.adapters.payments.simulator import Simulator
from portal.core.roles import PORTAL_ID
from portal.extensions import db
from portal.models import (
    DueRollup,
    Installment,
    Member,
    Merchant,
    Message,
    Plan,
    PlanWords,
    Reminder,
    SecondFactor,
    User,
)
from portal.models.ledger import Allocation, Posting, RefundAllocation
from portal.models.search import is_described
from portal.queries import merchant, metrics
from portal.queries.merchant import PlanListQuery
from portal.queries.sessions import find_session
from portal.services import accounts, imports, outbox, refunds, rollups
from portal.services.transaction import unit_of_work
from tests import factories
from tests.databases import MIGRATIONS, environment


@pytest.fixture
def migrated(engine_name, request, tmp_path):
    """The portal on a database of this test's own, which it may take apart."""
    made_by = {"sqlite": "sqlite_databases", "postgres": "postgres_database"}[engine_name]
    url = request.getfixturevalue(made_by).copy(tmp_path)
    app = create_app(load_settings(environment(tmp_path, DATABASE_URL=url)) | {"TESTING": True})
    with app.app_context():
        yield
        db.session.remove()
        db.engine.dispose()


def described():
    """Tables, constraints, indexes and triggers, as the database tells them."""
    if db.engine.dialect.name == "sqlite":
        query = "SELECT type, tbl_name, name, sql FROM sqlite_master"
    else:
        query = """
            SELECT 'c', conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
            UNION ALL SELECT 'i', tablename::text, indexname::text, indexdef FROM pg_indexes WHERE schemaname = 'public'
            UNION ALL SELECT 't', tgrelid::regclass::text, tgname::text, pg_get_triggerdef(oid) FROM pg_trigger
            WHERE NOT tgisinternal
        """
    with db.engine.connect() as connection:
        return sorted(str(tuple(row)) for row in connection.execute(text(query)))


def test_up_down_and_up_again_ends_where_it_began(migrated):
    first = described()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="base")
    assert set(inspect(db.engine).get_table_names()) == {"alembic_version"}
    flask_migrate.upgrade(directory=MIGRATIONS)
    assert described() == first
    assert db.session.scalars(select(Merchant.id)).all() == [PORTAL_ID]


def test_each_step_down_can_be_taken_up_again(migrated):
    steps = len(list(Path(MIGRATIONS, "versions").glob("*.py")))
    for _ in range(steps):
        flask_migrate.downgrade(directory=MIGRATIONS, revision="-1")
        flask_migrate.upgrade(directory=MIGRATIONS, revision="+1")
        flask_migrate.downgrade(directory=MIGRATIONS, revision="-1")
    flask_migrate.upgrade(directory=MIGRATIONS)


def test_the_database_is_what_the_models_describe(migrated):
    with db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": is_described}
        )
        assert compare_metadata(context, db.metadata) == []


def test_every_check_of_the_models_is_in_the_database_under_its_name(migrated):
    catalogue = inspect(db.engine)
    for table in db.metadata.sorted_tables:
        declared = {str(c.name) for c in table.constraints if isinstance(c, CheckConstraint)}
        assert {c["name"] for c in catalogue.get_check_constraints(table.name)} == declared


def test_a_step_that_is_taken_back_leaves_the_rows_of_earlier_steps(migrated):
    shop = factories.make_merchant(db.session)
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0001_users")
    assert set(db.session.scalars(select(Merchant.id))) == {PORTAL_ID, shop.id}
    db.session.remove()
    flask_migrate.upgrade(directory=MIGRATIONS)
    assert factories.actor(db.session, shop.id) == shop


def test_the_sums_behind_the_numbers_are_counted_from_what_is_there(migrated):
    shop, ada = factories.make_merchant(db.session), factories.make_customer(db.session)
    factories.pay(db.session, ada, factories.accepted_plan(db.session, shop, ada), 1)
    factories.offered_plan(db.session, shop, ada.email)
    shown = metrics.dashboard(db.session, shop, factories.NOW)
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0006_frozen_terms")
    flask_migrate.upgrade(directory=MIGRATIONS)
    assert metrics.dashboard(db.session, shop, factories.NOW) == shown
    assert (shown.total_revenue, shown.outstanding) == (3334, 6666)
    assert factories.broken_invariants(db.session) == []


def test_reminders_that_were_sent_before_count(migrated):
    shop, ada = factories.make_merchant(db.session), factories.make_customer(db.session)
    plan_id = factories.accepted_plan(db.session, shop, ada, parts=2)
    first, second = factories.plan_of(db.session, ada, plan_id).installments
    for line, kind in ((first, "due_soon"), (first, "overdue_1"), (second, "due_soon")):
        more = {"merchant_id": shop.id, "cause": line.id, "user_id": ada.id, "plan_id": plan_id}
        with unit_of_work(db.session):
            outbox.queue(db.session, kind, at=factories.NOW, **more)
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0011_early_reminders")
    flask_migrate.upgrade(directory=MIGRATIONS)
    rows = db.session.execute(
        select(Reminder.installment_id, Reminder.due_on, Reminder.kind, Reminder.sent_on)
    )
    assert {tuple(row) for row in rows} == {
        (first.id, first.due_on, "due_soon", factories.TODAY),
        (first.id, first.due_on, "overdue_1", factories.TODAY),
        (second.id, second.due_on, "due_soon", factories.TODAY),
    }


def test_of_usernames_that_are_the_same_now_the_oldest_account_keeps_it(migrated):
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0014_undelivered")
    texts = ["email", "username", "name", "role", "session_version", "language", "test_card"]
    users = sa.table(
        "users",
        *map(sa.column, texts),
        sa.column("id", sa.Uuid()),
        sa.column("created_at", sa.DateTime(timezone=True)),
    )
    names = ["Ada", "\uff21\uff44\uff41", "Stra\u00dfe", "STRASSE", "\u00e9lan", "e\u0301lan", "\ufdfa" * 20]
    with unit_of_work(db.session):
        for number, name in enumerate(names):
            row = {
                "id": UUID(int=number + 1),
                "email": f"{number}@example.com",
                "username": name,
                "name": name,
            }
            row |= {"role": "customer", "session_version": 1, "language": "en", "test_card": "succeeds"}
            db.session.execute(
                users.insert().values(created_at=factories.NOW + timedelta(days=number), **row)
            )
    flask_migrate.upgrade(directory=MIGRATIONS)
    kept = db.session.execute(select(User.username, User.username_key).order_by(User.created_at)).all()
    assert kept == [
        ("Ada", "ada"),
        ("1@example.com", "1@example.com"),
        ("Stra\u00dfe", "strasse"),
        ("3@example.com", "3@example.com"),
        ("\u00e9lan", "\u00e9lan"),
        ("5@example.com", "5@example.com"),
        ("6@example.com", "6@example.com"),
    ]
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0014_undelivered")
    flask_migrate.upgrade(directory=MIGRATIONS)
    again = select(User.username, User.username_key).order_by(User.created_at)
    assert db.session.execute(again).all() == kept


def test_money_keeps_the_installments_it_belongs_to_when_the_ledger_is_taken_back_and_made_again(migrated):
    shop, ada = factories.make_merchant(db.session), factories.make_customer(db.session)
    plan_id = factories.accepted_plan(db.session, shop, ada)
    for number in (1, 2):
        factories.pay(db.session, ada, plan_id, number)
    for amount in (5000, 1200):
        made = refunds.refund(
            db.session, Simulator(), shop, refunds.Request(plan_id, amount), None, factories.NOW
        )
    waiting = factories.accepted_plan(db.session, shop, ada)
    factories.choose_card(db.session, ada, "times_out")
    factories.pay(db.session, ada, waiting)
    before = rows_of(Installment, Allocation, RefundAllocation, Posting, DueRollup)
    assert all(before)
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0018_sessions")
    splits = db.session.execute(text("SELECT split FROM refunds ORDER BY id")).scalars().all()
    split = splits[-1] if isinstance(splits[-1], dict) else json.loads(splits[-1])
    assert split == made.split
    assert split["returned"]
    db.session.remove()
    flask_migrate.upgrade(directory=MIGRATIONS)
    assert rows_of(Installment, Allocation, RefundAllocation, Posting, DueRollup) == before
    assert factories.broken_invariants(db.session) == []


def rows_of(*models):
    """Every row of these tables, in the order of their keys, as it is after the deltas were rolled up."""
    rollups.roll_up(db.session)
    tables = [model.__table__ for model in models]
    rows = [db.session.execute(select(table).order_by(*table.primary_key)).all() for table in tables]
    db.session.remove()
    return rows


def reversed_payment(session, shop, ada, plan_id):
    factories.reverse(session, shop, plan_id, factories.record(session, shop, plan_id, 4000))


def reasoned_refund(session, shop, ada, plan_id):
    factories.refund(session, shop, plan_id, 1000, reason="A scratch")


def recovery(session, shop, ada, plan_id):
    factories.write_off(session, shop, plan_id)
    factories.record(session, shop, plan_id, 4000, recovery=True)


def second_factor(session, shop, ada, plan_id):
    with unit_of_work(session):
        row = SecondFactor(user_id=ada.id, secret="sealed", last_step=0, created_at=factories.NOW)
        session.add(row)


def passkey(session, shop, ada, plan_id):
    factories.make_passkey(session, ada)


def waiting_import(session, shop, ada, plan_id):
    with unit_of_work(session):
        columns = "email,description,total,installments,first_due"
        rows = f"{columns}\nada@example.com,Oak table,100.00,2,2026-03-31\n".encode()
        imports.send(session, shop, imports.draft(session, shop, rows, ".", factories.NOW), factories.NOW)


def own_lines(session, shop, ada, plan_id):
    factories.own_offer(
        session, shop, ada, (4000, factories.TODAY), (6000, factories.TODAY + timedelta(days=9))
    )


def saved_template(session, shop, ada, plan_id):
    factories.save_template(session, shop)


@pytest.mark.parametrize(
    ("does", "stays_at", "says"),
    [
        (saved_template, "0047_plan_templates", "There are templates of plans"),
        (own_lines, "0039_own_lines", "There are plans with lines of their own"),
        (waiting_import, "0037_imports", "There are rows of imports that wait"),
        (reversed_payment, "0024_reversals", "There are reversals"),
        (reasoned_refund, "0024_reversals", "There are refunds with a reason"),
        (recovery, "0029_recoveries", "There are recoveries"),
        (second_factor, "0031_second_factor", "There are second factors"),
        (passkey, "0036_passkeys", "There are passkeys"),
    ],
)
def test_a_step_back_that_would_lose_what_people_did_refuses_and_changes_nothing(
    migrated, caplog, does, stays_at, says
):
    shop, ada = factories.make_merchant(db.session), factories.make_customer(db.session)
    does(db.session, shop, ada, factories.accepted_plan(db.session, shop, ada))
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision=stays_at)
    before = described(), every_row()
    with pytest.raises(SystemExit):
        flask_migrate.downgrade(directory=MIGRATIONS, revision="-1")
    assert says in caplog.text
    assert (described(), every_row()) == before
    flask_migrate.upgrade(directory=MIGRATIONS)
    assert factories.broken_invariants(db.session) == []


def every_row():
    """How many rows each table has."""
    with db.engine.connect() as connection:
        names = sorted(inspect(connection).get_table_names())
        return {name: connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in names}


def test_whoever_opened_a_shop_owns_it_and_goes_on_in_the_sessions_that_are_open(migrated):
    shop, ada = factories.make_merchant(db.session), factories.make_customer(db.session)
    plan_id = factories.offered_plan(db.session, shop, ada.email)
    opened = {factories.open_session(db.session, person): person for person in (shop, ada)}
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0029_recoveries")
    assert "members" not in inspect(db.engine).get_table_names()
    flask_migrate.upgrade(directory=MIGRATIONS)
    members = db.session.execute(select(Member.merchant_id, Member.user_id, Member.role)).all()
    assert members == [(shop.id, shop.id, "owner")]
    for session_id, person in opened.items():
        assert find_session(db.session, session_id, factories.NOW).actor == person
    assert db.session.get_one(Plan, (shop.id, plan_id)).created_by == shop.id
    assert factories.broken_invariants(db.session) == []


def test_a_shop_that_has_sent_an_offer_keeps_its_currency_and_another_may_change_it(migrated):
    shop, fresh = factories.make_merchant(db.session), factories.make_merchant(db.session, name="Fresh Shop")
    factories.offered_plan(db.session, shop, "ada.buyer@example.com")
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0031_second_factor")
    flask_migrate.upgrade(directory=MIGRATIONS)
    fixed = dict(db.session.execute(select(Merchant.id, Merchant.currency_fixed_at)).all())
    assert fixed == {shop.id: factories.NOW, fresh.id: None, PORTAL_ID: None}
    to_dinar = update(Merchant).values(currency="KWD")
    with pytest.raises(IntegrityError, match="merchants_keep_currency"), unit_of_work(db.session):
        db.session.execute(to_dinar.where(Merchant.id == shop.id))
    with unit_of_work(db.session):
        db.session.execute(to_dinar.where(Merchant.id == fresh.id))


def test_emails_keep_their_text_while_their_html_goes_and_comes(migrated):
    shop = factories.make_merchant(db.session)
    factories.offered_plan(db.session, shop, "ada.buyer@example.com")
    sent = {"state": "sent", "sent_at": factories.NOW, "body": "An offer", "html": "<p>An offer"}
    with unit_of_work(db.session):
        db.session.execute(update(Message).values(sent))
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0048_triggers_say_their_names")
    flask_migrate.upgrade(directory=MIGRATIONS)
    assert db.session.execute(select(Message.body, Message.html)).all() == [("An offer", None)]


def test_plans_that_are_there_are_searched_by_the_words_that_services_write(migrated):
    shop, zoe = factories.make_merchant(db.session), factories.make_customer(db.session)
    with unit_of_work(db.session):
        accounts.change_profile(db.session, zoe, "Zoë Łąka", "en", "succeeds", factories.NOW)
    zoe = factories.actor(db.session, zoe.id)
    factories.accepted_plan(db.session, shop, zoe, description="Fahrräder für alle", total=125050)
    factories.offered_plan(db.session, shop, "kunde@bücher.example", description="自転車")
    written = db.session.execute(select(PlanWords.__table__).order_by(PlanWords.plan_id)).all()
    assert len(written) == 2
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0034_teams")
    assert "plan_words" not in inspect(db.engine).get_table_names()
    flask_migrate.upgrade(directory=MIGRATIONS)
    assert db.session.execute(select(PlanWords.__table__).order_by(PlanWords.plan_id)).all() == written
    for search in ("zoe laka", "rader 1,250.50", "自転車"):
        listing = PlanListQuery(search=search)
        assert len(merchant.list_plans(db.session, shop, factories.NOW, listing).plans) == 1, search


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_migrations_are_numbered_and_each_follows_the_one_before(engine_name):
    scripts = sorted(Path(MIGRATIONS, "versions").glob("*.py"))
    before = None
    for number, script in enumerate(scripts, start=1):
        assert script.name.startswith(f"{number:04d}_")
        named = dict(re.findall(r'^(\w*revision) = "?([\w]+)"?$', script.read_text(), re.MULTILINE))
        assert named == {"revision": script.stem, "down_revision": str(before)}
        before = script.stem
