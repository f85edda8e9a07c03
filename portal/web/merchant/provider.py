"""The owner connects the shop's Stripe account by a key, which is never shown again, or removes it."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.core.errors import Conflict
from portal.core.payments import Provider
from portal.core.roles import Permission
from portal.extensions import adapters, db, now
from portal.presentation.i18n import error_text
from portal.services import provider_keys
from portal.web.confirmation import confirmed
from portal.web.fields import PasswordField
from portal.web.forms import PageForm
from portal.web.guards import actor, requires
from portal.web.rendering import done

bp = Blueprint("provider", __name__, url_prefix="/merchant/settings/payments")


class KeyForm(PageForm):
    stripe_key = PasswordField(_l("Restricted key of your Stripe account"))


@bp.get("")
@requires(Permission.KEYS)
@confirmed
def show() -> Response:
    return _page(KeyForm(formdata=None))


@bp.post("")
@requires(Permission.KEYS)
@confirmed
def connect() -> Response:
    form = KeyForm()
    if form.validate():
        with form.collecting():
            try:
                made = provider_keys.connect(
                    db.session, adapters().stripe(), actor(), form.stripe_key.data, now()
                )
            except Conflict as conflict:
                form.form_errors = [error_text(conflict)]
                return _page(form, 409)
            text = (
                _("Connected. Your customers now pay on Stripe's page, and the money is yours.")
                if made is Provider.STRIPE
                else _("Connected in test mode. No real money moves until you enter a live key.")
            )
            return done(url_for(".show"), text)
    return _page(form, 422)


@bp.post("/remove")
@requires(Permission.KEYS)
@confirmed
def remove() -> Response:
    try:
        provider_keys.remove(db.session, adapters().stripe(), actor(), now())
    except Conflict as conflict:
        return done(url_for(".show"), error_text(conflict), "warning")
    return done(url_for(".show"), _("The key is removed."))


def _page(form: KeyForm, status: int = 200) -> Response:
    db.session.rollback()
    connected = provider_keys.find_connected(db.session, actor())
    page = render_template("merchant/provider.html", form=form, connected=connected)
    return make_response(page, status)
