"""One table from what went wrong to an HTTP answer: page, HTMX fragment or problem+json; hides what is inside."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, g, jsonify, make_response, render_template, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import AnonymousUserMixin, current_user
from htmx_flask import request
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from . import error_reporting
from .core import errors
from .core.errors import N_
from .extensions import db
from .presentation.i18n import error_text
from .services.transaction import is_busy, rollback_safely

log = logging.getLogger(__name__)

STATUSES: dict[type[errors.PortalError], int] = {
    errors.InvalidInput: 422,
    errors.NotFound: 404,
    errors.Forbidden: 403,
    errors.Conflict: 409,
    errors.KeyReused: 422,
    errors.TooMany: 429,
    errors.Busy: 503,
}

# What a person reads: a title, and what to do next where the error itself does not say it.
WORDS = {
    400: (N_("That request was not understood"), N_("Go back, reload the page and try again.")),
    403: (N_("You don't have access to this page"), N_("Sign in with the account it belongs to.")),
    404: (N_("Page not found"), N_("Check the address, or go to your home page.")),
    405: (N_("This action is not available here"), N_("Go back and use the buttons on the page.")),
    409: (N_("Something has changed"), N_("Reload the page to see the current state.")),
    413: (N_("That request is too large"), N_("The limit is one megabyte, in at most 1,000 fields.")),
    422: (N_("There is a problem with what you entered"), N_("Go back and check what you entered.")),
    429: (N_("Too many attempts"), N_("Wait a minute and try again.")),
    500: (N_("Something went wrong on our side"), N_("You were not charged twice. Try again in a moment.")),
    503: (N_("The portal is busy"), N_("Try again in a moment: no payment is ever taken twice.")),
}

# What a program's author reads where the error itself does not say it.
DETAILS = {
    400: "The request was not understood. If it has a body, that must be JSON in which no name is given twice.",
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    413: "The limit is one megabyte.",
    414: "The address is too long.",
    415: "Send the body as JSON, with the header Content-Type: application/json.",
    429: "Too many requests. Wait a minute and try again.",
    500: "Something went wrong on our side. Nothing was charged twice.",
}

# The stable codes of errors that Flask raises; the portal's own errors bring theirs.
CODES = {
    400: "malformed",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "not_json",
    429: "too_many_requests",
}

# Headers without which an answer of its status is not whole.
KEPT_HEADERS = ("Allow", "WWW-Authenticate")


def init_app(app: Flask) -> None:
    error_reporting.start(app.config["SENTRY_DSN"])
    app.register_error_handler(errors.PortalError, refuse)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(DBAPIError, _database)
    app.register_error_handler(Exception, _broken)


def refuse(error: errors.PortalError) -> Response:
    """The answer for one of the portal's own refusals."""
    status = STATUSES[type(error)]
    if status >= 500:
        _ask_nothing_more()
    text = error_text(error)
    more = {"code": error.code} | _fields_of(error)
    return _answer(status, text, retry_after=getattr(error, "retry_after", None), **more)


def for_programs() -> bool:
    """Whether the request came to the API, whose errors are problem+json."""
    return request.path == "/api" or request.path.startswith("/api/")


def problem(status: int, detail: str, **more: Any) -> Response:
    """An error as problem+json (RFC 9457); ``more`` are extension members."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    response = make_response(jsonify(body | more), status)
    response.mimetype = "application/problem+json"
    return response


def _fields_of(error: errors.PortalError) -> dict[str, dict[str, list[str]]]:
    if isinstance(error, errors.KeyReused):
        return {"errors": {"Idempotency-Key": [error_text(error)]}}
    if not isinstance(error, errors.InvalidInput):
        return {}
    return {"errors": {name: [error_text(e)] for name, e in error.errors.items()}}


def _http(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return make_response(error.get_response())
    text = error.description if for_programs() and error.code == 401 else None
    response = _answer(error.code, text)
    for name, value in error.get_response().headers:
        if name in KEPT_HEADERS:
            response.headers.add(name, value)
    return response


def _database(error: DBAPIError) -> Response:
    if is_busy(error):
        return refuse(errors.Busy())
    return _broken(error)


def _ask_nothing_more() -> None:
    """Render the page without the database; an unloaded user counts as anonymous."""
    rollback_safely(db.session)
    g.setdefault("_login_user", AnonymousUserMixin())


def _broken(error: Exception) -> Response:
    log.error("unexpected error", exc_info=error, extra={"endpoint": request.endpoint})
    return _answer(500, None)


def _answer(status: int, text: str | None, *, retry_after: int | None = None, **more: Any) -> Response:
    if status >= 500:
        _ask_nothing_more()
    if status == 429 and retry_after and not for_programs():
        minutes = -(-retry_after // 60)
        text = ngettext("Try again in %(num)s minute.", "Try again in %(num)s minutes.", minutes)
    draw = _problem if for_programs() else page
    response = draw(status, text, **more)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _problem(status: int, text: str | None, **more: Any) -> Response:
    if status in CODES:
        more.setdefault("code", CODES[status])
    response = problem(status, text or DETAILS.get(status, DETAILS[400 if status < 500 else 500]), **more)
    if status == 415:
        response.headers["Accept"] = "application/json"
    return response


def page(status: int, text: str | None, action: tuple[str, str] | None = None, **_more: Any) -> Response:
    """An error as a page or fragment; ``action`` is the address and label of its link, if not home."""
    action_url, action_label = action or (url_for("pages.home"), _("Go to your home page"))
    title, next_step = WORDS.get(status, WORDS[400 if status < 500 else 500])
    template = "errors/_fragment.html" if request.htmx else "errors/page.html"
    response = make_response(
        render_template(
            template,
            status=status,
            title=_(title),
            text=text or _(next_step),
            action_url=action_url,
            action_label=action_label,
            others_page=request.full_path.rstrip("?") if _may_be_of_another_account(status) else None,
            request_id=g.get("request_id"),
        ),
        status,
    )
    if request.htmx:
        response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#notices", "innerHTML"
    response.headers["Vary"] = "HX-Request"
    return response


def _may_be_of_another_account(status: int) -> bool:
    """Whether somebody who is signed in opened a page that needs an account and is not for theirs."""
    view: Any = current_app.view_functions.get(request.endpoint or "")
    opened = request.method == "GET" and status in (403, 404) and bool(getattr(view, "guard", ()))
    return opened and bool(current_user.is_authenticated)
