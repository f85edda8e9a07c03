"""A shop's plans, installments and payments as CSV files, sent while they are read; no cell is ever a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields
from datetime import date
from typing import Any

from flask import Blueprint, Response, request, stream_with_context

from portal.core.calendar import business_date
from portal.core.errors import N_, InvalidInput, NotFound
from portal.core.roles import Permission
from portal.extensions import db, now, read_from_standby
from portal.queries import exports, receivables
from portal.services import events
from portal.services.transaction import unit_of_work
from portal.web.cells import BYTE_ORDER_MARK, cell
from portal.web.forms import searched
from portal.web.guards import actor, origin, requires

bp = Blueprint("merchant_exports", __name__, url_prefix="/merchant/exports")

Batches = Iterator[list[Any]]
# An export's row type, its query and its filters.
EXPORTS: dict[str, tuple[type, Callable[..., Batches], set[str]]] = {
    "plans": (exports.PlanRow, exports.plans, {"search", "plan_status"}),
    "installments": (exports.InstallmentRow, exports.installments, {"search", "plan_status", "status"}),
    "payments": (exports.MovementRow, exports.movements, {"search", "plan_status", "from", "to"}),
    "receivables": (receivables.ReceivableRow, receivables.file_rows, {"as_of"}),
}
YEARS = range(1900, 3000)


@bp.get("/<what>.csv")
@requires(Permission.EXPORT)
def download(what: str) -> Response:
    """One file, narrowed by ``search`` and ``plan_status`` like the list of plans; installments by ``status`` too,
    payments by the days ``from`` and ``to``; receivables at the end of the day ``as_of``, today unless
    given. An unsupported filter is an error, so that no unfiltered file is sent."""
    if what not in EXPORTS:
        raise NotFound()
    row_type, read, names = EXPORTS[what]
    for name in request.args.keys() - names:
        raise InvalidInput.at(name, N_("This export does not support that filter."))
    today = business_date(now(), actor().timezone)
    wanted = exports.ExportFilter(
        search=searched(),
        plan_status=_one_of(exports.PLAN_STATUSES, "plan_status"),
        status=_one_of(exports.INSTALLMENT_STATUSES, "status"),
        first=_day("from"),
        last=_day("to"),
        as_of=_day("as_of") or today,
    )
    if (wanted.as_of or today) > today:
        raise InvalidInput.at("as_of", N_("This day is still ahead."))
    with unit_of_work(db.session):
        events.record_export(db.session, actor(), f"{what}.csv", origin(), now())
    batches = read(db.session, actor(), now(), wanted)
    named = wanted.as_of if "as_of" in names else today
    response = Response(
        stream_with_context(csv_lines(row_type, batches, actor().csv_separator)), mimetype="text/csv"
    )
    response.headers["Content-Disposition"] = f'attachment; filename="{what}-{named}.csv"'
    # Tell proxies not to buffer the file.
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _one_of(known: tuple[str, ...], name: str) -> str:
    value = request.args.get(name, "")
    if value and value not in known:
        raise InvalidInput.at(name, N_("Choose a state from the list."))
    return value


def _day(name: str) -> date | None:
    """A day that can be counted from in every time zone."""
    value = request.args.get(name)
    if not value:
        return None
    with suppress(ValueError):
        day = date.fromisoformat(value)
        if day.year in YEARS:
            return day
    raise InvalidInput.at(name, N_("Enter a date, such as 2026-12-31."))


def csv_lines(row_type: type, batches: Batches, separator: str) -> Iterator[str]:
    """The names of the columns at once, then batch after batch as text."""
    yield BYTE_ORDER_MARK + _text([[field.name for field in fields(row_type)]], separator)
    # Here, since what is read while a file is sent has a session of its own.
    read_from_standby()
    for batch in batches:
        # End the read here, so that a slow download holds no transaction open.
        db.session.rollback()
        yield _text([[cell(value) for value in _values(row)] for row in batch], separator)


def _values(row: Any) -> list[Any]:
    return [getattr(row, field.name) for field in fields(row)]


def _text(rows: list[list[str]], separator: str) -> str:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL, delimiter=separator).writerows(rows)
    return written.getvalue()
