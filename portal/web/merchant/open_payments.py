"""A payment that the customer left open on the provider's page: the shop stops it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, url_for
from flask_babel import gettext as _

from portal.core.errors import Conflict
from portal.core.roles import Permission
from portal.extensions import adapters, db, now
from portal.presentation.i18n import error_text
from portal.services import checkout_pages
from portal.web.guards import actor, requires
from portal.web.rendering import done

bp = Blueprint("merchant_open_payments", __name__, url_prefix="/merchant/plans")


@bp.post("/<uuid:plan_id>/payments/<uuid:payment_id>/stop")
@requires(Permission.RECORD)
def stop(plan_id: UUID, payment_id: UUID) -> Response:
    url = url_for("merchant_plans.show", plan_id=plan_id)
    try:
        answer = checkout_pages.stop(db.session, adapters().gateway, actor(), payment_id, now())
    except Conflict as conflict:
        return done(url, error_text(conflict), "warning")
    if answer.status == "paid":
        return done(url, _("The customer had paid already. The payment counts."), "info")
    return done(url, _("The payment is stopped. Nothing was charged."))
