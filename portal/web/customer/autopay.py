"""Automatic payments on a plan's page: a box of its own to turn them on, one click to stop them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

from flask import Blueprint, Response, url_for
from flask_babel import gettext as _

from portal.core.errors import Conflict
from portal.core.roles import Role
from portal.extensions import adapters, db, now
from portal.presentation.card_names import consent_text
from portal.presentation.i18n import error_text
from portal.queries import listing
from portal.services import mandates
from portal.web.guards import actor, origin, requires
from portal.web.providers import go_to
from portal.web.rendering import done

from .autopay_form import AutopayForm
from .plans import Notice, plan_page

bp = Blueprint("autopay", __name__, url_prefix="/customer")


@bp.post("/plans/<uuid:plan_id>/autopay")
@requires(Role.CUSTOMER)
def turn_on(plan_id: UUID) -> Response:
    form = AutopayForm()
    if not form.validate():
        return plan_page(plan_id, 422, autopay_form=form)
    text = consent_text(listing.get_plan(db.session, actor(), plan_id, now()))
    give = partial(mandates.give, text=text, shown_hash=form.text_hash.data, origin=origin())
    return _answered(plan_id, give)


@bp.post("/plans/<uuid:plan_id>/autopay/continue")
@requires(Role.CUSTOMER)
def resume(plan_id: UUID) -> Response:
    """The provider's page again, or the outcome that the provider reports."""
    return _answered(plan_id, mandates.resume)


def _answered(plan_id: UUID, begin: Callable[..., str | None]) -> Response:
    try:
        url = begin(db.session, adapters().gateway, actor(), plan_id, now=now())
    except Conflict as conflict:
        return plan_page(plan_id, 409, Notice(error_text(conflict), "warning"))
    if url:
        return go_to(url)
    return done(url_for("customer.plan", plan_id=plan_id), _("Automatic payments are on."))


@bp.post("/plans/<uuid:plan_id>/autopay/stop")
@requires(Role.CUSTOMER)
def stop(plan_id: UUID) -> Response:
    mandates.stop(db.session, adapters().gateway, actor(), plan_id, now())
    return done(
        url_for("customer.plan", plan_id=plan_id),
        _("Automatic payments are off. Nothing more is taken from your card."),
        "info",
    )
