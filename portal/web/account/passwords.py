"""Passwords on pages: the one step that checks a password, the one that hashes a new one, and the forms of a link."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from portal.core.accounts import NAME_LONGEST
from portal.extensions import adapters, db, now
from portal.services import sign_in
from portal.services.attempts import KnownBrowser
from portal.services.sign_in import Authenticated
from portal.web.fields import PasswordField, TextField
from portal.web.forms import PageForm
from portal.web.guards import origin

from . import known_browser


class ClaimForm(PageForm):
    """For who opens an account by the link of an email, which names the address."""

    name = TextField(_l("Your name"), longest=NAME_LONGEST)
    password = PasswordField(_l("Choose a password"))


class ReturnForm(PageForm):
    """For who has an account with the address of the link."""

    password = PasswordField(_l("Password"))


def authenticate(identifier: str, password: str, browser: KnownBrowser | None = None) -> Authenticated | None:
    """Whose email or username and password these are, or None. Attempts count for ``browser``, or for this one.

    Raises ``TooMany`` after ten wrong passwords in five minutes.
    """
    typed = identifier, password, origin(), now()
    return sign_in.authenticate(
        db.session, adapters().passwords, *typed, browser=browser or known_browser.find()
    )


def hashed(password: str) -> str:
    """Hashing takes a while, and no transaction waits for it."""
    db.session.rollback()
    return adapters().passwords.hash(password)
