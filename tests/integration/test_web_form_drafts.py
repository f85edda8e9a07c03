"""A form sent after its session has ended: nothing is done, and the same person finds again what was typed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from portal.extensions import now
from portal.models import UserSession
from portal.services import accounts
from portal.services.transaction import unit_of_work
from portal.web.form_drafts import DRAFT_SECONDS, LONGEST_DRAFT
from tests import factories
from tests.browserlike import Forms, sign_in, text
from tests.factories import NOW, PASSWORD

ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
BUILDER = "/merchant/plans/new"
OFFER = {
    "customer_email": "robin@example.com",
    "description": "Oak & ash <table>",
    "total_amount": "12,5",
    "num_installments": "4x",
    "frequency": "weekly",
    "first_due": "date",
    "deposit": "10%",
    "start_date": "2027-02-28",
    "valid_days": "45",
    "template_name": "Furniture",
}
NOTICE = "What you typed is back in the form"
PROMISE = "what you typed will be back in the form"


def end_session(session, person) -> None:
    """As a password that was changed elsewhere ends it; the page stays open in the browser."""
    with unit_of_work(session):
        accounts.change_password(session, person.id, factories.password_hash(), now())


def fields_of(page: str, action: str) -> dict[str, str]:
    return next(form.fields for form in Forms(page).all if form.action == action)


def refund_form(client, page: str) -> dict[str, str]:
    """The form with the button that refunds what is previewed."""
    return next(form.fields for form in Forms(text(client.get(page))).all if "preview" in form.fields)


def form_then_end(client, session, person, page: str, action: str | None = None) -> dict[str, str]:
    """The form as it was opened while its session lasted."""
    sign_in(client, person)
    fields = fields_of(text(client.get(page)), action or page)
    end_session(session, person)
    return fields


def sign_in_again(client, person, path: str) -> str:
    """Where signing in leads to."""
    fields = {"email": person.email, "password": PASSWORD}
    return client.submit(path, fields, page=path).location


def sign_in_page(client, answer) -> str:
    """The page that an answer leads to; its form posts to its own address."""
    assert answer.status_code == 303
    assert answer.location.startswith("/login")
    return answer.location


@pytest.fixture
def left_open(client, session, shop):
    """The builder's form as it was filled in and sent too late; the client stands before the sign-in page."""
    fields = form_then_end(client, session, shop, BUILDER)
    return sign_in_page(client, client.post(BUILDER, data=fields | OFFER))


def test_the_builder_keeps_what_was_typed_and_sends_nothing(client, session, shop, left_open):
    before = factories.row_counts(session)["plans"]
    assert left_open == f"/login?next={BUILDER}"
    assert PROMISE in text(client.get(left_open))
    assert client.submit(left_open, {"email": shop.email, "password": "a wrong guess"}).status_code == 422
    assert sign_in_again(client, shop, left_open) == BUILDER
    page = text(client.get(BUILDER))
    shown = fields_of(page, BUILDER)
    for name in ("customer_email", "total_amount", "num_installments", "start_date", "description"):
        assert shown[name] == OFFER[name]
    assert '<option selected value="weekly">' in page
    assert NOTICE in page
    assert factories.row_counts(session)["plans"] == before


@ON_SQLITE
def test_what_was_typed_is_shown_once(client, shop, left_open):
    sign_in_again(client, shop, left_open)
    client.get("/merchant/settings")
    assert "robin@example.com" in text(client.get(BUILDER))
    again = text(client.get(BUILDER))
    assert "robin@example.com" not in again
    assert NOTICE not in again


@ON_SQLITE
def test_nobody_else_on_this_browser_sees_it(client, session, shop, left_open):
    other = factories.make_merchant(session, "Other Shop")
    assert sign_in_again(client, other, left_open) == BUILDER
    page = text(client.get(BUILDER))
    assert "robin@example.com" not in page
    assert NOTICE not in page
    client.submit("/logout", {}, page="/account")
    sign_in(client, shop)
    assert "robin@example.com" not in text(client.get(BUILDER))


@ON_SQLITE
def test_after_an_hour_it_is_forgotten(client, shop, left_open):
    with client.session_transaction() as held:
        held["form_draft"]["at"] -= DRAFT_SECONDS + 1
        held.modified = True
    assert PROMISE not in text(client.get(left_open))
    sign_in_again(client, shop, left_open)
    page = text(client.get(BUILDER))
    assert "robin@example.com" not in page
    assert NOTICE not in page


