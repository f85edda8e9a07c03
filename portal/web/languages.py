"""The language of a page: the user's choice, else the browser's, else English."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request
from flask_babel import get_locale
from flask_login import current_user

from portal.core.languages import ENGLISH, LANGUAGES, check_language
from portal.extensions import db, now
from portal.http_bodies import LONGEST_ADDRESS
from portal.http_errors import for_programs
from portal.services import accounts
from portal.services.transaction import unit_of_work

from .guards import local_path, public, referring_page

bp = Blueprint("languages", __name__)

COOKIE = "language"
COOKIE_SECONDS = 365 * 24 * 3600

# What a visitor is offered, by the name that its readers know. The digits are chosen on the account's page.
OFFERED = {"en": "English", "ar": "العربية"}


def select() -> str:
    """The language of this request: the person's, else the cookie's, else the browser's, else English.

    The API speaks English alone, since programs read what it says.
    """
    if for_programs():
        return ENGLISH
    own = current_user.actor.language if current_user.is_authenticated else request.cookies.get(COOKIE)
    return own if own in LANGUAGES else _of_the_browser()


def _of_the_browser() -> str:
    """The browser's first language that the portal speaks, wherever it is spoken: en-GB is English too."""
    asked = (tag.split("-")[0] for tag, quality in request.accept_languages if quality > 0)
    return next((language for language in asked if language in OFFERED), ENGLISH)


@bp.get("/language")
@public
def show() -> str:
    """The form, for visitors: on other pages it would need a cookie of everyone."""
    target = local_path(request.args.get("next")) or referring_page() or "/"
    return render_template("language.html", target=target)


@bp.post("/language")
@public
def choose() -> Response:
    """Keep the language in this browser and, when signed in, on the account; then go back to the page."""
    language = check_language(request.form.get("language", ""))
    if current_user.is_authenticated:
        with unit_of_work(db.session):
            accounts.choose_language(db.session, current_user.actor, language, now())
    back = make_response(redirect(local_path(request.form.get("next")) or "/", 303))
    return remember(back, language)


def remember(response: Response, language: str) -> Response:
    """Let this browser keep the language for a year, signed in or not."""
    response.set_cookie(
        COOKIE,
        language,
        COOKIE_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )
    return response


def others() -> list[tuple[str, str]]:
    """The languages to offer on a page: all but the one that it is written in."""
    return [(code, name) for code, name in OFFERED.items() if code != get_locale().language]


def this_page() -> str | None:
    """The page to return to: this one, unless it is the answer to a form without an address of its own.

    None for an address with a secret, which must not stand in another: there the browser's own word is taken.
    """
    rule = request.url_rule
    if rule and ("token" in rule.arguments or request.endpoint == "languages.show"):
        return None
    path = request.full_path.rstrip("?")
    return path if rule and rule.methods and "GET" in rule.methods and len(path) <= LONGEST_ADDRESS else "/"
