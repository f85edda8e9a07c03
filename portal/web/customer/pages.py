"""A payment on the provider's page: back from it, on to it again, or stopped. Coming back proves nothing."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, make_response, url_for
from flask_babel import gettext as _

from portal.core.errors import Conflict
from portal.core.roles import Role
from portal.extensions import adapters, db, limiter, now
from portal.presentation.i18n import amount_text, error_text
from portal.presentation.outcomes import payment_failed, payment_processing
from portal.queries import customer
from portal.services import checkout_pages
from portal.services.payment_settlement import Answer
from portal.web.guards import actor, requires
from portal.web.providers import go_to
from portal.web.rendering import done

bp = Blueprint("payment_pages", __name__, url_prefix="/customer/payments")


@bp.get("/<uuid:payment_id>/return")
@limiter.limit("30 per minute")
@requires(Role.CUSTOMER)
def come_back(payment_id: UUID) -> Response:
    """Where the provider sends the customer: the job is woken to ask what happened, and the plan shows it."""
    found = customer.get_payment(db.session, actor(), payment_id)
    if found.state == "processing":
        adapters().wake_settling()
    return make_response("", 303, {"Location": url_for("customer.plan", plan_id=found.plan_id)})


@bp.post("/<uuid:payment_id>/continue")
@requires(Role.CUSTOMER)
def resume(payment_id: UUID) -> Response:
    found = customer.get_payment(db.session, actor(), payment_id)
    try:
        answer = checkout_pages.resume(db.session, adapters().gateway, actor(), payment_id, now())
    except Conflict as conflict:
        return done(url_for("customer.plan", plan_id=found.plan_id), error_text(conflict), "warning")
    return go_to(answer.url) if answer.url else _back_with(answer)


@bp.post("/<uuid:payment_id>/stop")
@requires(Role.CUSTOMER)
def stop(payment_id: UUID) -> Response:
    found = customer.get_payment(db.session, actor(), payment_id)
    try:
        return _back_with(checkout_pages.stop(db.session, adapters().gateway, actor(), payment_id, now()))
    except Conflict as conflict:
        return done(url_for("customer.plan", plan_id=found.plan_id), error_text(conflict), "warning")


def _back_with(answer: Answer) -> Response:
    url = url_for("customer.plan", plan_id=answer.plan_id)
    if answer.status == "paid":
        return done(
            url, _("Thank you. %(amount)s is paid.", amount=amount_text(answer.amount, answer.currency))
        )
    if answer.status == "processing":
        return done(url, payment_processing(), "info")
    return done(url, payment_failed(answer.outcome, answer.amount, answer.currency), "info")
