"""A shop's settings: name, support address, time zone, currency until the first offer, separator of CSV files."""

from __future__ import annotations

from flask import Response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import SelectField
from wtforms.fields import SelectChoice

from portal.core.accounts import NAME_LONGEST
from portal.core.errors import InvalidInput
from portal.core.roles import Permission
from portal.extensions import db, now
from portal.queries import accounts as shops
from portal.services import accounts
from portal.services import shops as services
from portal.services.transaction import unit_of_work
from portal.web import form_drafts
from portal.web.fields import EmailField, TextField, WholeNumberField, ZoneField
from portal.web.forms import PageForm, currency_choices
from portal.web.guards import actor, requires
from portal.web.rendering import done


class SettingsForm(PageForm):
    name = TextField(_l("Name of the shop"), longest=NAME_LONGEST)
    support_email = EmailField(_l("Support address"))
    # The service checks the choices and words their errors.
    currency = SelectField(_l("Currency"), validate_choice=False, default="")
    timezone = ZoneField(_l("Time zone"))
    csv_separator = SelectField(
        _l("Separator in CSV files"),
        choices=[SelectChoice(",", _l("Comma (,)")), SelectChoice(";", _l("Semicolon (;)"))],
        validate_choice=False,
        default=",",
    )
    move_days = WholeNumberField(_l("Days by which customers can move their next date"), default=0)


@requires(Permission.TEAM)
def require_second_factor() -> Response:
    """The button of the page says what it changes to."""
    required = request.form.get("required") == "1"
    with unit_of_work(db.session):
        services.require_second_factor(db.session, actor(), required, now())
    text = (
        _("Your team now needs two-factor sign-in.")
        if required
        else _("Two-factor sign-in is optional again.")
    )
    return done(url_for(".settings"), text)


@requires(Permission.SETTINGS)
@form_drafts.preserve("name", "support_email", "currency", "timezone", "csv_separator", "move_days")
def show() -> Response | tuple[str, int]:
    shop = shops.get_shop(db.session, actor())
    form = SettingsForm(form_drafts.restore(), obj=shop)
    form.currency.choices = currency_choices()
    if form.is_submitted():
        readable = form.validate()
        with form.collecting():
            with unit_of_work(db.session):
                accounts.change_shop(
                    db.session,
                    actor(),
                    form.name.data,
                    form.support_email.data,
                    form.timezone.data,
                    now(),
                    None if shop.currency_fixed else form.currency.data,
                )
                accounts.choose_csv_separator(db.session, actor(), form.csv_separator.data)
                services.allow_moves(db.session, actor(), form.move_days.data)
                if not readable:
                    raise InvalidInput({})
            return done(url_for(".settings"), _("Your settings are saved."))
    may_require = actor().may(Permission.TEAM)
    page = render_template("merchant/settings.html", form=form, shop=shop, may_require=may_require)
    return page, 422 if form.errors else 200
