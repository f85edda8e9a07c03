"""Files that browsers and crawlers ask for at the root, whatever a page says: ``/robots.txt`` and ``/favicon.ico``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from flask import Blueprint, Response, current_app

from portal.web.guards import public

bp = Blueprint("site_files", __name__)

CACHED = timedelta(days=1)
# The pages that are the same for everybody; what else there is belongs to somebody, or is a form.
OPEN_PAGES = ("/$", "/help$", "/imprint$", "/privacy$", "/api/docs/$", "/api/openapi.json$", "/static/")
ROBOTS = "User-agent: *\n" + "".join(f"Allow: {path}\n" for path in OPEN_PAGES) + "Disallow: /\n"


@bp.get("/robots.txt")
@public
def robots() -> Response:
    return _cached(Response(ROBOTS, mimetype="text/plain"))


@bp.get("/favicon.ico")
@public
def favicon() -> Response:
    icon = Path(current_app.static_folder or "") / "img/favicon.ico"
    return _cached(Response(icon.read_bytes(), mimetype="image/vnd.microsoft.icon"))


def _cached(response: Response) -> Response:
    response.cache_control.public = True
    response.cache_control.max_age = int(CACHED.total_seconds())
    return response
