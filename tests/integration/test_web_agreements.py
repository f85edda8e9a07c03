"""What was agreed stays readable for ever, by both parties and nobody else, and the page checks its hash anew."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import select, text, update

from portal.extensions import now
from portal.models import Acceptance
from portal.services import plans
from portal.services.transaction import unit_of_work
from tests import factories
from tests.browserlike import sign_in
from tests.browserlike import text as words

HOLDS = "Checked just now: this text is the one that was accepted"


@pytest.fixture
def plan(session, shop, ada):
    return factories.accepted_plan(session, shop, ada, now=now(), first=now().date())


@pytest.mark.parametrize("party", ["customer", "merchant"])
def test_both_parties_read_the_terms_and_the_evidence(session, client, shop, ada, plan, party):
    sign_in(client, ada if party == "customer" else shop)
    page = words(client.get(f"/{party}/plans/{plan}/terms"))
    kept = session.scalars(select(Acceptance)).one()
    assert all(part in page for part in (HOLDS, kept.terms_hash, ada.email, "$33.34", "Paying early"))
    assert f"/{party}/plans/{plan}/terms" in client.get(f"/{party}/plans/{plan}").get_data(as_text=True)


@pytest.mark.parametrize("party", ["customer", "merchant"])
def test_the_text_can_be_taken_away_and_hashed_by_anybody(session, client, shop, ada, plan, party):
    sign_in(client, ada if party == "customer" else shop)
    taken = client.get(f"/{party}/plans/{plan}/terms.json")
    assert taken.mimetype == "application/json"
    assert hashlib.sha256(taken.data).hexdigest() == session.scalars(select(Acceptance.terms_hash)).one()


@pytest.mark.parametrize("database_role", ["owner"])
def test_a_text_that_was_tampered_with_is_not_said_to_hold(session, client, ada, plan, database_role):
    sign_in(client, ada)
    # Only the owner of the tables can take the trigger away.
    on_table = " ON acceptances" if session.get_bind().dialect.name == "postgresql" else ""
    with unit_of_work(session):
        session.execute(text(f"DROP TRIGGER acceptances_refuse_update{on_table}"))
    agreed = session.scalars(select(Acceptance.terms)).one()
    rewrite(session, agreed.replace("free", "dear"))
    page = words(client.get(f"/customer/plans/{plan}/terms"))
    rewrite(session, agreed)
    assert HOLDS not in page
    assert "this text is not the one that was accepted" in page


def rewrite(session, terms):
    with unit_of_work(session):
        session.execute(update(Acceptance).values(terms=terms))


def test_they_stay_when_the_plan_is_cancelled(session, client, shop, ada, plan):
    with unit_of_work(session):
        plans.cancel(session, shop, plan, None, now())
    sign_in(client, ada)
    assert HOLDS in words(client.get(f"/customer/plans/{plan}/terms"))


def test_what_was_never_accepted_has_no_such_page(session, client, shop, ada):
    offered = factories.offered_plan(session, shop, ada.email, now=now(), first=now().date())
    sign_in(client, ada)
    assert client.get(f"/customer/plans/{offered}/terms").status_code == 404


def test_what_others_agreed_is_not_there(session, client, plan):
    sign_in(client, factories.make_customer(session, "Ben Buyer", now=now()))
    for page in ("terms", "terms.json"):
        assert client.get(f"/customer/plans/{plan}/{page}").status_code == 404
