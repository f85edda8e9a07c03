"""In which language pages speak, how it is chosen, and that no page of the portal has forgotten a word of Arabic."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from flask import Response
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.core.roles import Role
from portal.models import User
from portal.services.transaction import unit_of_work
from portal.web import languages
from tests import factories
from tests.browserlike import Client, sign_in, text
from tests.integration.test_web_guards import ON_SQLITE, guarded_rules, paths, person_of, stamp, world

__all__ = ["world"]  # a fixture

ARABIC = '<html lang="ar" dir="rtl">'
ENGLISH = '<html lang="en" dir="ltr">'

# What people typed in these tests, and names that are the same in every language.
NAMES = re.compile(
    r"\S+@example\.com|\b[A-Z]\w+/\S+|https?://\S+|[0-9a-f-]{36,}|\b[0-9A-Z]{8}(-\d+)?\b"
    r"|Corner Shop|Other Shop|Ada Buyer|Other Buyer|Key Owner|\bAdmin\b|Oak table|Test Browser"
    r"|Tallystick|English|SHA-256|OpenAPI|\b[A-Z]{3,4}\b|US\$"
)


# What is no page, and the page of components for who works on the portal.
UNSPOKEN = ("static", "pages.styleguide", "styleguide.show")


class Said(HTMLParser):
    """The words of a page that are not marked as English, in what it shows and in what it tells to those who listen."""

    SILENT = ("script", "style", "code", "pre")
    VOID = ("input", "br", "meta", "link", "img", "hr", "line", "rect", "path", "circle", "use")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.within: list[bool] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag not in self.VOID:
            self.within.append(tag in self.SILENT or (told.get("lang") == "en" and tag != "html"))
        if not any(self.within):
            self.words += [
                told[name] or "" for name in ("title", "placeholder", "aria-label", "alt") if name in told
            ]

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and self.within:
            self.within.pop()

    def handle_data(self, data: str) -> None:
        if not any(self.within):
            self.words.append(data)


def left_in_english(page: str) -> list[str]:
    """The words of three Latin letters and more that are nobody's name."""
    words = [NAMES.sub("", said) for said in Said(page).words]
    return [said.strip() for said in words if re.search(r"[A-Za-z]{3}", said)]


def choose(client: Client, language: str, page: str = "/") -> str:
    """Press the button in the page's foot, for visitors one page further; where it leads back to."""
    shown = text(client.get(page))
    link = re.search(r'href="(/language[^"]*)"', shown)
    answer = client.submit("/language", {"language": language}, page=link[1] if link else page)
    assert answer.status_code == 303
    return answer.location


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("ar", ARABIC),
        ("ar-SA,ar;q=0.9,en;q=0.5", ARABIC),
        ("de,ar;q=0.5", ARABIC),
        ("en-GB,ar;q=0.5", ENGLISH),
        ("de", ENGLISH),
        ("", ENGLISH),
        ("*", ENGLISH),
        ("ar;q=0", ENGLISH),
        ("\x7f;;q=x,,", ENGLISH),
    ],
)
@ON_SQLITE
def test_a_visitor_is_met_in_the_browsers_language(client, asked, shown):
    assert shown in text(client.get("/", headers={"Accept-Language": asked}))


@ON_SQLITE
def test_the_picture_on_the_start_page_has_the_readers_amounts_whoever_came_before(client):
    assert text(client.get("/", headers={"Accept-Language": "en"})).count("$33.33") == 3
    page = text(client.get("/", headers={"Accept-Language": "ar"}))
    assert re.findall(r"\$\d", page) == [] and page.count("33.33") == 3


@ON_SQLITE
def test_the_foot_of_a_page_changes_the_language_and_leads_back(client):
    assert choose(client, "ar", "/login?next=/account") == "/login?next=/account"
    page = text(client.get("/login", headers={"Accept-Language": "en"}))
    assert ARABIC in page and "تسجيل الدخول" in page and 'lang="en">English</a>' in page
    assert choose(client, "en", "/login") == "/login"
    assert ENGLISH in text(client.get("/login", headers={"Accept-Language": "ar"}))


@ON_SQLITE
def test_the_answer_to_a_form_leads_back_to_the_forms_page(client):
    answer = client.submit("/login", {"email": "nobody", "password": "wrong"})
    assert answer.status_code == 422
    assert 'href="/language?next=/login"' in text(answer)


@ON_SQLITE
def test_an_address_with_a_secret_is_not_repeated_in_another(client):
    page = text(client.get("/reset/a-secret"))
    assert 'href="/language"' in page
    shown = text(client.get("/language", headers={"Referer": "http://localhost/reset/a-secret"}))
    assert 'name="next" value="/reset/a-secret"' in shown
    elsewhere = text(client.get("/language", headers={"Referer": "http://evil.example/reset/a-secret"}))
    assert 'name="next" value="/"' in elsewhere


@ON_SQLITE
@pytest.mark.parametrize(
    "target",
    ["https://example.com/", "//example.com", "/\\example.com", "/\t/example.com", "javascript:alert(1)", ""],
)
def test_choosing_a_language_leads_nowhere_else(client, target):
    fields = {"language": "ar", "next": target}
    assert client.submit("/language", fields).location == "/"
    shown = client.get("/language", query_string={"next": target})
    assert 'name="next" value="/"' in text(shown)


