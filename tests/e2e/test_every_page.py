"""Every page, found from the routes themselves: no finding of axe, no sideways scrolling, little to load."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, BrowserType, Page
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from config import load_settings
from portal import create_app
from tests.databases import environment
from tests.e2e.conftest import Portal
from tests.linters import html_faults

PASSWORD = "two-matching-halves"
PEOPLE = {
    "visitor": [],
    "merchant": ["furniture@example.com"],
    "customer": ["amara@example.com", "ben@example.com"],
    "admin": ["admin@example.com"],
}
# What no link of the demo leads to.
HIDDEN = {
    "visitor": [
        "/reset/spent",
        "/verify/cut",
        "/offers/cut",
        "/offers/cut/not-for-me",
        "/undo-email/cut",
        "/join/cut",
        "/signup/sent",
        "/nothing-here",
        "/styleguide",
    ],
    "merchant": ["/merchant/undelivered"],
}
# What the first six plans may or may not lead to.
OF_SOME_PLANS = {"merchant_reversals.reverse", "amendments.merchant_show"}
# For machines and calendars, what emails lead to, and what a part of a page asks by itself.
UNLINKED = {
    *("static", "health.healthz", "health.readyz", "metrics.show", "security_txt.show"),
    *("site_files.robots", "site_files.favicon"),
    *("calendars.feed", "emails.unsubscribe", "customer.card", "admin.message_html"),
    # Where the operator wrote them, and where the provider's page leads back to.
    *("about.imprint", "about.privacy", "payment_pages.come_back"),
    *("invitations.plain", "addresses.confirm"),
    # Steps in between, to which forms lead.
    *("confirmation.ask", "second_step.ask", "second_factor.activate"),
    # Where the portal has a name: test_passkeys.
    *("passkeys.add", "passkeys.rename"),
}
LINKS = re.compile(r'<a\b[^>]*\bhref="(/[^"#?]*)')
FORMS = re.compile(r'<form\b[^>]*\baction="/[^"?]*?(\w*)["?]')
SCRIPTS = re.compile(r'<script\b[^>]*\bsrc="([^"]+)')
SHEETS = re.compile(r'<link\b[^>]*\bhref="([^"]+)')
DESKTOP, PHONE = 1280, 320
KILOBYTE = 1000
RUN_AXE = "options => axe.run(options).then(results => results.violations)"
ONLY_VIOLATIONS = {"resultTypes": ["violations"]}
CONTRAST = {"runOnly": ["color-contrast"]}
# Width, colour scheme and options of axe. Dark changes nothing but colours, Arabic nothing of them; what is to be seen
# on a phone is the same in both languages.
IN_ENGLISH: list[tuple[int, str, dict[str, Any] | None]] = [
    (DESKTOP, "light", {}),
    (DESKTOP, "dark", CONTRAST),
    (PHONE, "light", None),
]
IN_ARABIC: list[tuple[int, str, dict[str, Any] | None]] = [(DESKTOP, "light", None), (PHONE, "light", {})]


@dataclass
class Walk:
    """The pages that one person finds following links from home.

    Of a route with many pages it keeps two that offer other links and forms than those seen, out of the first six.
    """

    context: BrowserContext
    routes: MapAdapter
    offers: set[tuple[str, frozenset[str]]]
    found: dict[str, list[str]] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    weights: dict[str, int] = field(default_factory=dict)

    @property
    def pages(self) -> list[str]:
        return [path for paths in self.found.values() for path in paths]

    def follow(self, starts: list[str]) -> None:
        waiting, seen = list(starts), set(starts)
        tried: Counter[str] = Counter()
        while waiting:
            path = waiting.pop(0)
            endpoint = self.endpoint(path)
            known = self.found.setdefault(endpoint, [])
            tried[endpoint] += 1
            if tried[endpoint] > 6:
                continue
            answer = self.context.request.get(path)
            self.answered.add(endpoint)
            if "html" not in answer.headers["content-type"]:
                continue
            page = answer.text()
            links = LINKS.findall(page)
            offer = (endpoint, frozenset([self.endpoint(link) for link in links] + FORMS.findall(page)))
            if offer not in self.offers and len(known) < 2:
                known.append(path)
            self.offers.add(offer)
            waiting += [
                link for link in dict.fromkeys(links) if link not in seen and not link.startswith("/api")
            ]
            seen |= set(links)

    def weight(self, address: str) -> int:
        """Bytes of a file, compressed as a proxy in front compresses it."""
        if address not in self.weights:
            self.weights[address] = len(gzip.compress(self.context.request.get(address).body()))
        return self.weights[address]

    def endpoint(self, path: str) -> str:
        try:
            return str(self.routes.match(path, method="GET")[0])
        except HTTPException:
            return "none"


@pytest.fixture(scope="module")
def portal(new_instance: Callable[[str], Path]) -> Iterator[Portal]:
    """A portal with the demo's people, and with the style guide, whose components are pages too."""
    portal = Portal(new_instance("every-page"), PORTAL_DEMO="1", PORTAL_STYLEGUIDE="1").start()
    yield portal
    portal.stop()


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> MapAdapter:
    app = create_app(load_settings(environment(tmp_path_factory.mktemp("routes"))))
    return app.url_map.bind("")


