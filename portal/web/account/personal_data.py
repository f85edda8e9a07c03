"""One's own data: all of it as a file, and the end of the account."""

from __future__ import annotations

import csv
import io
import json
import zipfile

from flask import Blueprint, Response, make_response, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from portal.core.errors import Conflict
from portal.extensions import db, limiter, now
from portal.http_compression import leave_uncompressed
from portal.presentation.i18n import error_text
from portal.queries import personal_data
from portal.queries.personal_data import Row
from portal.services import closing, events
from portal.services.transaction import unit_of_work
from portal.web.cells import BYTE_ORDER_MARK, cell
from portal.web.confirmation import confirmed
from portal.web.forms import PageForm
from portal.web.guards import actor, forget_session, origin, signed_in
from portal.web.rendering import done

bp = Blueprint("personal_data", __name__, url_prefix="/account")


@bp.post("/data")
@signed_in
@confirmed
@limiter.limit("10 per minute")
def download() -> Response:
    """Everything that the portal holds about the person, in one zip."""
    with unit_of_work(db.session):
        events.record_own_download(db.session, actor(), origin(), now())
    tables = personal_data.read(db.session, actor())
    db.session.rollback()
    leave_uncompressed()
    response = make_response(_zipped(tables), 200, {"Content-Type": "application/zip"})
    response.headers["Content-Disposition"] = f'attachment; filename="my-data-{now():%Y-%m-%d}.zip"'
    return response


@bp.route("/close", methods=["GET", "POST"])
@signed_in
@confirmed
def close() -> ResponseReturnValue:
    form, status = PageForm(), 200
    if form.validate_on_submit():
        try:
            with unit_of_work(db.session):
                closing.close(db.session, actor(), now())
        except Conflict:
            status = 409
        else:
            forget_session()
            return done(
                url_for("auth.login"), _("Your account is closed. We have sent you an email about it.")
            )
    reasons = [error_text(reason) for reason in closing.reasons_against(db.session, actor())]
    db.session.rollback()
    return render_template("auth/close.html", form=form, reasons=reasons), status


def _zipped(tables: dict[str, list[Row]]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("data.json", json.dumps(tables, ensure_ascii=False, indent=1))
        for name, rows in tables.items():
            packed.writestr(f"{name}.csv", _csv(rows))
    return written.getvalue()


def _csv(rows: list[Row]) -> str:
    text = io.StringIO()
    lines = csv.writer(text, quoting=csv.QUOTE_ALL, delimiter=actor().csv_separator)
    if rows:
        lines.writerow(rows[0])
        lines.writerows([cell(value) for value in row.values()] for row in rows)
    return BYTE_ORDER_MARK + text.getvalue()
