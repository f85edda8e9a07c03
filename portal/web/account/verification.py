"""Verifying one's address: the link that signing up sends, and the button that sends it again."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, current_app, make_response, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.adapters import link_tokens
from portal.core.errors import Conflict, NotFound
from portal.core.links import Purpose
from portal.extensions import db, limiter, now
from portal.services import verification
from portal.services.sign_in import Authenticated
from portal.services.transaction import unit_of_work
from portal.web.guards import actor, home_url, public, referring_page, signed_in
from portal.web.rendering import done

from . import second_step
from .passwords import ReturnForm, authenticate

bp = Blueprint("verification", __name__)

OPEN_TO_ALL = "120 per minute"


@bp.get("/signup/sent")
@public
def sent() -> str:
    """The same page for every address that was signed up with."""
    return render_template("auth/sent.html")


@bp.route("/verify/<token>", methods=["GET", "POST"])
@public
@limiter.limit(OPEN_TO_ALL, methods=["POST"])
def verify(token: str) -> ResponseReturnValue:
    """GET verifies nothing: scanners of mail follow links."""
    link_id = _read(token)
    try:
        link, _user = verification.find_verification(db.session, link_id, now(), lock=False)
    except (Conflict, NotFound) as error:
        return _spent(error)
    email, form = link.email, ReturnForm()
    if form.validate_on_submit():
        with form.collecting():
            found = _confirm(link_id, email, form.password.data)
            verified = _("Your email address is verified.")
            answer = second_step.after_password(found, None, verified) if found else None
            if answer:
                return answer
            form.password.errors = [_("This is not the password that was chosen at sign-up.")]
    page = render_template("auth/verify.html", form=form, email=email, token=token)
    return page, 422 if form.errors else 200


def _confirm(link_id: UUID | None, email: str, password: str) -> Authenticated | None:
    """Whose address is verified by that, or None for a wrong password. Raises as ``verification.confirm`` does."""
    found = authenticate(email, password)
    if found is None:
        return None
    with unit_of_work(db.session):
        verification.confirm(db.session, link_id, found.user_id, now())
    return found


@bp.post("/verify/<token>/reject")
@public
@limiter.limit(OPEN_TO_ALL)
def reject(token: str) -> Response:
    try:
        with unit_of_work(db.session):
            verification.reject(db.session, _read(token), now())
    except (Conflict, NotFound) as error:
        return _spent(error)
    return done(url_for("auth.login"), _("The account is removed. You will get no more emails about it."))


@bp.post("/account/verify-email")
@signed_in
def send_again() -> Response:
    if current_app.config["VERIFY_EMAIL"]:
        with unit_of_work(db.session):
            verification.send_again(db.session, actor(), now())
    text = _(
        "We have sent the email again. If it does not arrive, wait a few minutes and look in your spam folder."
    )
    return done(referring_page() or home_url(actor()), text, "info")


def _read(token: str) -> UUID | None:
    return link_tokens.read(current_app.config["SECRET_KEY"], Purpose.VERIFY_EMAIL, token)


def _spent(error: Conflict | NotFound) -> Response:
    """A page of its own for a link that was used or expired (410), and for what was never one (404)."""
    status = 404 if isinstance(error, NotFound) else 410
    return make_response(render_template("auth/link_spent.html", reason=error.code), status)
