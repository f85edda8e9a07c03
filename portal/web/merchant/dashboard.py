"""A shop's dashboard, with the pages behind its numbers and its settings beside it."""

from __future__ import annotations

from flask import Blueprint, render_template

from portal.core.roles import Role
from portal.extensions import db, now
from portal.queries import merchant, metrics
from portal.queries.needs import needs_of
from portal.web.guards import actor, requires

from . import charts, months, receivables, settings, undelivered
from . import numbers as pages_of_numbers
from .figures import cards, choices, chosen_period, span_in_words

bp = Blueprint("merchant", __name__, url_prefix="/merchant")


@bp.get("/")
@requires(Role.MERCHANT)
def dashboard() -> str:
    period = chosen_period()
    numbers = metrics.dashboard(db.session, actor(), now(), period)
    payments = merchant.latest_payments(db.session, actor())
    started = bool(payments or numbers.outstanding or any(point.amount for point in numbers.schedule))
    exported = {"from": numbers.span.first, "to": numbers.span.last} if numbers.previous else {}
    return render_template(
        "merchant/dashboard.html",
        numbers=numbers,
        span=span_in_words(numbers),
        cards=cards(numbers),
        choices=choices(period, ".dashboard"),
        received=charts.received_beside_schedule(numbers),
        expected=charts.expected_by_week(numbers),
        payments=payments,
        started=started,
        exported=exported,
        months=months.latest(),
        needs=needs_of(db.session, actor(), now()),
    )


bp.add_url_rule("/numbers", "numbers", pages_of_numbers.show_all)
bp.add_url_rule("/numbers/<name>", "number", pages_of_numbers.show)
bp.add_url_rule("/months/<month>", "month", months.show)
bp.add_url_rule("/months/<month>/<figure>", "month_rows", months.show_rows)
bp.add_url_rule("/receivables", "receivables", receivables.show)
bp.add_url_rule("/undelivered", "undelivered", undelivered.show)
bp.add_url_rule("/settings", "settings", settings.show, methods=["GET", "POST"])
bp.add_url_rule(
    "/settings/second-factor", "require_second_factor", settings.require_second_factor, methods=["POST"]
)
