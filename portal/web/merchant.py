"""A shop's dashboard and its settings; shows the numbers of ``queries.metrics`` and computes none."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import EmailField, SelectField, StringField

from portal.core.calendar import time_zones
from portal.core.errors import InvalidInput
from portal.core.roles import Role
from portal.extensions import db, now
from portal.queries import accounts as shops
from portal.queries import merchant, metrics
from portal.services import accounts
from portal.services.transaction import unit_of_work

from .forms import PageForm, add_errors, typed
from .guards import actor, requires
from .rendering import done

bp = Blueprint("merchant", __name__, url_prefix="/merchant")


@bp.get("/")
@requires(Role.MERCHANT)
def dashboard() -> str:
    return render_template(
        "merchant/dashboard.html",
        numbers=metrics.dashboard(db.session, actor(), now()),
        definitions={name: number.definition for name, number in metrics.NUMBERS.items()},
        payments=merchant.latest_payments(db.session, actor()),
    )


class SettingsForm(PageForm):
    name = StringField(_l("Name of the shop"), filters=[typed])
    support_email = EmailField(_l("Support address"), filters=[typed])
    # The service refuses what is not in the list, in words of its own.
    timezone = SelectField(
        _l("Time zone"), choices=list(time_zones()), validate_choice=False, filters=[typed]
    )


@bp.route("/settings", methods=["GET", "POST"])
@requires(Role.MERCHANT)
def settings() -> Response | tuple[str, int]:
    shop = shops.get_shop(db.session, actor())
    form = SettingsForm(obj=shop)
    status = 200
    if form.is_submitted():
        try:
            with unit_of_work(db.session):
                accounts.change_shop(
                    db.session, actor(), form.name.data, form.support_email.data, form.timezone.data, now()
                )
            return done(url_for(".settings"), _("Your settings are saved."))
        except InvalidInput as invalid:
            add_errors(form, invalid)
            status = 422
    return render_template("merchant/settings.html", form=form, shop=shop), status
