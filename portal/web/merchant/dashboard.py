"""A shop's dashboard, the pages behind its numbers, and its settings; computes no number of its own."""

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
from portal.web import form_drafts
from portal.web.forms import PageForm, add_errors, typed
from portal.web.guards import actor, requires
from portal.web.rendering import done

from . import charts
from . import numbers as pages_of_numbers
from .figures import cards, choices, chosen_period, span_in_words

bp = Blueprint("merchant", __name__, url_prefix="/merchant")


@bp.get("/")
@requires(Role.MERCHANT)
def dashboard() -> str:
    period = chosen_period()
    numbers = metrics.dashboard(db.session, actor(), now(), period)
    payments = merchant.latest_payments(db.session, actor())
    started = bool(payments or numbers.outstanding or any(point.amount for point in numbers.schedule))
    exported = {"from": numbers.span.first, "to": numbers.span.last} if numbers.previous else {}
    return render_template(
        "merchant/dashboard.html",
        numbers=numbers,
        span=span_in_words(numbers),
        cards=cards(numbers, started),
        choices=choices(period, ".dashboard"),
        takings=charts.takings_beside_schedule(numbers),
        expected=charts.expected_by_week(numbers),
        on_time=charts.on_time_by_month(numbers),
        ages=charts.overdue_by_age(numbers),
        debtors=metrics.debtors(db.session, actor(), now()),
        looked_at=metrics.LOOKED_AT,
        payments=payments,
        started=started,
        exported=exported,
    )


bp.add_url_rule("/numbers/<name>", "number", pages_of_numbers.show)


class SettingsForm(PageForm):
    name = StringField(_l("Name of the shop"), filters=[typed])
    support_email = EmailField(_l("Support address"), filters=[typed])
    # The service refuses what is not in the list, in words of its own.
    timezone = SelectField(
        _l("Time zone"), choices=list(time_zones()), validate_choice=False, filters=[typed]
    )


@bp.route("/settings", methods=["GET", "POST"])
@requires(Role.MERCHANT)
@form_drafts.preserve("name", "support_email", "timezone")
def settings() -> Response | tuple[str, int]:
    shop = shops.get_shop(db.session, actor())
    form = SettingsForm(form_drafts.restore(), obj=shop)
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
