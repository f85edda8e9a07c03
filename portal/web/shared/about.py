"""Pages about the portal itself: whom to ask, and the operator's imprint and privacy text, if there are any."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, abort, current_app, render_template
from flask_babel import gettext as _

from portal.web.guards import public

bp = Blueprint("about", __name__)


@bp.get("/help")
@public
def show_help() -> str:
    return render_template("help.html")


@bp.get("/imprint")
@public
def imprint() -> str:
    return _page("imprint", _("Imprint"))


@bp.get("/privacy")
@public
def privacy() -> str:
    return _page("privacy", _("Privacy"))


@bp.app_context_processor
def texts() -> dict[str, dict[str, bool]]:
    """Which of the operator's texts there are, for the foot of every page."""
    return {"about": {name: _file(name).is_file() for name in ("imprint", "privacy")}}


def _page(name: str, title: str) -> str:
    """The operator's own words, in whatever language they are: plain text, an empty line between paragraphs."""
    try:
        text = _file(name).read_text(encoding="utf-8")
    except FileNotFoundError:
        abort(404)
    paragraphs = [part.strip() for part in text.replace("\r\n", "\n").split("\n\n") if part.strip()]
    return render_template("about.html", title=title, paragraphs=paragraphs)


def _file(name: str) -> Path:
    return Path(current_app.config["INSTANCE"]) / f"{name}.txt"
