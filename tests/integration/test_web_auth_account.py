"""One's own account over HTTP: name, test card, and a password whose change ends every other session."""

from __future__ import annotations

import pytest

from portal.queries import accounts as queries
from tests import factories
from tests.factories import PASSWORD

NEW = "another-horse-battery"
CHANGE = {"current_password": PASSWORD, "password": NEW, "password2": NEW}


@pytest.fixture
def ada(session):
    return factories.make_customer(session)


def sign_in(client, email, password=PASSWORD):
    return client.submit("/login", {"email": email, "password": password})


def change(client, **fields):
    return client.submit("/account/password", CHANGE | fields, page="/account")


def test_the_name_and_the_test_card_are_kept(client, session, ada):
    sign_in(client, ada.email)
    answer = client.submit("/account", {"name": " Ada  Lovelace ", "test_card": "times_out"})
    assert (answer.status_code, answer.location) == (303, "/account")
    page = client.get("/account").get_data(as_text=True)
    assert 'value="Ada  Lovelace"' in page
    assert queries.get_choices(session, ada.id).test_card == "times_out"
    assert factories.actor(session, ada.id).name == "Ada  Lovelace"


def test_what_is_wrong_is_named_and_kept(client, session, ada):
    sign_in(client, ada.email)
    for fields, field, kept in (
        ({"name": "a\0b"}, "name", "a\0b"),
        ({"name": ""}, "name", ""),
        ({"name": "x" * 500}, "name", "x" * 500),
        ({"name": "5555 5555 5555 4444"}, "name", "5555 5555 5555 4444"),
        ({"test_card": "gold"}, "test_card-0", "Ada Buyer"),
    ):
        answer = client.submit("/account", fields)
        assert answer.status_code == 422
        page = answer.get_data(as_text=True)
        assert f'href="#{field}"' in page and f'value="{kept}"' in page
    assert factories.actor(session, ada.id).name == "Ada Buyer"
    assert queries.get_choices(session, ada.id).test_card == "succeeds"


def test_only_who_can_buy_chooses_a_test_card(client, session):
    admin = factories.make_admin(session)
    sign_in(client, admin.email)
    page = client.get("/account").get_data(as_text=True)
    assert 'name="test_card"' not in page and 'name="name"' in page
    assert client.submit("/account", {"name": "Olga"}).status_code == 303


def test_a_new_password_keeps_this_session_and_ends_the_others(app, client, ada):
    elsewhere = app.test_client()
    sign_in(elsewhere, ada.email)
    sign_in(client, ada.email)
    answer = change(client)
    assert (answer.status_code, answer.location) == (303, "/account")
    assert client.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 303
    assert sign_in(elsewhere, ada.email).status_code == 422
    assert sign_in(elsewhere, ada.email, NEW).status_code == 303


@pytest.mark.parametrize(
    ("fields", "faulty"),
    [
        ({"current_password": "a wrong guess"}, {"current_password"}),
        ({"password": "short"}, {"password"}),
        ({"password2": "different"}, {"password2"}),
        ({"current_password": "", "password": "", "password2": ""}, {"current_password", "password"}),
        ({"password": "ada.buyer@example.com"}, {"password"}),
        ({"current_password": "\0", "password": "x" * 5000}, {"current_password", "password"}),
    ],
)
def test_a_password_is_not_changed_without_the_old_one_and_a_good_new_one(client, ada, fields, faulty):
    sign_in(client, ada.email)
    answer = change(client, **fields)
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    for field in CHANGE:
        assert (f'href="#{field}"' in page) == (field in faulty), field
    assert 'value="Ada Buyer"' in page and NEW not in page and PASSWORD not in page
    assert sign_in(client.application.test_client(), ada.email).status_code == 303


def test_the_old_password_cannot_be_guessed_here_either(client, ada):
    sign_in(client, ada.email)
    for _ in range(10):
        assert change(client, current_password="a wrong guess").status_code == 422
    answer = change(client)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_the_page_asks_the_database_twice(client, ada, count_statements):
    sign_in(client, ada.email)
    with count_statements() as statements:
        client.get("/account")
    assert len(statements) == 2
