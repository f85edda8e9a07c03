"""Which users have signed in with this browser, kept in a signed cookie: others' wrong passwords do not stop them."""

from __future__ import annotations

from secrets import token_urlsafe
from uuid import UUID

from flask import Response, current_app, request
from itsdangerous import BadData, URLSafeSerializer

from portal.adapters.signing import derived_key
from portal.services.attempts import KnownBrowser

KEPT_SECONDS = 365 * 24 * 3600
MOST_USERS = 8


def find() -> KnownBrowser | None:
    """The browser's id from its cookie, or None if it has never signed in."""
    name, users = _read()
    return KnownBrowser(name, frozenset(users)) if name else None


def remember(response: Response, user_id: UUID) -> Response:
    """Note that this user has signed in; the last eight are kept."""
    name, users = _read()
    users = [user_id, *(user for user in users if user != user_id)][:MOST_USERS]
    response.set_cookie(
        _cookie(),
        _signer().dumps([name or token_urlsafe(16), *(user.hex for user in users)]),
        KEPT_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )
    return response


def _read() -> tuple[str, list[UUID]]:
    try:
        name, *users = _signer().loads(request.cookies.get(_cookie(), ""))
        return str(name), [UUID(user) for user in users]
    except (BadData, ValueError, TypeError, AttributeError):
        return "", []


def _cookie() -> str:
    return "__Host-known" if current_app.config["SESSION_COOKIE_SECURE"] else "known"


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(derived_key(current_app.config["SECRET_KEY"], "known browsers"))
