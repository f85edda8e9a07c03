"""The REST API: one more face over the same services and queries."""

from __future__ import annotations

from apiflask import APIFlask
from flask import Response
from flask_cors import CORS

from portal.extensions import csrf

from . import amendments, analytics, auth, docs, installments, payments, plans, refunds, tokens
from .requests import StrictJson

BLUEPRINTS = (auth, plans, installments, payments, refunds, amendments, analytics, docs)
EXPOSED = ["Link", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "X-Request-Id"]

for module in BLUEPRINTS:
    csrf.exempt(module.bp)


def init_app(app: APIFlask) -> None:
    """Register the API's blueprints. Front ends of other origins are allowed as ``CORS_ORIGINS`` names them."""
    app.json = StrictJson(app)
    tokens.init_app(app)
    docs.init_app(app)
    for module in BLUEPRINTS:
        app.register_blueprint(module.bp)
    if app.config["CORS_ORIGINS"]:
        CORS(
            app, resources=r"/api/.*", origins=app.config["CORS_ORIGINS"], expose_headers=EXPOSED, max_age=600
        )


@auth.bp.after_request
@plans.bp.after_request
@installments.bp.after_request
@payments.bp.after_request
@refunds.bp.after_request
@amendments.bp.after_request
@analytics.bp.after_request
def keep_out_of_caches(response: Response) -> Response:
    """Responses are private to the holder of the token."""
    response.headers["Cache-Control"] = "no-store"
    return response
