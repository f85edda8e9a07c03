"""What a payment provider sends about a shop: kept if it is signed for this shop and recent, else only counted."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, make_response
from htmx_flask import request

from portal.core.errors import NotFound
from portal.extensions import adapters, csrf, db, limiter, now
from portal.services import provider_events, provider_keys
from portal.services.transaction import unit_of_work
from portal.web.guards import public

bp = Blueprint("webhooks", __name__, url_prefix="/webhooks")


@bp.post("/stripe/<uuid:merchant_id>")
@csrf.exempt
@limiter.limit("600 per minute")
@public
def stripe(merchant_id: UUID) -> Response:
    """200 once the event is stored, also for one that came before; 400 for what is not signed for this shop."""
    secrets = provider_events.secrets_of(db.session, merchant_id)
    if not secrets:
        raise NotFound()
    from portal.adapters.payments.stripe import NotSigned

    try:
        signature = request.headers.get("Stripe-Signature", "")
        provider, message = adapters().stripe().verify(request.get_data(), signature, secrets)
    except NotSigned:
        with unit_of_work(db.session):
            provider_keys.count_refused(db.session, merchant_id)
        return make_response("", 400)
    with unit_of_work(db.session):
        is_new = provider_events.receive(db.session, merchant_id, provider, message, now())
    if is_new:
        adapters().wake_settling()
    return make_response("", 200)
