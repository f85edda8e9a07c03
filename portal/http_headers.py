"""The headers that every answer carries, errors too: a strict content policy, no framing, no sniffing, no caching."""

from __future__ import annotations

from flask import Flask, Response, g, request
from flask_login import current_user
from uuid6 import uuid7

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def init_app(app: Flask) -> None:
    @app.before_request
    def number_the_request() -> None:
        g.request_id = str(uuid7())

    @app.after_request
    def protect(response: Response) -> Response:
        headers = response.headers
        headers["Content-Security-Policy"] = POLICY
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Referrer-Policy"] = "same-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["X-Request-Id"] = g.get("request_id", "")
        if request.is_secure:
            headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        if request.endpoint != "static":
            headers.setdefault("Cache-Control", "no-store" if _signed_in() else "no-cache")
        return response


def _signed_in() -> bool:
    return "_login_user" in g and current_user.is_authenticated
