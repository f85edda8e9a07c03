"""What pages, API and jobs send to PostgreSQL keeps to one shop, so that shops may be on different machines."""

from __future__ import annotations

from datetime import timedelta

import flask
import pytest
import sqlalchemy
from sqlalchemy import select

from portal.adapters import calendar_tokens
from portal.core.roles import Role
from portal.extensions import now
from portal.models import User
from portal.services import calendars
from portal.services.transaction import unit_of_work
from tests import factories, tenants
from tests.databases import Superuser
from tests.integration.api_changes import change_by_the_api
from tests.integration.every_form import forms_of
from tests.integration.test_web_guards import (
    guarded_rules,
    opened_by,
    paths,
    person_of,
    send,
    signed_in,
    world,  # noqa: F401 - a fixture
)

ENDS = ("/logout", "/account/close", "/account/deactivate", "/language")


@pytest.fixture
def watch(app):
    watch = tenants.Watch()
    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", watch.note)
    yield watch
    sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", watch.note)
    watch.close()


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_all_statements_name_their_shop_but_for_a_written_list(app, session, world, watch):  # noqa: F811
    open_every_page(app, world)
    ask_the_api(app, world)
    called = []
    with flask.request_started.connected_to(lambda *_, **__: called.append(flask.request.endpoint)):
        change_by_the_api(app, world.shop, world.ada)
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/")]
    assert {rule.endpoint for rule in rules if "POST" in rule.methods} - set(called) == set()
    read_a_calendar(app, session, world)
    send_every_form(app, world)
    work(app)
    assert watch.faults == []
    unlisted = watch.asks_all.keys() - tenants.ASK_ALL_SHOPS.keys()
    assert {asker: watch.asks_all[asker] for asker in unlisted} == {}
    # So that the list holds none that has been mended.
    assert tenants.ASK_ALL_SHOPS.keys() - watch.asks_all.keys() == set()


JOINED = "SELECT 1 FROM plans JOIN installments ON installments.merchant_id = plans.merchant_id WHERE "


@pytest.mark.parametrize(
    ("statement", "asks_all", "faults"),
    [
        ("SELECT id FROM plans WHERE merchant_id = {id}", False, []),
        ("SELECT id FROM plans WHERE reference = 'x'", True, []),
        ("SELECT id FROM plans WHERE merchant_id = {id} OR reference = 'x'", True, []),
        (JOINED + "plans.merchant_id = {id}", False, []),
        (JOINED + "plans.reference = 'x'", True, []),
        ("SELECT 1 FROM plans JOIN members USING (merchant_id) WHERE members.user_id = {id}", True, []),
        (
            "SELECT 1 FROM plans JOIN installments ON installments.plan_id = plans.id WHERE plans.merchant_id = {id}",
            True,
            ["joins"],
        ),
        ("SELECT id FROM plans WHERE id = {id} FOR UPDATE", True, ["changes"]),
        ("SELECT id FROM plans WHERE id = {id} AND merchant_id = {id} FOR UPDATE", False, []),
        ("UPDATE plans SET description = '' WHERE id = {id}", True, ["changes"]),
        ("UPDATE plans SET description = '' WHERE id = {id} AND merchant_id = {id}", False, []),
        ("DELETE FROM plans WHERE reference = 'x'", True, ["changes"]),
    ],
)
@pytest.mark.parametrize("scans", ["on", "off"])
def test_a_statement_that_leaves_its_shop_is_told(postgres_database, statement, asks_all, faults, scans):
    """However PostgreSQL plans it: by a scan of the table, or by indexes alone."""
    asked = statement.format(id="'00000000-0000-0000-0000-000000000001'")
    with Superuser(postgres_database.owner_url) as owner:
        owner(f"SET enable_seqscan = {scans}")
        plan = tenants.plan_of(owner(f"EXPLAIN (VERBOSE, FORMAT JSON) {asked}")[0][0][0]["Plan"])
    assert bool(plan.untied) == asks_all
    assert [fault.split()[0] for fault in plan.faults()] == faults


def open_every_page(app, world):  # noqa: F811
    for role in (None, *Role):
        client = signed_in(app, person_of(world, role)) if role else app.test_client()
        for rule in guarded_rules(app):
            roles = opened_by(app, rule)
            if "GET" in rule.methods and (role in roles or not roles) and rule.endpoint != "static":
                for path in paths(app, rule, world)[:2]:
                    assert client.get(path, buffered=True).status_code < 500, path


def send_every_form(app, world):  # noqa: F811
    customer = signed_in(app, world.ada)
    for rule in [rule for rule in guarded_rules(app) if "installment_id" in rule.arguments]:
        for path in paths(app, rule, world):
            # Without what the form would have sent.
            assert send(customer, "POST", path).status_code < 500, path
    for role in (None, *Role):
        for form in list(forms_of(app, world, role)):
            if not form.action.startswith(ENDS):
                assert form.send()().status_code < 500, form.action


def ask_the_api(app, world):  # noqa: F811
    with app.test_request_context():
        rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/")]
    for person in (world.shop, world.ada):
        client = app.test_client()
        given = {"username": person.email, "password": factories.PASSWORD}
        token = client.post("/api/token/", json=given).json["access"]
        for rule in rules:
            if "GET" in rule.methods and rule.arguments <= world.ids.keys():
                for path in paths(app, rule, world)[:2]:
                    answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
                    assert answer.status_code < 500, path


def read_a_calendar(app, session, world):  # noqa: F811
    with unit_of_work(session):
        calendars.open_calendar(session, world.ada, now())
    key = session.scalar(select(User.calendar_key).where(User.id == world.ada.id))
    token = calendar_tokens.make(app.config["SECRET_KEY"], world.ada.id, key)
    assert app.test_client().get(f"/calendar/{token}.ics").status_code == 200


def work(app):
    """What the worker does, and the operator."""
    huey = app.extensions["adapters"].queue
    for task in huey._registry.periodic_tasks:
        huey.execute(task)
    later = now() + timedelta(days=35)
    for command in (["run-day", "--on", f"{later:%Y-%m-%d}"], ["self-check"]):
        assert app.test_cli_runner().invoke(args=command).exit_code == 0
