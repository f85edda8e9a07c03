"""A shop that offers 5,000.00 to an address, signs up with it and accepts in the customer's place: it gets nowhere.

By pages and over the API, with and without a mail server. Without one nobody can prove an address: then everything that
tells of the acceptance says that it was not verified.
"""

from __future__ import annotations

import io

import pypdf
import pytest
from sqlalchemy import select, update

from portal.extensions import now
from portal.models import Acceptance, Installment, Payment, Plan, User
from portal.services.transaction import unit_of_work
from tests import browserlike, factories
from tests.api.conftest import Program
from tests.browserlike import text
from tests.factories import PASSWORD

ADA = "ada@example.com"
NOT_VERIFIED = "Address not verified"


@pytest.fixture(params=["with a mail server", "without"])
def verified(request):
    return request.param == "with a mail server"


@pytest.fixture
def environ(environ, verified):
    """With a mail server, of which the tests need no more than its name."""
    return environ | ({"MAIL_URL": "smtp://127.0.0.1:9"} if verified else {})


@pytest.fixture
def plan(session):
    """Of a shop that has proved its own address and knows that of its customer."""
    shop = factories.make_merchant(session, now=now())
    with unit_of_work(session):
        session.execute(update(User).where(User.id == shop.id).values(email_verified_at=now()))
    plan_id = factories.offered_plan(session, shop, ADA, now=now(), total=500000)
    session.rollback()
    return session.scalars(select(Plan).where(Plan.id == plan_id)).one()


def outcome(session):
    """The plan's state, whether an address was verified by each acceptance, and what was paid."""
    session.rollback()
    assert factories.broken_invariants(session) == []
    return (
        session.scalars(select(Plan.state)).one(),
        session.scalars(select(Acceptance.address_verified)).all(),
        session.scalars(select(Payment.amount)).all(),
    )


def test_by_the_forms_of_the_pages(client, session, plan, verified):
    about = {"role": "customer", "name": "Ada", "email": ADA, "password": PASSWORD, "password2": PASSWORD}
    page, terms_hash = f"/customer/plans/{plan.id}", plan.terms_hash
    client.submit("/signup", about)
    if verified:
        client.submit("/login", {"email": ADA, "password": PASSWORD})
    token = browserlike.form_at(client, "/customer/", "/logout")["csrf_token"]
    shown = client.get(page)
    accepted = client.post(
        f"{page}/accept", data={"csrf_token": token, "agree": "y", "terms_hash": terms_hash}
    )
    if verified:
        paid = client.post(f"{page}/pay-off", data={"csrf_token": token, "owed": "500000"})
        assert (shown.status_code, accepted.status_code, paid.status_code) == (404, 403, 404)
        assert "Verify your email address first" in text(accepted)
        assert outcome(session) == ("offered", [], [])
    else:
        assert (shown.status_code, accepted.status_code) == (200, 303)
        assert outcome(session)[:2] == ("active", [False])
        assert NOT_VERIFIED in text(client.get(f"{page}/terms"))
        statement = client.get(f"{page}/statement.pdf").get_data()
        assert NOT_VERIFIED in pypdf.PdfReader(io.BytesIO(statement)).pages[0].extract_text()


def test_over_the_api(app, session, plan, verified):
    program, path = Program(app), f"/plans/{plan.id}"
    first = session.scalars(select(Installment.id).where(Installment.number == 1)).one()
    assert program.register("ada", "customer").status_code == 201
    program.sign_in("ada")
    shown = program.get(f"{path}/")
    answers = [
        program.post(f"{path}/accept/", json={}),
        program.post(f"{path}/decline/", json={}),
        program.post(f"/plans/installments/{first}/pay/", json={}),
        program.post(f"{path}/payments/", json={"amount": "100.00"}),
    ]
    if verified:
        assert (shown.status_code, program.get("/plans/").json) == (404, [])
        assert {answer.status_code for answer in answers} <= {403, 404}
        assert {answer.json["code"] for answer in answers} <= {"email_unverified", "not_found"}
        assert outcome(session) == ("offered", [], [])
    else:
        assert shown.json["email_verified"] is None
        assert (shown.status_code, answers[0].status_code) == (200, 200)
        assert answers[0].json["email_verified"] is False
        assert program.get(f"{path}/").json["email_verified"] is False
        assert outcome(session)[:2] == ("active", [False])


def test_by_the_shops_own_account(app, client, session, plan):
    """Nobody who is a member of the shop accepts its plan, verified or not."""
    shop = session.scalars(select(User).where(User.role == "merchant")).one()
    path, terms_hash = f"/customer/plans/{plan.id}", plan.terms_hash
    program = Program(app)
    program.sign_in(shop.email)
    answer = program.post(f"/plans/{plan.id}/accept/", json={})
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")
    browserlike.sign_in(client, factories.actor(session, shop.id))
    token = browserlike.form_at(client, "/merchant/", "/logout")["csrf_token"]
    sent = {"csrf_token": token, "agree": "y", "terms_hash": terms_hash}
    assert client.post(f"{path}/accept", data=sent).status_code in (403, 404)
    assert outcome(session) == ("offered", [], [])
