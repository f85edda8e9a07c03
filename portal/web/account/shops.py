"""The shops that a person acts for, and the switch between them."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, render_template, url_for
from flask_babel import gettext as _

from portal.extensions import db
from portal.queries.team import shops_of
from portal.services import sessions
from portal.services.transaction import unit_of_work
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
