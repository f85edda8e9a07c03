"""The headers of every answer, errors too: strict content policy, nothing stored of the signed in, guarded cookies."""

from __future__ import annotations

import pytest

from config import load_settings
from portal import create_app
from portal.web.guards import public
from tests import browserlike, factories
from tests.factories import PASSWORD

# Written out, so that a directive that is loosened in the program is seen here.
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "frame-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}


@pytest.fixture
def app(own_app):
    """Has a page that breaks."""
    return own_app


@pytest.fixture
def answers(app, client, session):
    """One answer of every kind that the portal gives, by its status or name."""

    @public
    def broken():
        raise RuntimeError("tried on purpose")

    app.add_url_rule("/broken", view_func=broken)
    factories.make_merchant(session)
    return {
        200: client.get("/"),
        "static": client.get("/static/css/tokens.css", buffered=True),
        "fragment": client.get("/nowhere", headers={"HX-Request": "true"}),
        303: client.get("/account"),
        400: client.post("/login"),
        404: client.get("/nowhere"),
        405: client.get("/logout"),
        410: client.get("/reset/x"),
        413: client.post("/login", data={"email": "x" * 1_000_001}),
        422: client.submit("/login", {"email": "corner.shop@example.com", "password": "a wrong guess"}),
        500: client.get("/broken"),
        "health": client.get("/readyz"),
    }


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_every_answer_is_guarded(answers):
    for name, answer in answers.items():
        assert isinstance(name, str) or answer.status_code == name
        headers = answer.headers
        directives = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert directives == POLICY, name
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert headers["X-Frame-Options"] == "DENY", name
        assert headers["Referrer-Policy"] == "same-origin", name
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", name
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin", name
        assert {"camera=()", "geolocation=()", "payment=()"} <= set(
            headers["Permissions-Policy"].split(", ")
        ), name
        assert "Strict-Transport-Security" not in headers, name
        assert "Server" not in headers or "Werkzeug" not in headers["Server"], name
    numbers = [answer.headers["X-Request-Id"] for answer in answers.values()]
    assert len(set(numbers)) == len(numbers) and all(numbers)


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_an_error_says_nothing_about_the_inside(answers):
    page = answers[500].get_data(as_text=True)
    assert "tried on purpose" not in page and "Traceback" not in page and "RuntimeError" not in page
    assert answers[500].headers["X-Request-Id"] in page


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_what_a_signed_in_person_sees_is_never_stored(client, session):
    assert client.get("/login").headers["Cache-Control"] == "no-cache"
    factories.make_customer(session)
    signing_in = client.submit("/login", {"email": "ada.buyer@example.com", "password": PASSWORD})
    seen = [
        signing_in,
        *(client.get(path) for path in ("/account", "/customer/", "/admin/", "/", "/merchant/")),
    ]
    assert {answer.status_code for answer in seen} == {200, 303, 403}
    for answer in seen:
        assert answer.headers["Cache-Control"] == "no-store", answer.request.path


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_pages_behind_a_link_with_a_secret_are_never_stored(client):
    assert client.get("/reset/x").headers["Cache-Control"] == "no-store"
    assert client.get("/forgot").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_visitor_gets_no_cookie_where_nothing_is_kept(app, answers):
    del answers[422]
    for path in ("/", "/forgot", "/healthz", "/api/openapi.json", "/api/docs/", "/api/nothing/"):
        answers[path] = app.test_client().get(path)
    kept = {name for name, answer in answers.items() if "Set-Cookie" in answer.headers}
    assert kept == {"/forgot"}, "a form has a token, which the browser has to keep"


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "https://portal.example.com"])
def test_cookies_are_kept_from_scripts_and_other_sites(environ, url):
    settings = environ | {"PORTAL_URL": url, "PORTAL_PASSWORDS": ""}
    app = create_app(load_settings(settings) | {"TESTING": True})
    app.test_client_class = browserlike.Client
    answer = app.test_client().get("/login", base_url=url)
    cookies = answer.headers.getlist("Set-Cookie")
    assert len(cookies) == 1
    attributes = {part.strip().lower() for part in cookies[0].split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= attributes
    assert ("secure" in attributes) == url.startswith("https")
    assert ("Strict-Transport-Security" in answer.headers) == url.startswith("https")
    assert not any(attribute.startswith("domain") for attribute in attributes)
    assert cookies[0].startswith("__Host-session=" if url.startswith("https") else "session=")
    # It is the operator's word that counts, not how this request came in.
    plain = app.test_client().get("/login", base_url=url.replace("https:", "http:"))
    assert ("Strict-Transport-Security" in plain.headers) == url.startswith("https")
    assert plain.headers["Set-Cookie"].startswith(cookies[0].partition("=")[0])
