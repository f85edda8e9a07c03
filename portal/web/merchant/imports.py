"""Importing plans: a file is read and shown row by row; only then are its rows sent, within the shop's daily limit."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from werkzeug.exceptions import RequestEntityTooLarge
from wtforms import FileField

from portal.core.errors import InvalidInput, PortalError
from portal.core.imports import COLUMNS, MOST_ROWS, NEEDED, SCHEDULE
from portal.core.roles import Permission
from portal.extensions import db, now
from portal.presentation.formats import decimal_mark
from portal.presentation.i18n import error_text, language
from portal.queries import imports as queries
from portal.queries.imports import PAGE, ImportRowView
from portal.services import imports
from portal.services.transaction import unit_of_work
from portal.web.forms import PageForm
from portal.web.guards import actor, requires
from portal.web.rendering import done, respond

bp = Blueprint("merchant_imports", __name__, url_prefix="/merchant/import")

# What a sample shows; amounts and days may also be written otherwise.
SAMPLES = (
    "ada@example.com,Ada Buyer,Oak table,1200.00,12,2026-01-31,monthly,400.00,A-1001,",
    "ada@example.com,Ada Buyer,Bookcase,,,,,,A-1002,2026-01-31 150.00 | 2026-03-15 250.00",
)


class ImportForm(PageForm):
    file = FileField(_l("CSV file"))


@bp.get("")
@requires(Permission.OFFER)
def new() -> Response:
    return _upload_page(ImportForm())


@bp.post("")
@requires(Permission.OFFER)
def read() -> Response:
    """Read the file and keep its rows as a draft; nothing is offered."""
    form = ImportForm()
    form.validate()
    uploaded = request.files.get("file")
    with form.collecting():
        if uploaded is None or not uploaded.filename:
            raise InvalidInput.at("file", _("Choose a file."))
        content = uploaded.read()
        with unit_of_work(db.session):
            import_id = imports.draft(db.session, actor(), content, decimal_mark(language()), now())
        return make_response("", 303, {"Location": url_for(".show", import_id=import_id)})
    return _upload_page(form, 422)


@bp.get("/sample.csv")
@requires(Permission.OFFER)
def sample() -> Response:
    """The columns, with a row of either kind as an example."""
    lines = (",".join(COLUMNS), *SAMPLES)
    response = make_response("\ufeff" + "\r\n".join(lines) + "\r\n")
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = 'attachment; filename="plans-to-import.csv"'
    return response


@bp.get("/<uuid:import_id>")
@requires(Permission.OFFER)
def show(import_id: UUID) -> Response:
    """The rows with their faults; once sent, how far it is. HTMX asks again for the progress alone."""
    found = queries.get_import(db.session, actor(), import_id)
    after = request.args.get("after", "")
    start = int(after) if after.isascii() and after.isdigit() and len(after) < 6 else 0
    rows = queries.rows(db.session, actor(), import_id, start)
    return respond(
        "merchant/import.html",
        "merchant/_import_progress.html",
        found=found,
        days=_days(found.count("ready"), 0) if not found.sent_at else _days(0, found.count("waiting")),
        rows=[(row, _faults(row)) for row in rows[:PAGE]],
        columns=COLUMNS,
        next_url=url_for(".show", import_id=import_id, after=start + PAGE) if len(rows) > PAGE else None,
        previous_url=url_for(".show", import_id=import_id, after=max(start - PAGE, 0)) if start else None,
    )


@bp.post("/<uuid:import_id>/send")
@requires(Permission.OFFER)
def send(import_id: UUID) -> Response:
    with unit_of_work(db.session):
        imports.send(db.session, actor(), import_id, now())
    return done(
        url_for(".show", import_id=import_id), _("The offers are being sent. This page shows how far it is.")
    )


@bp.errorhandler(RequestEntityTooLarge)
def _too_large(error: RequestEntityTooLarge) -> ResponseReturnValue:
    """A file that is too large is named at its field; the body was not read, and the guard has not been asked yet."""
    if not current_user.is_authenticated or not current_user.actor.may(Permission.OFFER):
        return error
    form = ImportForm(formdata={})
    form.file.errors = [_("This file is larger than 1 MB. Split it, and send its parts one after the other.")]
    return _upload_page(form, 413)


def _upload_page(form: ImportForm, status: int = 200) -> Response:
    page = render_template(
        "merchant/imports.html",
        form=form,
        columns=COLUMNS,
        needed=NEEDED,
        schedule=SCHEDULE,
        most=MOST_ROWS,
        currency=current_user.actor.currency,
        latest=queries.latest(db.session, current_user.actor),
    )
    return make_response(page, status)


def _days(ready: int, waiting: int) -> int:
    """In how many days all is sent: what of earlier imports still waits is sent first."""
    rows = ready + max(queries.count_waiting(db.session, actor()), waiting)
    return imports.days_needed(db.session, actor(), rows) if rows else 0


def _faults(row: ImportRowView) -> list[tuple[str, str]]:
    """The faults in the reader's language: the column, and what is wrong in it."""
    return [
        ("" if name == "row" else name, error_text(PortalError(fault["message"], **fault["params"])))
        for name, fault in row.faults.items()
    ]