@ON_SQLITE
@pytest.mark.parametrize("secure", [False, True])
def test_the_choice_is_kept_in_a_safe_cookie(app, secure):
    app.config["SESSION_COOKIE_SECURE"] = secure
    with app.test_request_context():
        cookie = languages.remember(Response(), "ar").headers["Set-Cookie"].split("; ")
    assert {"language=ar", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=31536000"} <= set(cookie)
    assert ("Secure" in cookie) == secure


@ON_SQLITE
@pytest.mark.parametrize("language", ["", "de", "ar\r\nX-Evil: 1", "AR", "x" * 5000])
def test_a_language_that_is_not_spoken_is_refused(client, language):
    answer = client.submit("/language", {"language": language})
    assert answer.status_code == 422
    assert not [c for c in answer.headers.getlist("Set-Cookie") if c.startswith("language=")]
    client.set_cookie("language", "de")
    assert ENGLISH in text(client.get("/"))


def test_ones_own_language_goes_before_the_browsers_and_is_the_emails_too(app, client, session):
    ada = factories.make_customer(session)
    sign_in(client, ada)
    answer = client.submit("/account", {"language": "ar"})
    assert answer.status_code == 303
    page = text(client.get("/account", headers={"Accept-Language": "en"}))
    assert ARABIC in page and "حُفظ حسابك." in page
    assert '<option selected value="ar">' in page
    assert factories.actor(session, ada.id).language == "ar"
    elsewhere = app.test_client()
    elsewhere.set_cookie("language", "en")
    sign_in(elsewhere, ada)
    assert ARABIC in text(elsewhere.get("/customer/"))
    assert choose(elsewhere, "en", "/account") == "/account"
    assert ENGLISH in text(elsewhere.get("/account"))
    assert factories.actor(session, ada.id).language == "en"


@ON_SQLITE
def test_an_account_keeps_the_language_unless_it_is_one_that_is_spoken(client, session):
    ada = factories.make_customer(session)
    sign_in(client, ada)
    answer = client.submit("/account", {"language": "tlh"})
    assert answer.status_code == 422 and 'href="#language"' in text(answer)
    assert client.submit("/account", {"name": "Ada"}).status_code == 303
    assert factories.actor(session, ada.id).language == "en"


@ON_SQLITE
def test_who_signs_up_in_arabic_is_written_to_in_arabic(client, session):
    choose(client, "ar", "/signup")
    new = {
        "role": "merchant",
        "name": "متجر البلوط",
        "email": "shop@example.com",
        "password": factories.PASSWORD,
        "password2": factories.PASSWORD,
        "currency": "SAR",
        "timezone": "Asia/Riyadh",
    }
    assert client.submit("/signup", new).status_code == 303
    page = text(client.get("/merchant/"))
    assert ARABIC in page and "أهلًا بك" in page
    choose(client, "en", "/merchant/")
    client.submit("/logout", {}, page="/merchant/")
    assert ENGLISH in text(client.get("/"))


@ON_SQLITE
def test_an_invited_customer_is_written_to_in_the_shops_language(session):
    shop = factories.make_merchant(session, language="ar")
    plan_id = factories.offered_plan(session, shop, "new@example.com")
    assert language_of(session, "new@example.com") == "ar"
    assert plan_id
    # Who is known has a language already.
    ada = factories.make_customer(session)
    factories.offered_plan(session, shop, ada.email)
    assert language_of(session, ada.email) == "en"


def language_of(session: Session, email: str) -> str:
    session.rollback()
    return session.scalars(select(User.language).where(User.email == email)).one()


@ON_SQLITE
def test_programs_are_answered_in_english(client):
    client.set_cookie("language", "ar")
    answer = client.post(
        "/api/token/", json={"username": "", "password": "x"}, headers={"Accept-Language": "ar"}
    )
    assert answer.status_code in (401, 422)
    assert text(answer).isascii()


@ON_SQLITE
def test_errors_are_told_in_arabic_too(client):
    client.set_cookie("language", "ar")
    for answer in (client.get("/nowhere"), client.get("/logout"), client.post("/signup")):
        assert answer.status_code in (400, 404, 405)
        assert ARABIC in text(answer) and left_in_english(text(answer)) == []
    form = client.submit("/signup", {"role": "merchant", "email": "x", "password": "x"})
    assert form.status_code == 422 and left_in_english(text(form)) == []


@ON_SQLITE
@pytest.mark.parametrize("role", [None, *Role])
def test_every_page_speaks_arabic_from_right_to_left(app, session, world, role):
    with unit_of_work(session):
        session.execute(update(User).values(language="ar"))
    client, wrong, seen = app.test_client(), {}, 0
    if role:
        sign_in(client, person_of(world, role))
    choose(client, "ar", "/account" if role else "/")
    for rule in guarded_rules(app):
        roles = stamp(app, rule) or ()
        if rule.endpoint in UNSPOKEN or "GET" not in rule.methods or (role not in roles if role else roles):
            continue
        for path in paths(app, rule, world):
            answer = client.get(path, buffered=True)
            if answer.mimetype != "text/html" or answer.status_code == 303:
                continue
            page, seen = text(answer), seen + 1
            assert answer.status_code < 500
            assert ARABIC in page, path
            if left := left_in_english(page):
                wrong[path] = left
    assert wrong == {}
    assert seen >= 4


@ON_SQLITE
def test_digits_are_arabic_for_whoever_chose_them(client, session):
    shop, ada = factories.make_merchant(session), factories.make_customer(session)
    factories.accepted_plan(session, shop, ada)
    sign_in(client, ada)
    assert client.submit("/account", {"language": "ar_EG"}).status_code == 303
    page = text(client.get("/customer/"))
    assert ARABIC in page
    assert "٣٣٫٣٤" in page and "٢ مارس ٢٠٢٦" in page and "دُفع ٠ من ٣" in page
    assert [
        said for said in Said(page).words if re.search(r"\d", NAMES.sub("", said)) and said.isascii()
    ] == []
