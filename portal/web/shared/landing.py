"""The landing page for visitors (a signed-in user is sent home), and the style guide for developers."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.web.guards import home_url, public

from . import styleguide

bp = Blueprint("pages", __name__)


@bp.get("/")
@public
def home() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect(home_url(current_user.actor), 303)
    return render_template("home.html")


bp.add_url_rule("/styleguide", "styleguide", styleguide.show)
