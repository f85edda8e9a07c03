"""The REST API: one more face over the same services and queries; adds no rule of its own."""

from __future__ import annotations

from apiflask import APIFlask
from flask import Response
from flask_cors import CORS

from portal.extensions import csrf, limiter

from . import analytics, auth, docs, guards, installments, plans, tokens
from .requests import StrictJson

CALLS = "6000 per minute"
ROOMS = (auth, plans, installments, analytics, docs)
EXPOSED = ["Link", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "X-Request-Id"]

for room in ROOMS:
    # One count for all rooms: without a shared scope every address of the API would have its own.
    limiter.shared_limit(CALLS, scope="api", key_func=guards.caller)(room.bp)
    csrf.exempt(room.bp)


def init_app(app: APIFlask) -> None:
    """Put the API's rooms into the portal. Front ends of other origins are let in as ``CORS_ORIGINS`` names them."""
    app.json = StrictJson(app)
    tokens.init_app(app)
    docs.init_app(app)
    for room in ROOMS:
        app.register_blueprint(room.bp)
    if app.config["CORS_ORIGINS"]:
        CORS(
            app, resources=r"/api/.*", origins=app.config["CORS_ORIGINS"], expose_headers=EXPOSED, max_age=600
        )


@auth.bp.after_request
@plans.bp.after_request
@installments.bp.after_request
@analytics.bp.after_request
def keep_out_of_caches(response: Response) -> Response:
    """Answers belong to whoever holds the token."""
    response.headers["Cache-Control"] = "no-store"
    return response