@pytest.fixture(scope="module")
def walks(browser: Browser, portal: Portal, routes: MapAdapter) -> Iterator[dict[str, list[Walk]]]:
    """Everybody's pages, each person signed in once."""
    walks: dict[str, list[Walk]] = {}
    for role, people in PEOPLE.items():
        offers: set[tuple[str, frozenset[str]]] = set()
        for email in people or [""]:
            context = browser.new_context(base_url=portal.url, reduced_motion="reduce")
            if email:
                page = context.new_page()
                page.goto("/login")
                page.fill("[name=email]", email)
                page.fill("[name=password]", PASSWORD)
                page.get_by_role("button", name="Sign in").click()
                page.wait_for_url(re.compile(rf"/{role}/$"))
                page.close()
            walk = Walk(context, routes, offers)
            walk.follow([f"/{role}/" if email else "/", *HIDDEN.get(role, [])])
            walks.setdefault(role, []).append(walk)
    yield walks
    for walk in chain.from_iterable(walks.values()):
        walk.context.close()


@pytest.mark.parametrize("role", PEOPLE)
def test_axe_finds_nothing_in_light_dark_and_arabic_on_narrow_and_wide_pages(
    walks: dict[str, list[Walk]], role: str
):
    findings: list[str] = []
    for walk in walks[role]:
        page = walk.context.new_page()
        for path in walk.pages:
            page.goto(path)
            findings += [f"{path}: {finding}" for finding in judged(page, IN_ENGLISH)]
        speak(page, "ar")
        for path in walk.pages:
            page.goto(path)
            assert page.locator("html").get_attribute("dir") == "rtl"
            findings += [f"{path} in Arabic: {finding}" for finding in judged(page, IN_ARABIC)]
        speak(page, "en")
        page.close()
    assert findings == [], "\n".join(findings)


def judged(page: Page, looks: list[tuple[int, str, dict[str, Any] | None]]) -> Iterator[str]:
    """What is wrong with the page that is open, at each width and colour scheme; axe looks if it has options."""
    page.evaluate(Axe().axe_script)
    for width, scheme, options in looks:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            yield f"{wide} px wide on {width}"
        violations = [] if options is None else page.evaluate(RUN_AXE, ONLY_VIOLATIONS | options)
        for violation in violations:
            places = [node["html"][:160] for node in violation["nodes"][:3]]
            yield f"{width} {scheme} {violation['id']}: {places}"


def speak(page: Page, language: str) -> None:
    """Choose the language as a reader does, in the foot of a page; for visitors its link leads to the button."""
    page.goto("/account")
    if "/login" in page.url:
        page.locator(f"footer a[lang={language}]").click()
        page.locator(f"main button[value={language}]").click()
    else:
        page.locator(f"footer button[value={language}]").click()
    page.wait_for_selector(f"html[lang={language}]")


def test_every_page_is_valid_html(walks: dict[str, list[Walk]], tmp_path: Path):
    pages = [(walk, path) for walk in chain.from_iterable(walks.values()) for path in walk.pages]
    for number, (walk, path) in enumerate(pages):
        (tmp_path / f"{number}.html").write_bytes(walk.context.request.get(path).body())
    faults = [
        f"{pages[int(Path(file['filePath']).stem)][1]}:{fault['line']} {fault['ruleId']}: {fault['message']}"
        for file in html_faults(tmp_path)
        for fault in file["messages"]
    ]
    assert len(pages) > 40
    assert faults == [], "\n".join(faults)


def test_a_link_leads_to_every_page(walks: dict[str, list[Walk]], routes: MapAdapter):
    answered = {endpoint for each in walks.values() for walk in each for endpoint in walk.answered}
    answering = {
        rule.endpoint
        for rule in routes.map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.rule.startswith("/api")
    }
    assert answering - answered - OF_SOME_PLANS == UNLINKED


