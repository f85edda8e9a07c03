"""A shop as an admin steers it: suspended, opened again, and how many offers it may send to new addresses a day."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.validators import Optional

from portal.extensions import db, now
from portal.queries import admin
from portal.queries.shops import get_shop
from portal.queries.team import list_members
from portal.services import shops
from portal.services.transaction import unit_of_work
from portal.web.fields import WholeNumberField
from portal.web.forms import PageForm
from portal.web.guards import actor
from portal.web.rendering import done

from .pages import before, only_admins, page_of

bp = Blueprint("admin_shops", __name__, url_prefix="/admin/shops")


class LimitForm(PageForm):
    offers_per_day = WholeNumberField(_l("Offers to new customers in 24 hours"), validators=[Optional()])


@bp.get("/<uuid:shop_id>")
@only_admins
def show(shop_id: UUID) -> ResponseReturnValue:
    shop = get_shop(db.session, shop_id)
    return _page(shop_id, LimitForm(formdata=None, offers_per_day=shop.offers_per_day))


@bp.post("/<uuid:shop_id>/suspend")
@only_admins
def suspend(shop_id: UUID) -> ResponseReturnValue:
    with unit_of_work(db.session):
        shops.suspend(db.session, actor(), shop_id, now())
    return done(
        url_for(".show", shop_id=shop_id),
        _("Suspended: nobody can accept this shop's offers. Customers can still pay what they owe."),
    )


@bp.post("/<uuid:shop_id>/lift")
@only_admins
def lift_suspension(shop_id: UUID) -> ResponseReturnValue:
    with unit_of_work(db.session):
        shops.lift_suspension(db.session, actor(), shop_id, now())
    return done(url_for(".show", shop_id=shop_id), _("The suspension is lifted."))


@bp.post("/<uuid:shop_id>/offers-per-day")
@only_admins
def limit_offers(shop_id: UUID) -> ResponseReturnValue:
    form = LimitForm()
    if form.validate():
        with form.collecting():
            with unit_of_work(db.session):
                shops.limit_offers(db.session, actor(), shop_id, form.offers_per_day.data, now())
            return done(url_for(".show", shop_id=shop_id), _("The limit is saved."))
    return _page(shop_id, form)


def _page(shop_id: UUID, form: LimitForm) -> ResponseReturnValue:
    """The shop, its team and its plans; perhaps with what is wrong with the form."""
    shop, members = get_shop(db.session, shop_id), list_members(db.session, shop_id)
    plans, next_url = page_of(admin.list_plans(db.session, now(), shops=[shop_id], before=before()))
    page = render_template(
        "admin/shop.html", shop=shop, members=members, form=form, plans=plans, next_url=next_url
    )
    return page, 422 if form.errors else 200
