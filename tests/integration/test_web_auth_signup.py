"""Signing up over HTTP: both roles, every fault named at once, and nothing typed is lost but the passwords."""

from __future__ import annotations

import io
import re

import pytest
from markupsafe import escape

from portal.core.roles import Role
from portal.queries import admin
from tests import factories
from tests.browserlike import Forms
from tests.factories import PASSWORD

GOOD = {
    "role": "merchant",
    "name": "Corner Shop",
    "email": "corner.shop@example.com",
    "password": PASSWORD,
    "password2": PASSWORD,
    "currency": "KWD",
    "timezone": "Asia/Kuwait",
}
NAMELESS = {"role": "", "name": "", "email": "", "password": "", "password2": ""}
HOSTILE = [
    "",
    " ",
    "\0",
    "a\0b",
    "a\nb",
    "\u2028",
    "\ufffd",
    "x" * 5000,
    "9" * 5000,
    "4111 1111 1111 1111",
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "../../etc/passwd",
    "{{ 7*7 }}",
    "٣",
]


def faulty_fields(page: str) -> set[str]:
    """The fields that the summary of errors links to."""
    summary = re.search(r'class="error-summary".*?</div>', page, re.S)
    assert summary, "there is no summary of errors"
    return {name.removesuffix("-0") for name in re.findall(r'href="#([\w-]+)"', summary[0])}


@pytest.mark.parametrize(("role", "home"), [("merchant", "/merchant/"), ("customer", "/customer/")])
def test_signing_up_leads_home_signed_in(client, session, role, home):
    answer = client.submit("/signup", GOOD | {"role": role})
    assert (answer.status_code, answer.location) == (303, home)
    assert client.get(home).status_code == 200
    (user,) = admin.list_users(session)
    assert (user.role, user.name, user.username) == (role, "Corner Shop", "corner.shop@example.com")
    person = factories.actor(session, user.id)
    assert (person.currency, person.timezone) == (
        ("KWD", "Asia/Kuwait") if role == "merchant" else ("", "UTC")
    )


def test_the_form_offers_what_the_portal_is_set_to(client):
    page = client.get("/signup?role=customer").get_data(as_text=True)
    assert re.search(r"<select[^>]*data-guess-timezone", page)
    assert re.search(r'<option selected value="USD">', page) and re.search(
        r'<option selected value="UTC">', page
    )
    assert re.search(r'<button type="submit"[^>]*>Create account</button>', page)
    assert Forms(page).all[0].fields["role"] == "customer"


@pytest.mark.parametrize("query", ["", "?role=admin", "?role=%00"])
def test_no_role_is_chosen_for_anybody(client, query):
    assert "role" not in Forms(client.get(f"/signup{query}").get_data(as_text=True)).all[0].fields


def test_every_fault_is_named_at_once_and_what_was_typed_stays(client):
    wrong = {
        "role": "admin",
        "name": "a\0b",
        "email": "nobody",
        "password": "short",
        "password2": "other",
        "currency": "XXX",
        "timezone": "Mars/Olympus",
    }
    answer = client.submit("/signup", wrong)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert faulty_fields(page) == {"role", "name", "email", "password"}
    assert faulty_fields(client.submit("/signup", wrong | {"role": "merchant"}).get_data(as_text=True)) == {
        "name",
        "email",
        "password",
        "currency",
        "timezone",
    }
    assert 'value="nobody"' in page and "short" not in page
    assert page.count('aria-invalid="true"') >= 4


def test_two_different_passwords_are_said_at_the_second(client):
    answer = client.submit("/signup", GOOD | {"password2": f"{PASSWORD}r"})
    assert faulty_fields(answer.get_data(as_text=True)) == {"password2"}


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
@pytest.mark.parametrize("field", ["role", "name", "email", "password", "currency", "timezone"])
def test_no_answer_breaks_the_form(client, field):
    for k, value in enumerate(HOSTILE):
        own = {"email": f"shop{k}@example.com", "password2": value if field == "password" else PASSWORD}
        answer = client.submit("/signup", GOOD | own | {field: value})
        page = answer.get_data(as_text=True)
        if answer.status_code == 303:
            assert field in ("name", "password"), (field, value)
            client.submit("/logout", {}, page="/account")
            continue
        # A password that is much too long is too long where it is repeated, too.
        assert answer.status_code == 422 and faulty_fields(page) - {"password2"} == {field}, (field, value)
        if field in ("name", "email"):
            # What is much too long is kept, cut.
            kept = f'value="{escape(value)}"' if len(value) < 1000 else f'value="{escape(value[:100])}'
            assert kept in page, (field, value)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_what_no_form_sends_is_an_empty_form(client):
    token = Forms(client.get("/signup").get_data(as_text=True)).all[0].fields["csrf_token"]
    headers = {"X-CSRFToken": token}
    file = {name: (io.BytesIO(b"x"), "x.txt") for name in GOOD}
    for body in ({"data": {}}, {"json": GOOD}, {"json": [1, 2]}, {"json": {"email": 5}}, {"data": file}):
        answer = client.post("/signup", headers=headers, **body)
        assert answer.status_code == 422, body
        assert faulty_fields(answer.get_data(as_text=True)) == {"role", "name", "email", "password"}, body


def test_an_address_signs_up_once_whatever_its_case(client, session):
    factories.make_customer(session, "Ada Buyer")
    answer = client.submit("/signup", GOOD | {"email": "ADA.BUYER@example.com"})
    assert answer.status_code == 422
    assert faulty_fields(answer.get_data(as_text=True)) == {"email"}


def test_an_invited_person_claims_the_offers_that_wait(client, session):
    shop = factories.make_merchant(session)
    factories.offered_plan(session, shop, "ada.buyer@example.com")
    answer = client.submit(
        "/signup", GOOD | {"role": "customer", "name": "Ada", "email": "Ada.Buyer@example.com"}
    )
    assert answer.status_code == 303
    (ada,) = admin.list_users(session, role=Role.CUSTOMER)
    assert ada.registered
    assert len(factories.plans_of(session, factories.actor(session, ada.id))) == 1


def test_who_is_signed_in_has_an_account_already(client):
    client.submit("/signup", GOOD)
    for path in ("/signup", "/login", "/"):
        answer = client.get(path)
        assert (answer.status_code, answer.location) == (303, "/merchant/")


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_an_address_of_the_network_signs_up_so_often_a_minute(client):
    token = Forms(client.get("/signup").get_data(as_text=True)).all[0].fields["csrf_token"]
    statuses = [client.post("/signup", data=NAMELESS | {"csrf_token": token}).status_code for _ in range(120)]
    assert set(statuses) == {422}
    refused = client.post("/signup", data=NAMELESS | {"csrf_token": token})
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 61
    assert client.get("/signup").status_code == 200
