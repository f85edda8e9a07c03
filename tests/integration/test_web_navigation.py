"""Where the reader is: the section is marked, settings are one place, the foot of every page says whom to ask."""

from __future__ import annotations

import re

import pytest

from tests.browserlike import sign_in, text


def marked(page: str) -> list[tuple[str, str]]:
    """What is marked as current, by its kind and words."""
    return re.findall(r'aria-current="(\w+)">([^<]+)<', page)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/merchant/", [("page", "Dashboard")]),
        ("/merchant/numbers/outstanding", [("true", "Dashboard")]),
        ("/merchant/plans/", [("page", "Plans"), ("page", "All")]),
        ("/merchant/plans/new", [("true", "Plans")]),
        ("/merchant/plans/{plan}", [("true", "Plans")]),
        ("/merchant/import", [("true", "Plans")]),
        ("/merchant/settings", [("true", "Settings"), ("page", "Shop")]),
        ("/merchant/team", [("true", "Settings"), ("page", "Team")]),
        ("/account", [("true", "Settings"), ("page", "You")]),
        ("/account/shops", [("true", "Settings"), ("true", "You")]),
        ("/account/security", [("true", "Settings"), ("page", "Security")]),
    ],
)
def test_a_shops_pages_say_where_they_are(client, shop, plan, path, expected):
    sign_in(client, shop)
    found = marked(text(client.get(path.format(plan=plan.id))))
    assert [entry for entry in found if entry[1] != "30 days"] == expected


def test_a_customer_has_plans_and_settings_without_a_shop(client, ada, plan):
    sign_in(client, ada)
    assert marked(text(client.get(f"/customer/plans/{plan.id}"))) == [("true", "Your plans")]
    account = text(client.get("/account"))
    assert marked(account) == [("true", "Settings"), ("page", "You")]
    assert "/merchant/" not in account


def test_the_foot_of_every_page_leads_to_help_and_to_the_operators_own_texts(app, client):
    for path in ("/", "/login", "/nothing-here", "/help"):
        page = text(client.get(path))
        assert 'href="/help"' in page and 'href="/api/docs/"' in page
        assert 'href="/imprint"' not in page
    assert client.get("/imprint").status_code == client.get("/privacy").status_code == 404
    (app.config["INSTANCE"] / "imprint.txt").write_text("Oak & Ash\n1 Hazel Lane\n\nhelp@example.com")
    try:
        assert 'href="/imprint"' in text(client.get("/"))
        assert "Oak &amp; Ash\n1 Hazel Lane</p><p" in text(client.get("/imprint"))
    finally:
        (app.config["INSTANCE"] / "imprint.txt").unlink()
