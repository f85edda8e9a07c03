"""How pages are drawn: what each needs, the navigation, and one answer for page and fragment alike."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from flask import Flask, Response, flash, make_response, render_template
from flask_babel import get_locale
from flask_login import current_user
from htmx_flask import request

from portal.core.roles import Permission
from portal.presentation import i18n
from portal.presentation.activity import email_name
from portal.presentation.card_names import card_name
from portal.presentation.methods import method_name
from portal.presentation.outcomes import reversal_reason
from portal.presentation.roles import role_name

from . import guards, languages, navigation, sticks
from .providers import provider_shown


def init_app(app: Flask) -> None:
    guards.init_app(app)
    sticks.init_app(app)
    i18n.init_app()
    app.add_template_filter(method_name, "method")
    app.add_template_filter(email_name, "email_name")
    app.add_template_filter(role_name, "role_name")
    app.jinja_env.globals.update(
        card_name=card_name,
        reversal_reason=reversal_reason,
        new_key=new_key,
        portal_name=app.config["PORTAL_NAME"],
        portal_url=app.config["PORTAL_URL"],
    )
    app.context_processor(page_context)


def respond(
    page: str, fragment: str, *, also: tuple[str, ...] = (), status: int = 200, **context: Any
) -> Response:
    """The whole ``page``, or for HTMX the ``fragment`` and those of ``also`` to swap in elsewhere (``oob`` is true)."""
    if request.htmx:
        parts = [
            render_template(fragment, **context),
            *(render_template(other, oob=True, **context) for other in also),
        ]
        response = make_response("\n".join(parts), status)
    else:
        response = make_response(render_template(page, **context), status)
    response.headers["Vary"] = "HX-Request"
    return response


def preview_status(status: int) -> int:
    """The status of a preview: for HTMX always 200, because a form that is half typed, or was sent meanwhile, is no
    error of who types; a page without script keeps its own."""
    return 200 if request.htmx else status


def announce(response: Response, text: str, kind: str = "success") -> Response:
    """Announce the text in the page's live region after HTMX has swapped the answer in."""
    response.headers["HX-Trigger"] = json.dumps({"toast": {"text": text, "kind": kind}})
    return response


def done(url: str, text: str, kind: str = "success") -> Response:
    """Redirect (303) after a form, and flash the text on the next page."""
    flash(text, kind)
    return make_response("", 303, {"Location": url})


def new_key() -> str:
    """An idempotency key for one money form."""
    return str(uuid4())


def page_context() -> dict[str, Any]:
    """What every page needs: its language, and the navigation of the person's role."""
    if not current_user or not current_user.is_authenticated:
        return _language_context()
    person = current_user.actor
    sections = navigation.sections_of(person)
    return _language_context() | {
        "navigation": navigation.header_of(person, sections),
        "sections": sections if any(section.current for section in sections) else [],
        "may": _may,
    }


def _may(permission: str) -> bool:
    """Whether a page offers what needs this permission in the shop."""
    return current_user.actor.may(Permission(permission))


def _language_context() -> dict[str, Any]:
    """The page's language and direction, the languages to change to, and where to come back to from there."""
    locale = get_locale()
    return {
        "lang": locale.language,
        "dir": locale.text_direction,
        "other_languages": languages.others(),
        "this_page": languages.this_page(),
        "provider_shown": provider_shown,
    }
