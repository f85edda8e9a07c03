"""Which other sites' pages may send requests here: none, but for the API those that ``CORS_ORIGINS`` names."""

from __future__ import annotations

from flask import Flask, current_app, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.routing import RequestRedirect

from .core.errors import Forbidden

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def init_app(app: Flask) -> None:
    """Refuse what another site's page sends before anything else of the request is looked at."""
    app.before_request(_answer_preflight)
    app.before_request(_refuse_foreign)


def _answer_preflight() -> ResponseReturnValue | None:
    """A preflight of an address without its last slash: browsers take no redirect for an answer to it.

    The request itself is redirected, and browsers follow.
    """
    redirected = isinstance(request.routing_exception, RequestRedirect)
    if request.method == "OPTIONS" and redirected and _is_front_end(request.headers.get("Origin")):
        return "", 204
    return None


def _refuse_foreign() -> None:
    """Browsers say in ``Origin`` and ``Sec-Fetch-Site`` whose page sends a request; programs send neither.

    ``Origin: null`` (a sandboxed frame, a local file) is foreign. Raises ``Forbidden``.
    """
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("Origin")
    if _is_front_end(origin):
        return
    cross_site = request.headers.get("Sec-Fetch-Site") == "cross-site"
    if cross_site or (origin is not None and origin not in _own_origins()):
        raise Forbidden(_("This request was sent by a page of another site. Nothing was changed."))


def _is_front_end(origin: str | None) -> bool:
    return request.path.startswith("/api/") and origin in current_app.config["CORS_ORIGINS"]


def _own_origins() -> tuple[str, str]:
    """The address that the operator gave, and the one that this request came to."""
    return current_app.config["PORTAL_ORIGIN"], f"{request.scheme}://{request.host.lower()}"