@ON_SQLITE
@pytest.mark.parametrize(
    "later", [(BUILDER, "x" * LONGEST_DRAFT), ("/account/password", "")], ids=["a heap", "a password"]
)
def test_a_later_form_that_is_not_kept_takes_the_place_of_an_earlier_one(client, session, shop, later):
    page, description = later
    fields = form_then_end(client, session, shop, BUILDER) | OFFER
    assert PROMISE in text(client.get(sign_in_page(client, client.post(BUILDER, data=fields))))
    answer = client.post(page, data=fields | {"description": description})
    assert PROMISE not in text(client.get(sign_in_page(client, answer)))


@ON_SQLITE
def test_a_form_that_was_left_open_overnight_is_kept_too(client, session, shop):
    sign_in(client, shop)
    opened = client.get(BUILDER)
    cookie = client.get_cookie("session")
    assert cookie.expires > now() + timedelta(days=6)
    with unit_of_work(session):
        session.execute(update(UserSession).values(created_at=NOW, ends_at=now()))
    path = sign_in_page(client, client.post(BUILDER, data=fields_of(text(opened), BUILDER) | OFFER))
    sign_in_again(client, shop, path)
    assert "robin@example.com" in text(client.get(BUILDER))


@ON_SQLITE
def test_a_preview_that_comes_too_late_keeps_it_too(client, session, shop):
    fields = form_then_end(client, session, shop, BUILDER)
    answer = client.post("/merchant/plans/preview", data=fields | OFFER, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, f"/login?next={BUILDER}")
    sign_in_again(client, shop, answer.headers["HX-Redirect"])
    assert "robin@example.com" in text(client.get(BUILDER))


def test_settings_and_the_name_of_an_account_are_kept(client, session, shop):
    for page, field in (("/merchant/settings", "support_email"), ("/account", "name")):
        fields = form_then_end(client, session, shop, page)
        path = sign_in_page(client, client.post(page, data=fields | {field: "typed@"}))
        assert sign_in_again(client, shop, path) == page
        assert fields_of(text(client.get(page)), page)[field] == "typed@"
        assert fields_of(text(client.get(page)), page)[field] != "typed@"
        client.submit("/logout", {}, page="/account")


def test_the_amount_of_a_refund_is_kept_and_previewed_anew(client, session, shop, ada, plan):
    factories.pay(session, ada, plan.id, 1, now=now())
    page = f"/merchant/plans/{plan.id}/refund"
    sign_in(client, shop)
    old = refund_form(client, f"{page}?amount=70")
    end_session(session, shop)
    path = sign_in_page(client, client.post(page, data=old))
    assert sign_in_again(client, shop, path) == page
    new = refund_form(client, page)
    assert (new["amount"], new["preview"]) == (old["amount"], old["preview"])
    assert new["key"] != old["key"]
    assert factories.plan_of(session, ada, plan.id, now()).owed == 6666


@ON_SQLITE
def test_neither_passwords_nor_cards_nor_keys_nor_heaps_are_kept(client, session, shop):
    fields = form_then_end(client, session, shop, BUILDER)
    client.post(BUILDER, data=fields | OFFER | {"description": "4111 1111 1111 1111", "password": "secret"})
    with client.session_transaction() as held:
        assert set(held["form_draft"]["fields"]) == set(OFFER) - {"description"}
        del held["form_draft"]
    client.post(BUILDER, data=fields | OFFER | {"description": "x" * LONGEST_DRAFT})
    with client.session_transaction() as held:
        assert "form_draft" not in held


@ON_SQLITE
def test_the_most_that_is_kept_fits_into_a_cookie(client, session, shop):
    """The server warns of a cookie that browsers drop, and here a warning is an error."""
    fields = form_then_end(client, session, shop, BUILDER)
    signs = "".join(chr(0x4E00 + 37 * k) for k in range((LONGEST_DRAFT - 250) // 6))
    client.post(BUILDER, data=fields | OFFER | {"description": signs})
    with client.session_transaction() as held:
        assert held["form_draft"]["fields"]["description"] == signs


@ON_SQLITE
def test_a_page_that_only_answers_forms_is_not_gone_back_to(client, session, shop, ada, plan):
    """After a refused payment the browser stands at the form's address, which cannot be opened."""
    pay = f"/customer/installments/{plan.installments[0].id}/pay"
    sign_in(client, ada)
    fields = fields_of(text(client.get("/customer/")), pay)
    end_session(session, ada)
    for came_from, target in (
        (pay, "/login"),
        ("/customer/", "/login?next=/customer/"),
        ("/nothing", "/login"),
    ):
        answer = client.post(pay, data=fields, headers={"Referer": f"http://localhost{came_from}"})
        assert (answer.status_code, answer.location) == (303, target)
