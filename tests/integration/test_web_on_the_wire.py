"""What crosses the network: compressed, static files once a year, and nothing whose length betrays a secret."""

import gzip
import re

import brotli
import pytest

from portal.http_compression import masked, unmasked
from tests import factories

ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
BROWSER = {"Accept-Encoding": "gzip, deflate, br, zstd"}
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def fetched(client, path, headers=BROWSER):
    """A page and all that it loads: the bytes on the wire of each, by its address."""
    page = client.get(path, headers=headers)
    text = client.get(path).get_data(as_text=True)
    sizes = {path: len(page.data)}
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', text):
        sizes[address] = len(client.get(address, headers=headers, buffered=True).data)
    return sizes


@ON_SQLITE
def test_the_landing_page_with_all_it_loads_takes_at_most_45_kb(client):
    sizes = fetched(client, "/")
    assert len(sizes) >= 7
    assert sum(sizes.values()) <= 45_000, sizes


@ON_SQLITE
def test_the_dashboard_with_all_it_loads_takes_at_most_60_kb(client, session):
    shop = factories.make_merchant(session)
    factories.accepted_plan(session, shop, factories.make_customer(session))
    client.submit("/login", {"email": shop.email, "password": factories.PASSWORD})
    sizes = fetched(client, "/merchant/")
    assert sum(sizes.values()) <= 60_000, sizes
    assert sizes["/merchant/"] <= 14_000


@ON_SQLITE
@pytest.mark.parametrize(
    ("asked", "read"),
    [
        ("gzip", gzip.decompress),
        ("br", brotli.decompress),
        ("identity", bytes),
        ("", bytes),
        ("nonsense", bytes),
    ],
)
def test_an_answer_is_compressed_as_the_client_asks(client, asked, read):
    plain = client.get("/api/openapi.json").data
    answer = client.get("/api/openapi.json", headers={"Accept-Encoding": asked})
    assert read(answer.data) == plain
    assert "Accept-Encoding" in answer.headers["Vary"]


@ON_SQLITE
def test_a_static_file_is_kept_for_a_year_at_the_address_of_its_content(client):
    address = re.search(r'href="(/static/css/tokens[^"]+)"', client.get("/").get_data(as_text=True))[1]
    answer = client.get(address, buffered=True)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Cookie" not in answer.headers["Vary"] and "Set-Cookie" not in answer.headers
    again = client.get(address, headers={"If-None-Match": answer.headers["ETag"]}, buffered=True)
    assert again.status_code == 304


@ON_SQLITE
@pytest.mark.parametrize("version", ["", "?v=", "?v=000000000000", "?w=1"])
def test_at_any_other_address_it_is_asked_for_again(client, version):
    answer = client.get(f"/static/css/tokens.css{version}", buffered=True)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")


def test_a_masked_token_is_other_text_each_time_and_comes_back():
    written = {masked("ImFi.aGk.Zm9v-_x") for _ in range(100)}
    assert len(written) == 100
    assert {unmasked(text) for text in written} == {"ImFi.aGk.Zm9v-_x"}


@pytest.mark.parametrize(
    "text", ["", "x", "=", "ünmasked", "AAAA", "////", "a" * 5000, "0" * 31, "\x00", "é"]
)
def test_other_text_is_no_token(text):
    assert unmasked(text).strip("\x00") == ""


@ON_SQLITE
def test_each_answer_masks_its_token_anew_and_both_are_good(client, session):
    ada = factories.make_customer(session)
    seen = [set(TOKEN.findall(client.get("/login").get_data(as_text=True))) for _ in range(2)]
    assert [len(tokens) for tokens in seen] == [1, 1], "one token in all forms of a page"
    assert not seen[0] & seen[1]
    for tokens in seen:
        sent = {"email": ada.email, "password": "a wrong guess", "csrf_token": tokens.pop()}
        assert client.post("/login", data=sent).status_code == 422


@ON_SQLITE
def test_a_token_that_is_not_masked_is_refused(client, app):
    with client.session_transaction() as kept:
        kept["csrf_token"] = "0" * 40
    with app.test_request_context():
        from flask import session
        from flask_wtf.csrf import generate_csrf

        session["csrf_token"] = "0" * 40
        plain = generate_csrf()
    sent = {"email": "ada@example.com", "password": "a wrong guess"}
    assert client.post("/login", data=sent | {"csrf_token": plain}).status_code == 400
    assert client.post("/login", data=sent | {"csrf_token": masked(plain)}).status_code == 422


@ON_SQLITE
def test_an_answer_with_another_secret_is_not_compressed(client, session):
    ada = factories.make_customer(session)
    client.submit("/login", {"email": ada.email, "password": factories.PASSWORD})
    encodings = {
        path: client.get(path, headers=BROWSER).headers.get("Content-Encoding")
        for path in ("/customer/", "/customer/calendar", "/reset/x")
    }
    assert encodings == {"/customer/": "zstd", "/customer/calendar": None, "/reset/x": None}
