"""``/.well-known/security.txt`` says whom to tell about a weakness, and does not go stale."""

from datetime import UTC, datetime, timedelta

import pytest

from config import ConfigError, load_settings
from portal import create_app
from tests.databases import environment

PATH = "/.well-known/security.txt"


def asked(tmp_path, **more):
    environ = environment(tmp_path, PORTAL_URL="http://127.0.0.1:8000", **more)
    return create_app(load_settings(environ)).test_client().get(PATH)


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("security@example.com", "mailto:security@example.com"),
        ("mailto:Security@example.com", "mailto:security@example.com"),
        ("https://example.com/security", "https://example.com/security"),
    ],
)
def test_it_names_the_contact_and_when_it_ends(tmp_path, contact, shown):
    answer = asked(tmp_path, PORTAL_SECURITY_CONTACT=contact)
    assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert fields["Contact"] == shown
    assert fields["Canonical"] == f"http://127.0.0.1:8000{PATH}"
    ends = datetime.fromisoformat(fields["Expires"])
    assert timedelta(days=170) < ends - datetime.now(UTC) < timedelta(days=365)


def test_it_may_be_cached_for_a_day_and_sets_no_cookie(tmp_path):
    answer = asked(tmp_path, PORTAL_SECURITY_CONTACT="security@example.com")
    assert answer.headers["Cache-Control"] == "public, max-age=86400"
    assert "Set-Cookie" not in answer.headers


def test_without_a_contact_there_is_no_such_file(tmp_path):
    assert asked(tmp_path).status_code == 404


@pytest.mark.parametrize(
    "contact",
    [
        "nobody",
        "http://example.com/security",
        "https://",
        "a@example.com\nContact: b@example.com",
        "javascript:1",
    ],
)
def test_a_senseless_contact_stops_the_start(tmp_path, contact):
    with pytest.raises(ConfigError, match="PORTAL_SECURITY_CONTACT must be an email address"):
        load_settings(environment(tmp_path, PORTAL_SECURITY_CONTACT=contact))
