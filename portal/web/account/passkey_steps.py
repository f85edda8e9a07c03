"""A passkey in place of the password, of the code after it, or of both where one is asked again."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from portal.adapters.passkeys import request_options
from portal.core.passkeys import Purpose
from portal.core.sessions import PAGES_LAST
from portal.extensions import db, limiter, now
from portal.queries.passkeys import credential_ids
from portal.services import passkeys, sessions
from portal.services.sign_in import Authenticated, open_for
from portal.services.transaction import unit_of_work
from portal.web.guards import actor, local_path, origin, public, session_id, signed_in

from . import auth, challenges, confirmation, known_browser, second_step

bp = Blueprint("passkey_steps", __name__)

TRIES = "300 per minute"


@bp.post("/login/passkey/options")
@public
@limiter.limit(TRIES)
def sign_in_options() -> Response:
    return challenges.send(request_options(challenges.site(), challenges.give(Purpose.SIGN_IN)))


@bp.post("/login/passkey")
@public
@limiter.limit(TRIES)
def sign_in() -> ResponseReturnValue:
    """Sign in without a password: the device has verified the person, so it counts as both factors."""
    site, form, target = challenges.site(), challenges.PasskeyForm(), _target()
    if form.validate():
        with form.collecting():
            answer = challenges.answered(Purpose.SIGN_IN, form)
            used = passkeys.check(db.session, site, answer, now())
            opened = _open(Authenticated(used.user_id, used.version))
            return opened or redirect(url_for("auth.login", next=target), 303)
    return auth.sign_in_page(auth.SignInForm(formdata={}), target, form)


@bp.post("/login/code/passkey/options")
@public
@limiter.limit(TRIES)
def second_options() -> Response:
    found = second_step.find()
    if found is None:
        return second_step.start_over(None)
    allowed = credential_ids(db.session, found.user_id)
    return challenges.send(request_options(challenges.site(), challenges.give(Purpose.SECOND_STEP), allowed))


@bp.post("/login/code/passkey")
@public
@limiter.limit(TRIES)
def second() -> ResponseReturnValue:
    """The passkey of whose password was right before."""
    form, target, found = challenges.PasskeyForm(), _target(), second_step.find()
    if found is None:
        return second_step.start_over(target)
    site = challenges.site()
    if form.validate():
        with form.collecting():
            answer = challenges.answered(Purpose.SECOND_STEP, form)
            passkeys.check(db.session, site, answer, now(), user_id=found.user_id)
            return _open(found) or second_step.start_over(target)
    return second_step.page(found, second_step.CodeForm(formdata={}), target, form)


@bp.post("/account/confirm/passkey/options")
@signed_in
def confirm_options() -> Response:
    allowed = credential_ids(db.session, actor().id)
    return challenges.send(request_options(challenges.site(), challenges.give(Purpose.CONFIRM), allowed))


@bp.post("/account/confirm/passkey")
@signed_in
def confirm() -> ResponseReturnValue:
    site, form, target = challenges.site(), challenges.PasskeyForm(), _target()
    if form.validate():
        with form.collecting():
            answer = challenges.answered(Purpose.CONFIRM, form)
            passkeys.check(db.session, site, answer, now(), user_id=actor().id)
            with unit_of_work(db.session):
                sessions.confirm(db.session, session_id(), now())
            return redirect(target or url_for("security.show"), 303)
    return confirmation.page(confirmation.ConfirmForm(formdata={}), target, form)


def _open(found: Authenticated) -> Response | None:
    """The session of who has proved both factors; None if the password was changed meanwhile."""
    opened = open_for(
        db.session,
        found,
        origin(),
        now(),
        lasts=PAGES_LAST,
        browser=known_browser.find(),
        with_code=True,
    )
    return second_step.enter(opened, _target()) if opened else None


def _target() -> str | None:
    return local_path(request.args.get("next"))
