"""Which emails a person gets: the box on the account page, and the one click that every early reminder offers."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField

from portal.adapters import unsubscribe_tokens
from portal.core.errors import NotFound
from portal.extensions import csrf, db, limiter, now
from portal.services import accounts
from portal.services.transaction import unit_of_work
from portal.web.forms import PageForm
from portal.web.guards import actor, public, signed_in
from portal.web.rendering import done

bp = Blueprint("emails", __name__)


class EmailsForm(PageForm):
    early_reminders = BooleanField(_l("Remind me by email before an installment is due, and on the day"))


@bp.post("/account/emails")
@signed_in
def choose() -> Response:
    with unit_of_work(db.session):
        accounts.choose_early_reminders(db.session, actor().id, EmailsForm().early_reminders.data, now())
    return done(url_for("auth.account"), _("Your account is saved."))


@bp.route("/unsubscribe/<token>", methods=["GET", "POST"])
@public
@csrf.exempt
@limiter.limit("120 per minute")
def unsubscribe(token: str) -> str:
    """The token alone opens it, since mail programs cannot sign in and send no token of a form (RFC 8058).

    GET changes nothing: scanners of mail follow links.
    """
    user_id = unsubscribe_tokens.read(current_app.config["SECRET_KEY"], token)
    if user_id is None:
        raise NotFound()
    if request.method == "POST":
        with unit_of_work(db.session):
            accounts.choose_early_reminders(db.session, user_id, False, now())
    return render_template("auth/unsubscribe.html", stopped=request.method == "POST")
