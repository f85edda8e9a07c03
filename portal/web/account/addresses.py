"""Changing the address that one signs in with, and undoing it from the old mailbox."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, current_app, make_response, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.adapters import link_tokens, reset_tokens
from portal.core.errors import Conflict, NotFound, TooMany
from portal.core.links import Purpose
from portal.extensions import db, limiter, now
from portal.presentation.i18n import error_text
from portal.services import addresses
from portal.services.transaction import unit_of_work
from portal.services.verification import find_link
from portal.web import form_drafts
from portal.web.confirmation import confirmed
from portal.web.fields import EmailField
from portal.web.forms import PageForm
from portal.web.guards import actor, public, session_id, signed_in
from portal.web.rendering import done

bp = Blueprint("addresses", __name__)


class AddressForm(PageForm):
    email = EmailField(_l("New email address"))


@bp.route("/account/email", methods=["GET", "POST"])
@signed_in
@form_drafts.preserve("email")
@confirmed
def change() -> ResponseReturnValue:
    form, verify = AddressForm(form_drafts.restore()), current_app.config["VERIFY_EMAIL"]
    if form.validate_on_submit():
        with form.collecting():
            try:
                with unit_of_work(db.session):
                    args = actor(), form.email.data, session_id(), now()
                    addresses.request_change(db.session, *args, verify=verify)
            except (Conflict, TooMany) as refusal:
                form.email.errors = [error_text(refusal)]
            else:
                asked = _("Open the link that we have sent to the new address. Until then nothing changes.")
                return done(url_for("auth.account"), asked if verify else _changed(), "info")
    return render_template("auth/change_email.html", form=form), 422 if form.errors else 200


@bp.route("/account/email/<token>", methods=["GET", "POST"])
@signed_in
def confirm(token: str) -> ResponseReturnValue:
    """GET changes nothing. Only who asked for the change can confirm it: the account's password opened this session."""
    link_id = _read(token, Purpose.CHANGE_EMAIL)
    try:
        link = addresses.find_change(db.session, actor(), link_id, now(), lock=False)
        form = PageForm()
        if form.validate_on_submit():
            with unit_of_work(db.session):
                addresses.confirm_change(db.session, actor(), link_id, session_id(), now())
            return done(url_for("auth.account"), _changed())
    except (Conflict, NotFound) as error:
        return _spent(error)
    return render_template("auth/confirm_email.html", email=link.email, token=token)


@bp.route("/undo-email/<token>", methods=["GET", "POST"])
@public
@limiter.limit("120 per minute", methods=["POST"])
def undo(token: str) -> ResponseReturnValue:
    """For whoever reads the old mailbox: GET changes nothing, and the button leads to a new password."""
    link_id = _read(token, Purpose.UNDO_EMAIL)
    try:
        link = find_link(db.session, Purpose.UNDO_EMAIL, link_id, now(), lock=False)
        form = PageForm()
        if form.validate_on_submit():
            with unit_of_work(db.session):
                ids = addresses.undo(db.session, link_id, now())
            reset = reset_tokens.make(current_app.config["SECRET_KEY"], *ids)
            text = _("Your address is back, and everybody is signed out. Set a new password.")
            return done(url_for("auth.reset", token=reset), text)
    except (Conflict, NotFound) as error:
        return _spent(error)
    return render_template("auth/undo_email.html", email=link.email, token=token)


def _changed() -> str:
    return _("Your email address is changed. You are signed out everywhere else.")


def _read(token: str, purpose: Purpose) -> UUID | None:
    return link_tokens.read(current_app.config["SECRET_KEY"], purpose, token)


def _spent(error: Conflict | NotFound) -> Response:
    status = 404 if isinstance(error, NotFound) else 410
    told = error_text(error) if error.code == "address_taken" else None
    return make_response(render_template("auth/link_spent.html", reason=error.code, told=told), status)
