"""What a page says of the payment providers behind it, and where its forms may lead: whose plans does it show?"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from flask import Response, current_app, g, make_response, redirect
from flask_login import current_user
from htmx_flask import request

from portal.core.payments import Provider
from portal.extensions import db
from portal.queries.open_payments import OpenPayment, open_payments
from portal.queries.read_models import PlanView

HOSTED_PAGES = "https://checkout.stripe.com"


def with_open_payments(plans: Iterable[PlanView | None]) -> dict[UUID, list[OpenPayment]]:
    """Note that the page shows these plans; returns their payments that wait on a provider's page, by plan."""
    shown = [plan for plan in plans if plan]
    g.providers = _noted() | {plan.provider for plan in shown}
    return open_payments(db.session, shown)


def provider_shown() -> str:
    """The provider that the page has to name: a real one before a test, a test before the simulator."""
    names = set(_noted())
    if current_user and current_user.is_authenticated and current_user.actor.member_of:
        names.add(current_user.actor.shop_provider)
    return next(
        (name for name in (Provider.STRIPE, Provider.STRIPE_TEST) if name in names), Provider.SIMULATOR
    )


def form_targets() -> str:
    """Where forms of this page may lead, redirects included, for its content policy."""
    if not _noted() - {Provider.SIMULATOR}:
        return "'self'"
    return f"'self' {current_app.config['PROVIDER_STANDIN'] or HOSTED_PAGES}"


def go_to(url: str) -> Response:
    """Send the customer to the provider's page."""
    if request.htmx:
        response = make_response("", 204)
        response.headers["HX-Redirect"] = url
        return response
    return make_response(redirect(url, 303))


def _noted() -> set[str]:
    noted: set[str] = g.get("providers", set())
    return noted
