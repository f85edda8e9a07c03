"""Passkeys in a browser: the challenge that it is given, kept in its signed cookie, and the form that answers it."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Response, current_app, make_response, render_template
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms.widgets import HiddenInput

from portal.core.errors import N_, InvalidInput, NotFound
from portal.core.passkeys import ANSWER_LONGEST, CHALLENGES_LAST, Answer, Purpose, Site
from portal.extensions import now
from portal.web.fields import KeyField
from portal.web.forms import PageForm
from portal.web.guards import session_id

_KEY = "challenge"


class CredentialField(KeyField):
    """What the browser's passkey answered, as JSON; never shown again."""

    widget = HiddenInput()

    def __init__(self, **options: Any) -> None:
        super().__init__(longest=ANSWER_LONGEST, **options)

    def _value(self) -> str:
        return ""


class PasskeyForm(PageForm):
    credential = CredentialField()


def available() -> bool:
    """Whether browsers let this portal use passkeys."""
    return current_app.config["PASSKEY_DOMAIN"] is not None


def site() -> Site:
    """Raises ``NotFound`` where browsers do not let this portal use passkeys."""
    if not available():
        raise NotFound()
    return Site(current_app.config["PASSKEY_DOMAIN"], current_app.config["PORTAL_ORIGIN"])


def give(purpose: Purpose) -> bytes:
    """A new challenge for this browser and purpose; it takes the place of the last."""
    challenge = secrets.token_bytes(32)
    about = {"purpose": purpose, "session": _session(), "at": now().timestamp()}
    cookie[_KEY] = about | {"challenge": challenge.hex()}
    return challenge


def answered(purpose: Purpose, form: PasskeyForm) -> Answer:
    """The browser's answer to the challenge that it was given. Raises ``InvalidInput`` at ``credential``."""
    given = cookie.pop(_KEY, None)
    if (
        not given
        or (given["purpose"], given["session"]) != (purpose, _session())
        or now().timestamp() - given["at"] > CHALLENGES_LAST.total_seconds()
    ):
        raise InvalidInput.at(
            "credential", N_("The passkey was not asked for here, or too long ago. Try again.")
        )
    return Answer(bytes.fromhex(given["challenge"]), form.credential.data)


def send(options: str) -> Response:
    """What the page's script gives to the browser."""
    return make_response(options, 200, {"Content-Type": "application/json"})


def page(template: str, form: PageForm, passkey: PasskeyForm | None, **context: Any) -> ResponseReturnValue:
    """A page with a form, and another one for a passkey."""
    passkey = passkey or PasskeyForm(formdata={})
    shown = render_template(template, form=form, passkey=passkey, passkeys_work=available(), **context)
    return shown, 422 if form.errors or passkey.errors else 200


def _session() -> str:
    return str(session_id()) if current_user.is_authenticated else ""
