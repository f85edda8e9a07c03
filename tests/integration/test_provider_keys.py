"""A shop's key of its provider: tried, encrypted, never shown; and webhooks, of which only signed ones are kept."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from functools import partial

import pytest
import stripe
from sqlalchemy import func, select, text, update

from portal.core.errors import InvalidInput
from portal.core.money import EXPONENTS
from portal.extensions import now
from portal.models import Event, Member, Message, ProviderEvent, ProviderKey, UserSession
from portal.services import provider_keys
from portal.services.accounts import change_shop
from portal.services.transaction import unit_of_work
from tests import factories
from tests.browserlike import form_at, sign_in
from tests.browserlike import text as words

from .providing import KEY

URL = "/merchant/settings/payments"


@pytest.fixture
def owner(client, shop):
    sign_in(client, shop)
    return client


def save(client, key):
    return client.post(URL, data=form_at(client, URL, URL) | {"stripe_key": key})


def whole_database(session):
    """Every value of every row, as text."""
    found = []
    for table in (ProviderKey, ProviderEvent, Event, Message):
        found += [str(dict(row)) for row in session.execute(select(table.__table__)).mappings()]
    session.rollback()
    return "\n".join(found)


def test_the_owner_enters_a_key_that_is_tried_and_encrypted(session, owner, standin, provider, shop):
    assert save(owner, KEY).status_code == 303
    page = owner.get(URL)
    assert "Connected by a test key that ends in or_1." in words(page) and "Test mode" in words(page)
    assert KEY not in page.get_data(as_text=True) and KEY not in whole_database(session)
    (hook,) = provider.all("webhook_endpoint")
    assert hook["url"].endswith(f"/webhooks/stripe/{shop.id}") and hook["secret"] not in whole_database(
        session
    )


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("pk_test_harbor", "This is no key for servers"),
        ("", "Fill this in"),
        ("sk_test_refused_1", "Stripe refused this key"),
        ("rk_test_härbor", "This is no key for servers"),
    ],
)
def test_a_key_that_does_not_work_is_not_kept(session, owner, standin, key, says):
    answer = save(owner, key)
    assert answer.status_code == 422 and (says in words(answer) or key == "")
    assert key == "" or key not in answer.get_data(as_text=True)
    assert session.scalars(select(func.count()).select_from(ProviderKey)).one() == 0


def test_only_the_owner_gets_there_and_only_after_a_password(session, client, shop, standin):
    sign_in(client, shop)
    with unit_of_work(session):
        session.execute(update(UserSession).values(confirmed_at=now() - timedelta(minutes=11)))
    assert "/account/confirm" in client.get(URL).headers["Location"]
    with unit_of_work(session):
        session.execute(update(Member).values(role="manager"))
    assert client.get(URL).status_code == 403


def test_from_real_money_no_way_leads_back_to_tests(session, doors, shop):
    provider_keys.connect(session, doors.stripe(), shop, "rk_live_harbor_1", now())
    with pytest.raises(InvalidInput):
        provider_keys.connect(session, doors.stripe(), shop, KEY, now())
    provider_keys.remove(session, doors.stripe(), shop, now())
    assert provider_keys.find_connected(session, shop).removed


def test_a_test_key_that_is_removed_leaves_the_simulator(session, doors, shop, provider, connected):
    provider_keys.remove(session, doors.stripe(), shop, now())
    assert provider_keys.find_connected(session, shop) is None
    assert provider.all("webhook_endpoint") == []


def test_a_key_of_the_same_account_takes_over_with_a_new_webhook(session, doors, shop, provider, connected):
    provider_keys.connect(session, doors.stripe(), shop, "rk_test_harbor_2", now())
    assert len(provider.all("webhook_endpoint")) == 1
    assert provider_keys.find_connected(session, shop).hint == "or_2"


# --- Webhooks


@pytest.fixture
def hook(provider, connected):
    (made,) = provider.all("webhook_endpoint")
    return made


def event_of(provider, **changes):
    about = {
        "id": "cs_test_1",
        "object": "checkout.session",
        "amount_total": 1,
        "currency": "usd",
        "metadata": {},
    }
    made = {"id": "evt_1", "object": "event", "type": "checkout.session.completed", "livemode": False}
    return json.dumps(made | {"data": {"object": about}} | changes)


def send(client, shop, body, secret, at=None, signature=None):
    signed = signature or stripe.WebhookSignature.generate_signature_header(
        body, secret, at or int(time.time())
    )
    headers = {"Stripe-Signature": signed}
    return client.post(
        f"/webhooks/stripe/{shop.id}", data=body, headers=headers, content_type="application/json"
    )


def kept(session):
    session.rollback()
    events = session.scalars(select(func.count()).select_from(ProviderEvent)).one()
    return events, session.scalars(select(ProviderKey.refused)).one()


def test_a_signed_event_is_kept_once(session, client, shop, provider, hook):
    body = event_of(provider)
    assert [send(client, shop, body, hook["secret"]).status_code for _ in range(2)] == [200, 200]
    assert kept(session) == (1, 0)


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        ({}, {"secret": "whsec_of_somebody_else"}),
        ({}, {"at": int(time.time()) - 15 * 60}),
        ({}, {"signature": "t=1,v1=00"}),
        ({}, {"signature": "v1"}),
        ({}, {"signature": "t=x,v1=00"}),
        ({"livemode": True}, {}),
        ({"data": None}, {}),
        ({"data": {"object": {"id": "cs_1", "amount_total": "12"}}}, {}),
        ({"data": {"object": {"amount_total": 12}}}, {}),
    ],
)
def test_forged_old_foreign_and_malformed_ones_are_only_counted(
    session, client, shop, provider, hook, changes, sent
):
    answer = send(client, shop, event_of(provider, **changes), **({"secret": hook["secret"]} | sent))
    assert answer.status_code == 400 and answer.get_data() == b""
    assert kept(session) == (0, 1)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"null", b"1"])
def test_so_is_what_is_no_event(session, client, shop, hook, body):
    signed = stripe.WebhookSignature.generate_signature_header(body.decode(errors="ignore"), hook["secret"])
    headers = {"Stripe-Signature": signed}
    url = f"/webhooks/stripe/{shop.id}"
    assert client.post(url, data=body, headers=headers, content_type="application/json").status_code == 400
    assert kept(session) == (0, 1)


def test_an_event_for_another_shop_is_not_signed_for_this_one(session, client, doors, shop, provider, hook):
    other = factories.make_merchant(session, "Other Shop", now=now())
    assert send(client, other, event_of(provider), hook["secret"]).status_code == 404
    provider_keys.connect(session, doors.stripe(), other, "rk_test_other_1", now())
    assert send(client, other, event_of(provider), hook["secret"]).status_code == 400
    assert session.scalars(text("SELECT count(*) FROM provider_events")).one() == 0


def test_a_shop_with_a_key_changes_to_no_currency_that_stripe_takes_in_steps_of_ten(session, doors, standin):
    """Before its first offer, and while the key is tried in another window."""
    shop = factories.make_merchant(session, "Another Shop", now=now())
    keep = partial(change_shop, session, shop, "Another Shop", shop.email, "UTC", now())
    provider_keys.connect(session, doors.stripe(), shop, "rk_test_dinars_1", now())
    with pytest.raises(InvalidInput) as refusal, unit_of_work(session):
        keep("KWD")
    assert "currency" in refusal.value.errors
    with unit_of_work(session):
        keep("JPY")
    provider_keys.remove(session, doors.stripe(), shop, now())

    class Slow:
        def connect(self, *about):
            with unit_of_work(session):
                keep("KWD")
            return doors.stripe().connect(*about)

    with pytest.raises(InvalidInput) as refusal:
        provider_keys.connect(session, Slow(), shop, "rk_test_dinars_1", now())
    assert "stripe_key" in refusal.value.errors


@pytest.mark.parametrize("currency", sorted(code for code, exponent in EXPONENTS.items() if exponent > 2))
def test_a_currency_with_three_decimals_is_refused_since_stripe_takes_it_in_steps_of_ten(
    session, doors, standin, currency
):
    shop = factories.make_merchant(session, "Another Shop", now=now(), currency=currency)
    with pytest.raises(InvalidInput) as refusal:
        provider_keys.connect(session, doors.stripe(), shop, "rk_test_dinars_1", now())
    assert "stripe_key" in refusal.value.errors
    assert standin.accounts == {}, "the key was not even tried"
