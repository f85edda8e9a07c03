"""What browsers, crawlers and messengers ask for beside a page: icons, robots.txt, words without anybody's data."""

from __future__ import annotations

import io
import re
import urllib.robotparser

import pytest
from PIL import Image

from tests import factories
from tests.browserlike import sign_in

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
META = re.compile(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"( media="[^"]+")?>')


def meta_of(page: str) -> dict[str, str]:
    return {name + (media or ""): content for name, content, media in META.findall(page)}


def test_crawlers_are_kept_to_the_pages_that_are_the_same_for_everybody(client):
    answer = client.get("/robots.txt")
    assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
    assert answer.headers["Cache-Control"] == "public, max-age=86400" and "Set-Cookie" not in answer.headers
    allowed = re.findall(r"^Allow: (.+)$", answer.text, re.M)
    assert answer.text.endswith("Disallow: /\n")
    for path in allowed[:2]:
        assert client.get(path.removesuffix("$")).status_code == 200
    rules = urllib.robotparser.RobotFileParser()
    rules.parse(answer.text.splitlines())
    for path in (
        "/customer/",
        "/merchant/plans",
        "/join/secret",
        "/offers/secret",
        "/reset/secret",
        "/calendar/x",
    ):
        assert not rules.can_fetch("*", path)
    assert rules.can_fetch("*", "/static/css/tokens.css")


def test_a_browser_finds_an_icon_without_being_told_where(client):
    answer = client.get("/favicon.ico")
    assert answer.status_code == 200 and answer.mimetype in ("image/vnd.microsoft.icon", "image/x-icon")
    assert answer.headers["Cache-Control"] == "public, max-age=86400" and "Set-Cookie" not in answer.headers
    with Image.open(io.BytesIO(answer.data)) as icon:
        assert icon.format == "ICO" and {(16, 16), (32, 32)} <= icon.info["sizes"]


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_page_describes_the_portal_to_search_engines_and_messengers(app, client, language):
    page = client.get("/", headers={"Accept-Language": language}).text
    meta = meta_of(page)
    assert 50 <= len(meta["description"]) <= 160 and meta["og:description"] == meta["description"]
    assert meta["og:site_name"] in meta["og:title"] and meta["og:type"] == "website"
    assert meta["og:url"] == app.config["PORTAL_URL"] + "/"
    assert meta["og:image"].startswith(app.config["PORTAL_URL"] + "/static/img/")
    touch = re.search(r'<link rel="apple-touch-icon" href="([^"]+)">', page)[1]
    for address in (touch, meta["og:image"].removeprefix(app.config["PORTAL_URL"])):
        with Image.open(io.BytesIO(client.get(address, buffered=True).data)) as image:
            assert image.format == "PNG" and image.width == image.height >= 180
    assert ("بالتقسيط" in meta["description"]) == (language == "ar")


def test_the_bar_of_the_browser_has_the_colour_of_the_page(client):
    meta = meta_of(client.get("/").text)
    tokens = client.get("/static/css/tokens.css", buffered=True).text
    light, dark = re.search(r"--surface: light-dark\((#\w+), (#\w+)\)", tokens).groups()
    for name, colour in (("light", light), ("dark", dark)):
        assert meta[f'theme-color media="(prefers-color-scheme: {name})"'] == colour


def test_no_plan_and_no_person_is_in_what_a_messenger_shows(session, client):
    """A messenger draws a card from these words and keeps it: they are those of the portal, on every page."""
    shop = factories.make_merchant(session)
    ada = factories.make_customer(session)
    plan_id = factories.offered_plan(session, shop, ada.email, description="Engagement ring")
    landing = meta_of(client.get("/").text)
    sign_in(client, ada)
    page = client.get(f"/customer/plans/{plan_id}").text
    assert "Engagement ring" in page
    own = {name: content for name, content in meta_of(page).items() if name != "csrf-token"}
    for words in ("Engagement", ada.name, shop.name):
        assert not any(words in content for content in own.values())
    assert {name: own[name] for name in own if name.startswith("og:")} in (
        {},
        {k: landing[k] for k in landing if k.startswith("og:")},
    )
