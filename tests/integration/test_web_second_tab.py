"""Two tabs of one browser: what is open in one while a person signs out, or in as somebody else, in the other."""

from __future__ import annotations

import pytest

from tests import factories
from tests.browserlike import Forms, sign_in

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
HOME = "/customer/"
SIGNED_OUT = "You were signed out. Sign in and you are back here; nothing was charged."


@pytest.fixture
def bea(session, shop):
    return factories.sign_up(session, factories.account("customer", "Bea", email="bea@example.com"))


@pytest.fixture
def left_open(client, ada, plan):
    """The forms of Ada's home page by their addresses, opened before what happens in the other tab."""
    sign_in(client, ada)
    return {form.action: form.fields for form in Forms(client.get(HOME).text).all}


def sent_from(client, action, fields, page=HOME, **headers):
    return client.post(action, data=fields, headers={"Referer": f"http://localhost{page}"} | headers)


def test_signing_out_twice_ends_at_the_sign_in_page(client, left_open):
    for _ in range(2):
        answer = sent_from(client, "/logout", left_open["/logout"])
        assert (answer.status_code, answer.location) == (303, "/login")
    assert client.get("/login").status_code == 200


def test_another_site_signs_nobody_out(client, left_open):
    assert client.post("/logout", data={"csrf_token": "made-up"}).status_code == 400
    assert client.get(HOME).status_code == 200


def test_a_form_of_an_ended_session_says_so_charges_nothing_and_leads_back(
    session, client, left_open, pay_first
):
    before = factories.row_counts(session)
    sent_from(client, "/logout", left_open["/logout"])
    session.rollback()
    ended = factories.row_counts(session)
    refused = sent_from(client, pay_first, left_open[pay_first])
    assert refused.status_code == 400 and SIGNED_OUT in refused.text
    link = "/login?next=/customer/"
    assert f'href="{link}"' in refused.text
    part = sent_from(client, pay_first, left_open[pay_first], **{"HX-Request": "true"})
    assert part.headers["HX-Retarget"] == "#notices"
    assert SIGNED_OUT in part.text and f'href="{link}"' in part.text and "<h1" not in part.text
    session.rollback()
    assert factories.row_counts(session) == ended and ended["payments"] == before["payments"] == 0
    signed_in = client.submit(
        link, {"email": "ada.buyer@example.com", "password": factories.PASSWORD}, page=link
    )
    assert (signed_in.status_code, signed_in.location) == (303, HOME)


def test_it_says_so_in_arabic(client, left_open, pay_first):
    sent_from(client, "/logout", left_open["/logout"])
    refused = sent_from(client, pay_first, left_open[pay_first], **{"Accept-Language": "ar"})
    assert "لم يُخصم شيء" in refused.text
    assert SIGNED_OUT not in refused.text


def test_a_form_of_one_person_is_not_sent_as_another(session, client, left_open, pay_first, bea):
    sent_from(client, "/logout", left_open["/logout"])
    sign_in(client, bea)
    refused = sent_from(client, pay_first, left_open[pay_first])
    assert refused.status_code == 400 and "This form has expired" in refused.text
    session.rollback()
    assert factories.row_counts(session)["payments"] == 0


def test_signing_in_while_signed_in_goes_home(app, client, ada, plan):
    open_form = {form.action: form.fields for form in Forms(client.get("/login").text).all}["/login"]
    sign_in(client, ada)
    typed = open_form | {"email": ada.email, "password": factories.PASSWORD}
    answer = sent_from(client, "/login", typed, page="/login")
    assert (answer.status_code, answer.location) == (303, HOME)
    answer = sent_from(client, f"/login?next=/customer/plans/{plan.id}", typed, page="/login")
    assert answer.location == f"/customer/plans/{plan.id}"
    for elsewhere in ("https://evil.example/", "//evil.example"):
        assert sent_from(client, f"/login?next={elsewhere}", typed, page="/login").location == HOME
    assert client.get("/login").location == client.get("/signup").location == HOME


@pytest.mark.parametrize(
    "path", ["/customer/plans/{plan}", "/customer/plans/{plan}/terms", "/merchant/plans/{plan}"]
)
def test_a_link_opened_in_the_wrong_account_says_who_is_signed_in_and_offers_to_switch(
    client, ada, plan, bea, path
):
    path = path.format(plan=plan.id)
    sign_in(client, bea)
    answer = client.get(path)
    assert answer.status_code in (403, 404)
    assert "bea@example.com" in answer.text or "signed in as" in answer.text
    out = next(f for f in Forms(answer.text).all if f.action == "/logout" and "next" in f.fields)
    gone = client.post(out.action, data=out.fields)
    assert (gone.status_code, gone.location) == (303, f"/login?next={path}")
    typed = {"email": ada.email, "password": factories.PASSWORD}
    assert client.submit(gone.location, typed, page=gone.location).location == path


def test_a_page_that_is_nowhere_offers_no_other_account(client, bea):
    sign_in(client, bea)
    for path in ("/customer/nothing", "/offers/cut"):
        answer = client.get(path)
        assert answer.status_code == 404 and "another account" not in answer.text


def test_signing_out_leads_nowhere_but_here(client, ada):
    for elsewhere in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        sign_in(client, ada)
        fields = {form.action: form.fields for form in Forms(client.get(HOME).text).all}["/logout"]
        assert client.post("/logout", data=fields | {"next": elsewhere}).location == "/login"
