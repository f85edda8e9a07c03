"""``/.well-known/security.txt``: whom to contact about a vulnerability (RFC 9116), if the operator named a contact."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, abort, current_app
from flask.typing import ResponseReturnValue

from portal.extensions import now
from portal.web.guards import public

bp = Blueprint("security_txt", __name__)

# RFC 9116 recommends less than a year; a copy is kept by caches for a day of it.
LASTS = timedelta(days=180)
CACHED = timedelta(days=1)


@bp.get("/.well-known/security.txt")
@public
def show() -> ResponseReturnValue:
    contact = current_app.config["SECURITY_CONTACT"]
    if not contact:
        abort(404)
    # From midnight on, so that the file is the same all day.
    expires = now().replace(hour=0, minute=0, second=0, microsecond=0) + LASTS
    address = f"{current_app.config['PORTAL_URL']}/.well-known/security.txt"
    text = f"Contact: {contact}\nExpires: {expires:%Y-%m-%dT%H:%M:%SZ}\nCanonical: {address}\n"
    response = Response(text, mimetype="text/plain")
    response.cache_control.public = True
    response.cache_control.max_age = int(CACHED.total_seconds())
    return response
