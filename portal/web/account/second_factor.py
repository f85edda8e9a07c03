"""Two-factor sign-in on one's own account: set up with an app, new recovery codes, turned off."""

from __future__ import annotations

import pyotp
import segno
from flask import Blueprint, current_app, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup

from portal.extensions import db, now
from portal.http_compression import leave_uncompressed
from portal.services import second_factor
from portal.services.transaction import unit_of_work
from portal.web.account.second_step import CodeForm
from portal.web.confirmation import confirmed
from portal.web.guards import actor, origin, signed_in
from portal.web.rendering import done

bp = Blueprint("second_factor", __name__, url_prefix="/account/two-factor")


@bp.post("/begin")
@signed_in
@confirmed
def begin() -> ResponseReturnValue:
    with unit_of_work(db.session):
        second_factor.begin(db.session, current_app.config["SECRET_KEY"], actor(), now())
    return redirect(url_for(".activate"), 303)


@bp.route("", methods=["GET", "POST"])
@signed_in
@confirmed
def activate() -> ResponseReturnValue:
    """Show the secret to the person's app, and put it in force with the app's first code."""
    secret_key = current_app.config["SECRET_KEY"]
    secret, form = second_factor.find_secret(db.session, secret_key, actor()), CodeForm()
    if secret is None:
        return redirect(url_for("security.show"), 303)
    if form.validate_on_submit():
        with form.collecting():
            with unit_of_work(db.session):
                codes = second_factor.activate(
                    db.session, secret_key, actor(), form.otp.data, origin(), now()
                )
            if not codes:
                return done(url_for("security.show"), _("Your authenticator app is set up."))
            leave_uncompressed()
            return render_template("auth/recovery_codes.html", codes=codes)
    leave_uncompressed()
    address = pyotp.TOTP(secret).provisioning_uri(name=actor().email, issuer_name="Tallystick")
    # Drawn from our own secret: segno writes digits and fixed words alone.
    picture = Markup(segno.make(address, error="m").svg_inline(omitsize=True, border=4, light="#fff"))  # noqa: S704  # nosec
    page = render_template("auth/second_factor.html", form=form, secret=secret, picture=picture)
    return page, 422 if form.errors else 200


@bp.post("/codes")
@signed_in
@confirmed
def renew_codes() -> ResponseReturnValue:
    with unit_of_work(db.session):
        codes = second_factor.renew_codes(db.session, actor(), origin(), now())
    if not codes:
        return redirect(url_for("security.show"), 303)
    leave_uncompressed()
    return render_template("auth/recovery_codes.html", codes=codes)


@bp.post("/off")
@signed_in
@confirmed
def turn_off() -> ResponseReturnValue:
    with unit_of_work(db.session):
        second_factor.turn_off(db.session, actor(), origin(), now())
    return done(url_for("security.show"), _("The authenticator app is removed."))
