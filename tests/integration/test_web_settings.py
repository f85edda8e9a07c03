"""A shop's settings: the currency can be chosen until the first offer."""

from __future__ import annotations

import pytest

from portal.extensions import now
from tests import factories
from tests.browserlike import form_at, sign_in, text

URL = "/merchant/settings"


@pytest.fixture
def shop(session):
    return factories.make_merchant(session, now=now())


@pytest.fixture
def merchant(client, shop):
    sign_in(client, shop)
    return client


def save(merchant, shop, **fields):
    kept = {"name": shop.name, "support_email": shop.email, "timezone": "UTC", "csv_separator": ","}
    return merchant.post(URL, data=form_at(merchant, URL, URL) | kept | fields)


def test_a_new_shop_changes_its_currency(merchant, shop):
    assert save(merchant, shop, currency="JPY").status_code == 303
    assert '<option selected value="JPY">' in merchant.get(URL).get_data(as_text=True)


def test_an_unknown_currency_is_named_and_nothing_is_saved(merchant, shop):
    refused = save(merchant, shop, currency="Gold", name="Other Name")
    assert refused.status_code == 422 and "Choose a currency from the list." in text(refused)
    assert "Other Name" not in text(merchant.get(URL))


def test_from_the_first_offer_on_it_stays(merchant, session, shop):
    factories.offered_plan(session, shop, "ada.buyer@example.com", now=now())
    page = merchant.get(URL)
    assert "Your currency is USD." in text(page) and 'name="currency"' not in page.get_data(as_text=True)
    assert save(merchant, shop, currency="JPY").status_code == 303
    assert "Your currency is USD." in text(merchant.get(URL))
