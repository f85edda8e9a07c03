"""Links in emails with which a reader could act as the recipient: which emails have them, and what they hold."""

from __future__ import annotations

import re

import pytest

from portal.adapters import reset_tokens
from portal.presentation.emails import EmailRenderer
from tests.integration.email_cases import BASE, SECRET, USER_ID
from tests.integration.test_emails import KINDS, message
from tests.integration.test_emails import emails as emails


def test_the_reset_link_holds_the_user_and_dies_with_the_password(emails: EmailRenderer, monkeypatch):
    text = emails.write(message("password_reset")).text
    token = re.search(rf"{BASE}/reset/(\S+)", text)[1]
    assert reset_tokens.read(SECRET, token) == (USER_ID, 4)
    assert reset_tokens.read("another key", token) is None
    monkeypatch.setattr(reset_tokens, "RESET_SECONDS", -1)
    assert reset_tokens.read(SECRET, token) is None


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "\ud800", "." * 9999, "WyIwIiwxXQ.x.y"])
def test_a_token_not_made_here_is_none(token: str):
    assert reset_tokens.read(SECRET, token) is None


def test_no_other_email_can_set_a_password(emails: EmailRenderer):
    assert not [
        kind for kind in KINDS if kind != "password_reset" and "/reset/" in emails.write(message(kind)).text
    ]
