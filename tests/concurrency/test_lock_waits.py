"""Whoever waits too long for a lock is told 503 with Retry-After on both engines, and pays once when it is free."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from portal import database
from portal.extensions import now
from portal.services import plans
from portal.services.transaction import unit_of_work
from tests import factories
from tests.browserlike import Forms


@pytest.fixture
def ada(session):
    return factories.make_customer(session, now=now())


@pytest.fixture
def shop(session):
    return factories.make_merchant(session, now=now())


@pytest.fixture
def plan_id(session, shop, ada):
    return factories.accepted_plan(session, shop, ada, now=now(), first=now().date())


@pytest.fixture
def impatient(monkeypatch):
    """SQLite's fifteen seconds shortened for this test; PostgreSQL's two are waited for."""
    monkeypatch.setattr(database, "SQLITE_TIMEOUT", 1)


def test_a_plan_that_is_held_too_long_is_503_and_then_paid_once(
    impatient, client, session, shop, ada, plan_id
):
    client.submit("/login", {"email": ada.email, "password": factories.PASSWORD})
    page = client.get("/customer/").get_data(as_text=True)
    form = next(form for form in Forms(page).all if "/installments/" in (form.action or ""))
    with unit_of_work(session):
        plans.lock(session, shop.id, plan_id, datetime.now(UTC))
        for headers in ({}, {"HX-Request": "true"}):
            response = client.post(form.action, data=form.fields, headers=headers)
            assert response.status_code == 503
            assert int(response.headers["Retry-After"]) > 0
        assert client.get("/customer/").status_code == 200
    assert client.post(form.action, data=form.fields).status_code == 303
    assert client.post(form.action, data=form.fields).status_code == 303
    assert factories.plan_of(session, ada, plan_id, now()).paid == 3334
    assert factories.broken_invariants(session) == []
