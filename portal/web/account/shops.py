"""The shops that a person acts for, the switch between them, and a further one."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, current_app, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import SelectField

from portal.core.accounts import NAME_LONGEST
from portal.extensions import db, now
from portal.queries.team import shops_of
from portal.services import further_shops, sessions
from portal.services.transaction import unit_of_work
from portal.web.fields import TextField, ZoneField
from portal.web.forms import PageForm, currency_choices
from portal.web.guards import actor, session_id, signed_in
from portal.web.rendering import done

bp = Blueprint("shops", __name__, url_prefix="/account/shops")


@bp.get("")
@signed_in
def show() -> str:
    return render_template(
        "auth/shops.html", shops=shops_of(db.session, actor().id), current=actor().member_of
    )


@bp.post("/<uuid:shop_id>")
@signed_in
def choose(shop_id: UUID) -> Response:
    """Act for this shop in this session; other sessions and tokens stay as they are."""
    with unit_of_work(db.session):
        sessions.act_for(db.session, session_id(), actor(), shop_id)
    names = {shop.id: shop.name for shop in shops_of(db.session, actor().id)}
    return done(url_for("merchant.dashboard"), _("You now act for %(shop)s.", shop=names[shop_id]))


class ShopForm(PageForm):
    name = TextField(_l("Name of the shop"), longest=NAME_LONGEST)
    currency = SelectField(_l("Currency"), validate_choice=False, default="")
    timezone = ZoneField(_l("Time zone"))


@bp.route("/new", methods=["GET", "POST"])
@signed_in
def new() -> ResponseReturnValue:
    """Open a further shop, and act for it from here on."""
    further_shops.refuse_admins(actor())
    defaults = {
        "currency": current_app.config["PORTAL_CURRENCY"],
        "timezone": current_app.config["PORTAL_TIMEZONE"],
    }
    form = ShopForm(**defaults)
    form.currency.choices = currency_choices()
    if form.validate_on_submit():
        with form.collecting():
            about = form.name.data, form.currency.data, form.timezone.data
            with unit_of_work(db.session):
                shop_id = further_shops.open_shop(db.session, actor(), *about, now())
                sessions.act_for(db.session, session_id(), actor(), shop_id)
            return done(url_for("merchant.dashboard"), _("Your shop %(shop)s is open.", shop=form.name.data))
    return render_template("auth/shop_new.html", form=form), 422 if form.errors else 200