def test_first_loads_are_light(walks: dict[str, list[Walk]]):
    heavy: list[str] = []
    for walk in chain.from_iterable(walks.values()):
        for path in walk.pages:
            html = walk.context.request.get(path).body()
            scripts = sum(walk.weight(address) for address in SCRIPTS.findall(html.decode()))
            # The font is one of the sheets' addresses: it is preloaded, but where letters are Arabic.
            rest = sum(walk.weight(address) for address in SHEETS.findall(html.decode()))
            page = len(gzip.compress(html))
            if page > 14 * KILOBYTE or scripts > 20 * KILOBYTE or page + scripts + rest > 60 * KILOBYTE:
                heavy.append(f"{path}: {page} of HTML, {scripts} of scripts, {rest} of sheets and icons")
    assert heavy == [], "\n".join(heavy)


# What sticks out of a page, and amounts that are broken over two lines.
SPOILED = """() => {
    const width = document.documentElement.clientWidth;
    const out = document.documentElement.scrollWidth > width
        ? [...document.querySelectorAll("body *:not(thead *)")].filter(
            e => e.getBoundingClientRect().right > width + 1) : [];
    const broken = [...document.querySelectorAll(".amount")].filter(
        e => e.textContent.length < 16 && e.getClientRects().length > 1);
    const name = e => `${e.tagName}.${e.className}: ${e.textContent.trim().slice(0, 40)}`;
    return [...out.slice(-2), ...broken.slice(0, 2)].map(name);
}"""


@pytest.mark.parametrize("role", PEOPLE)
def test_with_a_default_font_of_32_px_no_phones_page_scrolls_sideways_and_no_amount_breaks(
    walks: dict[str, list[Walk]],
    portal: Portal,
    browser_type: BrowserType,
    browser_type_launch_args: dict[str, Any],
    role: str,
):
    large = ["--blink-settings=defaultFontSize=32", *browser_type_launch_args["args"]]
    with browser_type.launch(**browser_type_launch_args | {"args": large}) as browser:
        spoiled = []
        for walk in walks[role]:
            state = walk.context.storage_state()
            context = browser.new_context(
                base_url=portal.url, storage_state=state, viewport={"width": 390, "height": 844}
            )
            page = context.new_page()
            for path in walk.pages:
                page.goto(path)
                assert page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") == 32
                spoiled += [f"{path}: {what}" for what in page.evaluate(SPOILED)]
            context.close()
    assert spoiled == [], "\n".join(spoiled)


# Buttons that can be seen and are too low for a finger.
TOO_LOW = """() => [...document.querySelectorAll("main .btn, header .btn, .sections a, .foot-links a")]
    .filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 43.5)
    .slice(0, 3).map(e => `${e.className}: ${e.textContent.trim()}`)"""


@pytest.mark.parametrize("role", PEOPLE)
def test_where_a_finger_points_buttons_are_44_px_high(
    walks: dict[str, list[Walk]], portal: Portal, browser: Browser, role: str
):
    low = []
    for walk in walks[role]:
        state = walk.context.storage_state()
        phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
        context = browser.new_context(base_url=portal.url, storage_state=state, **phone)
        page = context.new_page()
        for path in walk.pages:
            page.goto(path)
            low += [f"{path}: {what}" for what in page.evaluate(TOO_LOW)]
        context.close()
    assert low == [], "\n".join(low)


def test_a_phones_dashboard_takes_three_screens(
    walks: dict[str, list[Walk]], portal: Portal, browser: Browser
):
    state = walks["merchant"][0].context.storage_state()
    context = browser.new_context(
        base_url=portal.url, storage_state=state, viewport={"width": 390, "height": 844}
    )
    page = context.new_page()
    page.goto("/merchant/")
    assert page.locator(".figure").count() == 4
    assert page.evaluate("document.documentElement.scrollHeight") <= 2500
    context.close()


# Cards out of which something sticks; a table reaches into its card's padding.
SPILLING = """() => [...document.querySelectorAll(".card")]
    .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent.trim().slice(0, 40))"""


@pytest.mark.parametrize("role", PEOPLE)
def test_nothing_sticks_out_of_its_card_on_a_tablet_or_a_desktop(
    walks: dict[str, list[Walk]], portal: Portal, browser: Browser, role: str
):
    spilling = []
    for walk in walks[role]:
        context = browser.new_context(base_url=portal.url, storage_state=walk.context.storage_state())
        page = context.new_page()
        for path in walk.pages:
            page.goto(path)
            for width in (768, 1280):
                page.set_viewport_size({"width": width, "height": 900})
                spilling += [f"{path} at {width}: {what}" for what in page.evaluate(SPILLING)]
        context.close()
    assert spilling == [], "\n".join(spilling)
