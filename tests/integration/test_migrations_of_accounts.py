"""Migrations of accounts with rows in them, up and down on both engines: teams, and accounts that were closed."""

from datetime import timedelta

import flask_migrate
import pytest
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import IntegrityError

from portal.core.errors import Conflict
from portal.extensions import db
from portal.models import Member, MemberInvitation, User
from portal.services import accounts, closing, joining, shops, team
from portal.services.transaction import unit_of_work
from tests import factories
from tests.databases import MIGRATIONS
from tests.factories import NOW
from tests.integration.test_migrations import described, every_row, migrated

__all__ = ["migrated"]


def invited(shop, email, role="seller", at=NOW):
    """Invite somebody; returns the id that the link of the email holds."""
    with unit_of_work(db.session):
        team.invite(db.session, shop, email, role, at)
    link = select(MemberInvitation.link_id).join(User, User.id == MemberInvitation.user_id)
    found = db.session.scalars(link.where(User.email == email)).one()
    db.session.rollback()
    return found


def test_a_team_stays_when_invitations_are_taken_back_and_whoever_waited_is_invited_again(migrated):
    shop, sam = factories.make_merchant(db.session), factories.make_customer(db.session, "Sam Seller")
    link = invited(shop, sam.email)
    with unit_of_work(db.session):
        joining.join(db.session, link, sam.id, NOW, verify=False)
    waiting = invited(shop, "new.seller@example.com")
    members = select(Member.merchant_id, Member.user_id, Member.role).order_by(Member.role)
    team_before = db.session.execute(members).all()
    assert [role for *_, role in team_before] == ["owner", "seller"]
    users = every_row()["users"]
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0033_amendments")
    assert "member_invitations" not in inspect(db.engine).get_table_names()
    flask_migrate.upgrade(directory=MIGRATIONS)
    assert db.session.execute(members).all() == team_before
    assert (every_row()["member_invitations"], every_row()["users"]) == (0, users)
    with pytest.raises(Conflict), unit_of_work(db.session):
        joining.find(db.session, waiting, NOW)
    assert invited(shop, "new.seller@example.com", at=NOW + timedelta(seconds=1)) != waiting
    assert factories.broken_invariants(db.session) == []


def test_accounts_and_shops_go_on_when_closing_is_taken_back_before_anybody_closed_one(migrated):
    shop, ada = factories.make_merchant(db.session), factories.make_customer(db.session)
    plan_id = factories.accepted_plan(db.session, shop, ada)
    admin, gone = factories.make_admin(db.session), factories.make_customer(db.session, "Gone Person")
    with unit_of_work(db.session):
        accounts.deactivate(db.session, admin, gone.id, NOW)
        shops.require_second_factor(db.session, shop, True, NOW)
    before, people = described(), select(User.id, User.password_hash, User.deactivated_at).order_by(User.id)
    rows = db.session.execute(people).all()
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0037_imports")
    assert "closed_at" not in {column["name"] for column in inspect(db.engine).get_columns("users")}
    flask_migrate.upgrade(directory=MIGRATIONS)
    assert described() == before
    assert db.session.execute(people).all() == rows
    # That a shop required a second factor is forgotten by the step back, and it says so again.
    assert not factories.actor(db.session, shop.id).shop_needs_second_factor
    assert factories.plan_of(db.session, ada, plan_id).owed == 10000
    assert factories.broken_invariants(db.session) == []


def test_a_closed_account_stops_the_step_back_and_the_database_keeps_it_closed(migrated, caplog):
    factories.make_merchant(db.session)
    ada = factories.make_customer(db.session)
    with unit_of_work(db.session):
        closing.close(db.session, ada, NOW)
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0038_closed_accounts")
    before = described(), every_row()
    with pytest.raises(SystemExit):
        flask_migrate.downgrade(directory=MIGRATIONS, revision="-1")
    assert "There are closed accounts" in caplog.text
    assert (described(), every_row()) == before
    with pytest.raises(IntegrityError, match="ck_users_closed_at"), db.engine.begin() as connection:
        connection.execute(text("UPDATE users SET password_hash = 'x' WHERE closed_at IS NOT NULL"))
    flask_migrate.upgrade(directory=MIGRATIONS)
    assert db.session.scalars(select(User.name).where(User.closed_at.is_not(None))).all() == [closing.NAME]
    assert factories.broken_invariants(db.session) == []
