"""A shop's settings are what customers are told, and its pages are for nobody else."""

from __future__ import annotations

import pytest

from portal.queries import accounts
from tests import factories
from tests.browserlike import text


@pytest.fixture
def merchant(client, shop):
    signed_in = client.submit("/login", {"email": shop.email, "password": factories.PASSWORD})
    assert signed_in.location == "/merchant/"
    return client


def test_settings_are_kept(session, merchant, shop):
    given = {"name": "Corner & Sons", "support_email": "Help@example.com", "timezone": "Asia/Kuwait"}
    saved = merchant.submit("/merchant/settings", given)
    assert (saved.status_code, saved.location) == (303, "/merchant/settings")
    page = text(merchant.get("/merchant/settings"))
    assert "Your settings are saved." in page
    assert 'value="Corner &amp; Sons"' in page
    session.rollback()
    kept = accounts.get_shop(session, shop)
    assert (kept.name, kept.support_email, kept.timezone) == (
        "Corner & Sons",
        "help@example.com",
        "Asia/Kuwait",
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 121),
        ("name", "a\0b"),
        ("name", "4111 1111 1111 1111"),
        ("support_email", ""),
        ("support_email", "nobody"),
        ("support_email", "\0"),
        ("support_email", "x" * 5000),
        ("timezone", ""),
        ("timezone", "Mars/Base"),
        ("timezone", "\0"),
    ],
)
def test_a_setting_at_fault_is_named_and_the_rest_is_kept(session, merchant, shop, field, value):
    given = {"name": "New Name", "support_email": "help@example.com", "timezone": "Asia/Kuwait"}
    refused = merchant.submit("/merchant/settings", given | {field: value})
    page = text(refused)
    assert refused.status_code == 422
    assert f'id="{field}-error"' in page
    for name in given.keys() - {field, "timezone"}:
        assert f'value="{given[name]}"' in page
    session.rollback()
    assert accounts.get_shop(session, shop).name == "Corner Shop"


def test_absent_fields_are_empty_ones(merchant):
    page = merchant.submit("/merchant/settings", {"name": "", "support_email": "", "timezone": ""})
    assert page.status_code == 422
    assert text(page).count('-error"') >= 3


def test_the_shops_pages_are_not_a_customers(client, ada):
    client.submit("/login", {"email": ada.email, "password": factories.PASSWORD})
    for path in ("/merchant/", "/merchant/numbers/revenue", "/merchant/settings", "/merchant/plans/"):
        assert client.get(path).status_code == 403
