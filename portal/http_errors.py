"""One table from what went wrong to an HTTP answer, drawn as a page or as an HTMX fragment; hides what is inside."""

from __future__ import annotations

import logging

from flask import Flask, Response, g, make_response, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import AnonymousUserMixin
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from .core import errors
from .core.errors import N_
from .extensions import db
from .services.transaction import is_busy, let_go

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
    403: (N_("This is not yours to open"), N_("Sign in with the account that it belongs to.")),
    404: (N_("Page not found"), N_("Check the address, or start again from your home page.")),
    405: (N_("That does not work here"), N_("Go back and use the buttons of the page.")),
    409: (N_("Things have changed"), N_("Reload the page to see how it stands now.")),
    413: (N_("That was too much"), N_("Send less than one megabyte.")),
    422: (N_("Something needs another look"), N_("Go back and check what you entered.")),
    429: (N_("Too many tries"), N_("Wait a little, then try again.")),
    500: (N_("Something broke on our side"), N_("Nothing was charged twice. Try again in a moment.")),
    503: (N_("The portal is busy"), N_("Try again in a moment: no payment is ever taken twice.")),
}


def init_app(app: Flask) -> None:
    app.register_error_handler(errors.PortalError, refuse)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(DBAPIError, _database)
    app.register_error_handler(Exception, _broken)
    app.teardown_appcontext(_let_go)


def refuse(error: errors.PortalError) -> Response:
    """The answer for one of the portal's own refusals."""
    text = _(error.message, **error.params)
    return _answer(STATUSES[type(error)], text, retry_after=getattr(error, "retry_after", None))


def _stale_form(error: CSRFError) -> Response:
    return _answer(
        400, _("This form is too old or was opened before you signed in. Reload the page and try again.")
    )


def _http(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return make_response(error.get_response())
    retry_after = error.get_response().headers.get("Retry-After")
    return _answer(error.code, None, retry_after=retry_after or (60 if error.code == 429 else None))


def _database(error: DBAPIError) -> Response:
    if is_busy(error):
        return refuse(errors.Busy())
    return _broken(error)


def _let_go(_error: BaseException | None) -> None:
    """A connection that was lost once the answer was ready must not turn it into an error."""
    if db.session.registry.has():
        let_go(db.session)


def _ask_nothing_more() -> None:
    """Draw the page without the database: whoever is not known by now stays unknown."""
    let_go(db.session)
    g.setdefault("_login_user", AnonymousUserMixin())


def _broken(error: Exception) -> Response:
    log.error("unexpected error", exc_info=error, extra={"path": request.path})
    return _answer(500, None)


def _answer(status: int, text: str | None, *, retry_after: int | str | None = None) -> Response:
    if status >= 500:
        _ask_nothing_more()
    title, next_step = WORDS.get(status, WORDS[400 if status < 500 else 500])
    template = "errors/_fragment.html" if request.htmx else "errors/page.html"
    response = make_response(
        render_template(
            template, status=status, title=_(title), text=text or _(next_step), action_url=url_for("pages.home"),
            action_label=_("Go to your home page"), request_id=g.get("request_id"),
        ),
        status,
    )  # fmt: skip
    if request.htmx:
        response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#notices", "innerHTML"
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    response.headers["Vary"] = "HX-Request"
    return response
