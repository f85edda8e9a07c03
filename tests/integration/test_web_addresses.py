"""An address with a domain in another script: one account, found in every spelling, shown as people write it."""

from __future__ import annotations

import re

import pytest

from portal.extensions import now
from portal.queries import listing
from tests import factories
from tests.browserlike import sign_in, text
from tests.integration.test_web_guards import (
    ON_SQLITE,
    guarded_rules,
    paths,
    person_of,
    signed_in,
    stamp,
    world,
)

world  # noqa: B018 - the fixture is used by its name

WRITTEN, STORED = "ada@m\u00fcnchen.example.com", "ada@xn--mnchen-3ya.example.com"

# What a mail program is given, and the text whose hash was accepted.
EXACT = [re.compile('href="mailto:[^"]*"'), re.compile('<p class="fingerprint".*?</p>', re.DOTALL)]


@pytest.fixture
def offer(session, shop):
    """An offer to an address that is not registered yet."""
    return factories.offered_plan(session, shop, WRITTEN, now=now(), first=now().date())


@pytest.mark.parametrize(
    "typed", [WRITTEN, STORED, "m\u00fcnchen.example.com", "ADA@M\u00dcNCHEN.example.com"]
)
def test_the_shop_and_the_admin_find_it_in_every_spelling(client, session, app, shop, offer, typed):
    sign_in(client, shop)
    page = text(client.get("/merchant/plans/", query_string={"search": typed}))
    # What was typed stays in the search box and in links.
    assert WRITTEN in page.partition("</form>")[2] and (STORED not in page or typed == STORED)
    boss = signed_in(app, factories.make_admin(session))
    for path in ("/admin/plans", "/admin/users"):
        assert WRITTEN in text(boss.get(path, query_string={"search": typed}))
    assert WRITTEN not in text(client.get("/merchant/plans/", query_string={"search": "berlin.example.com"}))


def test_who_signs_up_with_any_spelling_has_the_offer(client, session, app, offer):
    fields = {"role": "customer", "name": "Ada Buyer", "email": "Ada@mu\u0308nchen.example.com"}
    words = {"password": factories.PASSWORD, "password2": factories.PASSWORD}
    assert client.submit("/signup", fields | words).status_code == 303
    assert "Oak table" in text(client.get("/customer/"))
    again = app.test_client()
    for typed in (WRITTEN, STORED):
        assert again.submit("/login", {"email": typed, "password": factories.PASSWORD}).status_code == 303
        again.submit("/logout", {}, page="/account")


def test_the_api_takes_every_spelling_and_answers_with_the_one_that_is_stored(app, offer):
    from tests.api.conftest import Program

    program = Program(app)
    made = program.register("ada", "customer", email=WRITTEN)
    assert (made.status_code, made.json["email"]) == (201, STORED)
    for typed in (WRITTEN, STORED):
        assert program.sign_in(typed).status_code == 200


@ON_SQLITE
def test_no_page_shows_the_spelling_of_the_name_system(app, session, world):
    """On any page, among them those of a payment, an agreement and a shop whose support has such an address."""
    ada = factories.sign_up(session, factories.account("customer", "Ada Lovelace", email=WRITTEN), now())
    shop = factories.make_merchant(session, "Some Shop", now=now(), email="shop@stra\u00dfe.example.com")
    offer = factories.offered_plan(session, shop, ada.email, now=now(), first=now().date())
    plan = factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
    payment = factories.pay(session, ada, plan, 1, now=now()).payment_id
    lines = listing.get_plan(session, ada, plan, now()).installments
    session.rollback()
    world.shop, world.ada = shop, ada
    world.ids |= {
        "plan_id": [offer, plan],
        "payment_id": [payment],
        "installment_id": [lines[1].id],
        "user_id": [ada.id],
    }
    shown, clients = 0, {}
    for rule in guarded_rules(app):
        for role in stamp(app, rule) or ():
            if "GET" in rule.methods:
                client = clients.setdefault(role, signed_in(app, person_of(world, role)))
                for path in paths(app, rule, world):
                    answer = client.get(path, buffered=True)
                    if answer.mimetype == "text/html" and answer.status_code == 200:
                        shown += "\u00fcnchen" in text(answer) or "stra\u00dfe" in text(answer)
                        page = text(answer)
                        for exact in EXACT:
                            page = exact.sub("", page)
                        assert "xn--" not in page, path
    assert shown >= 10, shown
