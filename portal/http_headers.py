"""The headers that every answer carries, errors too: a strict content policy, no framing, no sniffing, no caching."""

from __future__ import annotations

import time

from flask import Flask, Request, Response, g, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_login import current_user
from uuid_utils.compat import uuid7

from .extensions import limiter
from .web.providers import form_targets

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; frame-src 'self'; form-action {form_targets}; frame-ancestors 'none'; base-uri 'none'"
)

# No device permissions.
PERMISSIONS = "camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), usb=()"


class PageSessions(SecureCookieSessionInterface):
    """The cookie is of pages only: static files and the API are the same whatever cookie is sent."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """None makes Flask use one that is empty and cannot be written to."""
        return None if request.path.startswith("/api/") else super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if request.endpoint != "static" and not request.path.startswith("/api/"):
            super().save_session(app, session, response)


def init_app(app: Flask) -> None:
    app.session_interface = PageSessions()

    @app.before_request
    def number_the_request() -> None:
        g.request_id = str(uuid7())

    @app.after_request
    def protect(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", POLICY.format(form_targets=form_targets()))
        headers["X-Content-Type-Options"] = "nosniff"
        headers.setdefault("X-Frame-Options", "DENY")
        headers["Referrer-Policy"] = "same-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["Permissions-Policy"] = PERMISSIONS
        headers["X-Request-Id"] = g.get("request_id", "")
        if app.config["SESSION_COOKIE_SECURE"]:
            headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        if request.endpoint != "static":
            headers.setdefault("Cache-Control", "no-store" if _is_personal() else "no-cache")
        _tell_limit(response)
        return response


def _tell_limit(response: Response) -> None:
    """How many requests are left, where they are counted; seconds to wait only where there are none left."""
    most, left, closes_at = g.get("limit") or _of_view() or (None, 0, 0.0)
    if most is None:
        return
    wait = max(0, int(closes_at - time.time()) + 1)
    response.headers["RateLimit-Limit"] = str(most)
    response.headers["RateLimit-Remaining"] = str(max(0, left))
    response.headers["RateLimit-Reset"] = str(wait)
    if response.status_code == 429:
        response.headers.setdefault("Retry-After", str(wait))


def _of_view() -> tuple[int, int, float] | None:
    """The limit that the view is decorated with, how many requests are left, and when its window closes."""
    limit = limiter.current_limit
    return (limit.limit.amount, limit.remaining, limit.reset_at) if limit else None


def _is_personal() -> bool:
    """Whether the page is for one person: who is signed in, or came by a link with a secret."""
    signed_in = "_login_user" in g and current_user.is_authenticated
    return signed_in or "token" in (request.view_args or {})
